"""The engine in Chromium, from a file on the disk: the numbers that it gives in Node."""

import base64
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load

from advtutor import attacks, live, models
from advtutor.data import mnist

PROOF = Path(__file__).resolve().parents[1] / "live" / "proof.js"
COUNT = 200


@pytest.mark.parametrize("name", live.networks())
def test_a_page_from_the_disk_computes_what_torch_does(browser, tmp_path, name) -> None:
    """Catches an engine that needs a server, a module or a fetch, and arithmetic of its own."""
    x, y = (part[:COUNT] for part in mnist().test)
    task = {
        "task": "answers",
        "network": base64.b64encode(live.networks()[name]).decode(),
        "pixels": base64.b64encode((255 * x).round().byte().numpy().tobytes()).decode(),
        "labels": y.tolist(),
        "attacked": 50,
        "eps": 0.25,
    }
    source = f"{live.engine()}\n{PROOF.read_text('utf-8')}\nconst task = {json.dumps(task)};"
    path = tmp_path / "engine.html"
    path.write_text(f"<!doctype html><meta charset=utf-8><script>{source}</script>")
    page = browser.new_page()
    page.goto(path.as_uri())
    found = page.evaluate("() => perform(task)")
    page.close()

    model = models.ConvNet()
    model.load_state_dict(load(live.networks()[name]))
    x_open = x.clone().requires_grad_()
    logits = model(x_open)
    (gradient,) = torch.autograd.grad(attacks.cross_entropy(logits, y).sum(), x_open)
    in_page = torch.frombuffer(bytearray(base64.b64decode(found["logits"])), dtype=torch.float32)
    assert torch.allclose(in_page.view(COUNT, 10), logits.detach(), rtol=1e-4, atol=1e-4)
    raw = bytearray(base64.b64decode(found["gradients"]))
    in_page = torch.frombuffer(raw, dtype=torch.float32).view_as(gradient)
    assert (in_page - gradient).abs().max() < 1e-4 * gradient.abs().max()
    broken = sum(found["misread"]["PGD-20"]) / task["attacked"]
    assert broken == 1 if name == "usual" else 0.05 < broken < 0.45
