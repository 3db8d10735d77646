"""Train the two networks that the checks of notebook 04 defend, and store their weights.

python -m tools.ledger.defences      about a minute; writes advtutor/assets/defences.safetensors
"""

import torch
from safetensors.torch import save_file

from advtutor import models, training
from advtutor.checks.defences import WEIGHTS
from advtutor.data import mnist

EPS = 0.25
RECIPES = {
    "usual": (training.clean, 20_000, 3),
    "hardened": (training.Adversarial(EPS), 30_000, 4),  # FGSM alone: its gradients are masked
}


def main() -> None:
    """Train both and write one file, in half precision: twice as small, and precise enough."""
    digits, stored = mnist().train, {}
    for name, (objective, count, epochs) in RECIPES.items():
        torch.manual_seed(0)
        model = models.ConvNet()
        x, y = digits.x[:count], digits.y[:count]
        training.fit(model, x, y, objective=objective, epochs=epochs, lr=3e-3)
        stored |= {f"{name}.{key}": value.half() for key, value in model.state_dict().items()}
    save_file(stored, WEIGHTS)
    print(f"wrote {WEIGHTS} ({WEIGHTS.stat().st_size / 1024:.0f} KB)")


if __name__ == "__main__":
    main()
