"""Train the two networks of the website's first page, and store them with what was measured.

python -m tools.ledger.live      about three minutes on a quiet core; writes advtutor/assets/live/
"""

import hashlib
import json
from functools import partial
from pathlib import Path

import torch
from torch import nn

import advtutor
from advtutor import attacks, live, models, training
from advtutor.data import mnist
from advtutor.evaluation import evaluate

FOLDER = Path(advtutor.__file__).parent / "assets" / "live"
EPS, SEED = 0.25, 0
RECIPES = {
    "usual": ("the digits as they are", training.clean, 1),
    "hardened": ("attacked digits, eps 0.25", training.PGD(EPS, steps=5), 3),
}
ATTACKS = {
    "FGSM": partial(attacks.fgsm, eps=EPS),
    "20 steps": partial(attacks.pgd, eps=EPS, steps=20, early_stop=True),
    "sign noise": partial(attacks.sign_noise, eps=EPS),
}


def main() -> None:
    """Train both on all 60,000 digits, and measure what is stored, in half precision."""
    digits, index = mnist(), {}
    FOLDER.mkdir(exist_ok=True)
    for name, (recipe, objective, epochs) in RECIPES.items():
        torch.manual_seed(SEED)
        model = models.ConvNet()
        training.fit(model, *digits.train, objective=objective, epochs=epochs, lr=3e-3)
        packed = live.pack(model, half=True)
        path = FOLDER / f"{name}.safetensors"
        path.write_bytes(packed)
        index[name] = {
            "sha256": hashlib.sha256(packed).hexdigest(),
            "trained on": recipe,
            "seed": SEED,
            "error": measured(model.half().float()),
            "n": len(digits.test.x),
            "eps": EPS,
        }
        print(f"wrote {path} ({len(packed) / 1024:.0f} KB): {index[name]['error']}")
    (FOLDER / "index.json").write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")


def measured(model: nn.Module) -> dict[str, float]:
    """The error on the test digits: clean, and under each attack."""
    torch.manual_seed(SEED)
    x, y = mnist().test
    clean = {"clean": evaluate(model, x, y).error}
    return clean | {name: evaluate(model, x, y, attack).error for name, attack in ATTACKS.items()}


if __name__ == "__main__":
    main()
