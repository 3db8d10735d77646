"""The explorers without a browser: the stored picture against what the page computes, in Node."""

import json
import os
import re
import shutil
import subprocess

import pytest
import torch
from safetensors.torch import load
from torch import nn

from advtutor import live, models, widgets
from advtutor.data import mnist
from advtutor.widgets import base

NODE = shutil.which("node")
WORDS = """
    const fs = require("node:fs");
    const revive = (_, value) =>
      value?.base64 === undefined ? value : new DataView(bytesOf(value.base64).buffer);
    const { kind, state, values } = JSON.parse(fs.readFileSync(process.argv[2], "utf8"), revive);
    process.stdout.write(JSON.stringify(values.map((some) => WIDGETS[kind].words(state, some))));
"""


@pytest.fixture(scope="module")
def network() -> nn.Module:
    model = models.ConvNet().eval()
    model.load_state_dict(load(live.networks()["usual"]))
    return model


@pytest.fixture(scope="module")
def digits():
    return tuple(part[:20] for part in mnist().test)


def test_the_stored_picture_says_what_the_page_says(tmp_path, network, digits):
    """Catches two answers to one question: the still's, by torch, and the engine's."""
    x, y = digits
    states = [{"digit": 0, "eps": 0.1}, {"digit": 8, "eps": 0.0}, {"digit": 3, "eps": 0.2}]
    stills = [
        widgets.eps.picture(network, x[n : n + 1], y[n : n + 1], eps)
        for n, eps in (state.values() for state in states)
    ]
    explorer = widgets.eps_explorer(network, x, y)
    assert_same(in_node(tmp_path, explorer, states), [still.alt for still in stills])


def in_node(folder, widget, values):
    """What `widget` says in the page at each of these `values` of its controls."""
    if NODE is None:
        if os.environ.get("ADVTUTOR_NODE") == "required":  # in CI nothing is skipped
            pytest.fail("there is no Node: install nodejs")
        pytest.skip("there is no Node to run the widgets in: install nodejs")
    script, given = folder / "widgets.js", folder / "given.json"
    script.write_text(base.script() + WORDS, encoding="utf-8")
    state = {"kind": widget.kind, "state": widget.state, "values": values}
    given.write_text(json.dumps(state, default=base._in_letters), encoding="utf-8")
    ran = subprocess.run([NODE, script, given], capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr[-2000:]
    return json.loads(ran.stdout)


def assert_same(found, wanted, within=0.6):
    """Sentences with the same words and numbers; percentages may differ by rounding."""
    number = re.compile(r"-?\d[\d,]*\.?\d*")
    for one, other in zip(found, wanted, strict=True):
        assert number.sub("#", one.replace(" %", "%")) == number.sub("#", other), (one, other)
        numbers = ([float(n.replace(",", "")) for n in number.findall(s)] for s in (one, other))
        assert list(next(numbers)) == pytest.approx(next(numbers), abs=within), (one, other)


def test_a_saved_notebook_carries_the_picture(network, digits):
    """Catches a widget that shows nothing without a kernel, or a text that differs each time."""
    data, metadata = widgets.eps_explorer(network, *digits)._repr_mimebundle_()
    assert "Digit 7 at eps 0.10" in metadata["image/png"]["alt"]
    assert metadata["image/png"]["alt"].endswith("run the cell to move it.")
    assert data["image/png"].startswith(b"\x89PNG")
    assert data["text/plain"] == "<Explorer: a digit under three changes within one bound>"
    assert "application/vnd.jupyter.widget-view+json" in data


def test_an_unknown_layer_leaves_the_picture_and_is_named(digits):
    """Catches controls that move nothing, and a network that is computed without its layer."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.Tanh())
    explorer = widgets.eps_explorer(model, *digits)
    data, metadata = explorer._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" not in data
    assert data["image/png"].startswith(b"\x89PNG")
    assert "Digit 7 at eps 0.10" in metadata["image/png"]["alt"]
    assert data["text/html"].startswith('<img alt="Digit 7 at eps 0.10')
    assert data["text/html"].endswith("the engine in the browser has no layer Tanh.</p>")
    assert not explorer.state.get("networks")


def test_a_broken_network_is_told_in_a_sentence(digits):
    """Catches a traceback, or a picture of NaN, for a model that outputs NaN."""
    model = models.SoftmaxRegression()
    nn.init.constant_(model.linear.bias, float("nan"))
    data, metadata = widgets.eps_explorer(model, *digits)._repr_mimebundle_()
    assert "NaN" in data["text/html"] and "<img" not in data["text/html"]
    assert "image/png" not in data
    assert data["text/plain"] == "<Explorer: no picture>" and metadata == {}


def test_the_learners_network_stays_as_it_was(network, digits):
    """Catches a network that is left in float64, in another mode, or with other weights."""
    model = models.ConvNet().train()
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    widgets.eps_explorer(model, *digits)
    assert model.training
    for name, weight in model.state_dict().items():
        assert weight.dtype == torch.float32 and torch.equal(weight, before[name])


def test_the_page_asks_for_nothing_outside():
    """Catches a script or a style from elsewhere."""
    source = (base.script() + base.css() + base.mount()).replace("http://www.w3.org/2000/svg", "")
    assert "http" not in source and "import(" not in source and "fetch(" not in source
