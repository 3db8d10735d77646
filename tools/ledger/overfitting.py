"""Measure how the step of fast training decides what PGD finds: data of the overfitting explorer.

python -m tools.ledger.overfitting      about eight minutes of one core; writes overfitting.csv

Wong, Rice, Kolter, Fast is better than free (arXiv 2001.03994), section 5.
"""

import csv
from functools import partial
from pathlib import Path

import torch
from torch import nn

from advtutor import attacks, data, training
from advtutor.evaluation import evaluate
from advtutor.models import ConvNet

TARGET = Path(__file__).resolve().parents[2] / "advtutor" / "assets" / "overfitting.csv"
EPS, EPOCHS, N = 0.25, 3, 1000
STEPS = [0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0]  # in units of eps
ATTACKS = {
    "clean": None,
    "fgsm": partial(attacks.fgsm, eps=EPS),
    "pgd": partial(attacks.pgd, eps=EPS, steps=20, early_stop=True),
}


def accuracies(model: nn.Module) -> dict[str, float]:
    """Accuracy on the first `N` test digits, clean and under each attack."""
    torch.manual_seed(0)
    x, y = digits.test.x[:N], digits.test.y[:N]
    return {name: round(evaluate(model, x, y, a).accuracy, 4) for name, a in ATTACKS.items()}


def main() -> None:
    with TARGET.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["step_over_eps", "epoch", *ATTACKS])
        for step in STEPS:
            history = training.fit(
                ConvNet(),
                *digits.train,
                objective=training.RandomStart(EPS, step_size=step * EPS),
                epochs=EPOCHS,
                lr=3e-3,
                validation=accuracies,
            )
            for epoch, row in enumerate(history.epochs, start=1):
                table.writerow([step, epoch, *(row[name] for name in ATTACKS)])
            file.flush()


if __name__ == "__main__":
    digits = data.mnist()
    main()
