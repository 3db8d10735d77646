"""Train the networks again that come with the package, and store them in half precision.

python -m tools.ledger.weights              about ten minutes on two cores: all of them
python -m tools.ledger.weights --store DIR  takes maxout networks that `advtutor reproduce` left
"""

import argparse
import hashlib
import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

import advtutor
from advtutor import attacks, live, models, training
from advtutor.checks.defences import WEIGHTS
from advtutor.claims.experiments.table import RECIPES
from advtutor.claims.trained import trained
from advtutor.claims.weights import FOLDER
from advtutor.data import mnist
from advtutor.evaluation import evaluate

ASSETS = Path(advtutor.__file__).parent / "assets"
EPS, SEED = 0.25, 0
# Notebook 04's, which its checks defend; FGSM alone hardens one of them: its gradients are masked.
DEFENCES = {
    "usual": (training.clean, 20_000, 3),
    "hardened": (training.Adversarial(EPS), 30_000, 4),
}
# The website's first page's.
LIVE = {
    "usual": ("the digits as they are", training.clean, 1),
    "hardened": ("attacked digits, eps 0.25", training.PGD(EPS, steps=5), 3),
}
ATTACKS = {
    "FGSM": partial(attacks.fgsm, eps=EPS),
    "20 steps": partial(attacks.pgd, eps=EPS, steps=20, early_stop=True),
    "sign noise": partial(attacks.sign_noise, eps=EPS),
}
# The paper's.
MAXOUT = {
    "maxout": RECIPES["short"],
    "maxout-adversarial": RECIPES["short, adversarial, 24 epochs"],
}


def conv_net(objective: training.Objective, count: int, epochs: int) -> nn.Module:
    """A network that has learnt so many of the digits for so many epochs."""
    torch.manual_seed(SEED)
    model, (x, y) = models.ConvNet(), mnist().train
    training.fit(model, x[:count], y[:count], objective=objective, epochs=epochs, lr=3e-3)
    return model


def defences() -> None:
    """Two networks in one file."""
    stored = {}
    for name, recipe in DEFENCES.items():
        weights = conv_net(*recipe).state_dict()
        stored |= {f"{name}.{key}": value.half() for key, value in weights.items()}
    save_file(stored, WEIGHTS)


def of_the_first_page() -> None:
    """Two networks, and what is measured of what is stored."""
    index, test = {}, mnist().test
    for name, (words, objective, epochs) in LIVE.items():
        model = conv_net(objective, 60_000, epochs)
        packed = live.pack(model, half=True)
        (ASSETS / "live" / f"{name}.safetensors").write_bytes(packed)
        model.half().float()
        torch.manual_seed(SEED)
        errors = {"clean": evaluate(model, *test).error}
        errors |= {each: evaluate(model, *test, attack).error for each, attack in ATTACKS.items()}
        index[name] = {
            "sha256": hashlib.sha256(packed).hexdigest(),
            "trained on": words,
            "seed": SEED,
            "error": errors,
            "n": len(test.x),
            "eps": EPS,
        }
    write(ASSETS / "live" / "index.json", index)


def of_the_paper(store: Path) -> None:
    """The maxout networks, with their figures."""
    folder, digits, index = ASSETS.parent / FOLDER, mnist(), {}
    for name, recipe in MAXOUT.items():
        model = trained(recipe, SEED, digits.train, store=store).model.half()
        path = folder / f"{name}.safetensors"
        save_file({key: value.contiguous() for key, value in model.state_dict().items()}, path)
        attacked = evaluate(model.float(), *digits.test, partial(attacks.fgsm, eps=EPS, clip=None))
        index[name] = {
            "file": path.name,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "seed": SEED,
            "recipe": recipe.as_data(),
            "measured": {
                "clean error": evaluate(model, *digits.test).error,
                "FGSM error": attacked.error,
                "FGSM confidence": round(attacked.confidence_on_errors, 4),
            },
            "n": attacked.n,
        }
    write(folder / "index.json", index)


def write(path: Path, index: Mapping[str, Any]) -> None:
    """Write what is known of the stored networks."""
    path.write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {path}: {index}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", type=Path, default=Path("build/networks"), help="trained ones")
    store = parser.parse_args().store
    defences()
    of_the_first_page()
    of_the_paper(store)
