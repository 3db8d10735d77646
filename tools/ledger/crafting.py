"""Harden maxout networks with dropout on or off while the examples are made: crafting.csv.

python -m tools.ledger.crafting SEED [SEED ...]     about 25 minutes of one core a seed

The recipe is pylearn2's for the paper's network of 240 units, 12 epochs on 50,000 digits; the
objective is the paper's, not clipped. After each epoch the network is measured on 2,000 digits of
the 10,000 that were held out. A pair of way and seed that the file holds is not run again.
"""

import csv
import sys
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from advtutor import attacks, data, training
from advtutor.claims.crafting import WAYS
from advtutor.claims.experiments.table import RECIPES
from advtutor.claims.trained import untrained
from advtutor.evaluation import evaluate

TARGET = Path(__file__).resolve().parents[2] / "advtutor" / "assets" / "crafting.csv"
EPS, EPOCHS, TRAIN, N, N_PGD = 0.25, 12, 50_000, 2000, 500
NAMES = [
    "clean",
    "FGSM at eps/4",
    "FGSM at 0.1",
    "FGSM at eps/2",
    "FGSM",
    "FGSM, clipped",
    "transfer",
    "transfer, clipped",
    "PGD",
    "own prediction",
    "least likely",
    "random start",
    "dropout on",  # examples made with dropout on, read with dropout off
    "zero gradients",  # the share of pixels
    "zero gradients, dropout on",
    "shadow read as the digit",  # made by hand: eps where the digit is black
    "step read as the digit",
    "false step read as its label",
    "false step read as the digit",
]


@dataclass(frozen=True)
class Crafted:
    """The paper's objective, with the examples made in one of `WAYS`."""

    way: str

    def backward(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        """The objective, its gradients added to the weights' on the way."""
        x, weights = x.detach().requires_grad_(), list(model.parameters())
        masks = torch.get_rng_state()
        loss = F.cross_entropy(model(x), y) / 2
        loss.backward(inputs=[x, *weights])
        gradient = x.grad
        if self.way == "dropout off":
            model.eval()
            (gradient,) = torch.autograd.grad(F.cross_entropy(model(x), y), x)
            model.train()
        if self.way == "same mask":
            torch.set_rng_state(masks)
        examples = x.detach() + EPS * gradient.sign()
        loss_adv = F.cross_entropy(model(examples), y) / 2
        loss_adv.backward(inputs=weights)
        return (loss + loss_adv).detach()


def measured(model: nn.Module, x: Tensor, y: Tensor, strangers: Tensor) -> list[float]:
    """The numbers of `NAMES`; `strangers` are FGSM examples made for another network."""

    def error(images: Tensor, labels: Tensor = y) -> float:
        return evaluate(model, images, labels).error

    def share_read(images: Tensor, labels: Tensor) -> float:
        return 1 - error(images, labels)

    def slope(labels: Tensor) -> Tensor:
        images = x.clone().requires_grad_()
        loss = F.cross_entropy(model(images), labels, reduction="sum")
        return torch.autograd.grad(loss, images)[0]

    step = partial(attacks.fgsm, model, x, clip=None)
    with torch.no_grad():
        logits = model(x)
    generator = torch.Generator().manual_seed(0)
    pgd = partial(attacks.pgd, model, eps=EPS, clip=None, generator=generator)
    gradient, false_labels = slope(y), (y + 1 + torch.arange(len(y)) % 9) % 10
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model.train()
        with_dropout = slope(y)
        model.eval()
    false_step = EPS * slope(false_labels).sign()
    return [
        error(x),
        error(step(y, EPS / 4)),
        error(step(y, 0.1)),
        error(step(y, EPS / 2)),
        error(step(y, EPS)),
        error(step(y, EPS).clamp(0, 1)),
        error(strangers),
        error(strangers.clamp(0, 1)),
        error(pgd(x[:N_PGD], y[:N_PGD], steps=20, early_stop=True), y[:N_PGD]),
        error(step(logits.argmax(1), EPS)),
        error(step(logits.argmin(1), EPS, targeted=True)),
        error(pgd(x, y, steps=1, step_size=1.25 * EPS)),
        error(x + EPS * with_dropout.sign()),
        (gradient == 0).float().mean().item(),
        (with_dropout == 0).float().mean().item(),
        share_read(torch.where(x > 0, 0.0, EPS), y),
        share_read(EPS * gradient.sign(), y),
        share_read(false_step, false_labels),
        share_read(false_step, y),
    ]


def main() -> None:
    digits = data.mnist().train
    x, y = digits.x[TRAIN : TRAIN + N], digits.y[TRAIN : TRAIN + N]
    recipe = replace(RECIPES["adversarial"], epochs=EPOCHS)
    known = TARGET.read_text(encoding="utf-8").splitlines() if TARGET.exists() else []
    done = {tuple(row.split(",")[:2]) for row in known}
    with TARGET.open("a", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        if not known:
            table.writerow(["way", "seed", "epoch", *NAMES])
        for seed in sys.argv[1:]:
            fit = partial(
                training.fit,
                x=digits.x[:TRAIN],
                y=digits.y[:TRAIN],
                optimizer=training.falling_sgd,
                epochs=EPOCHS,
                batch_size=recipe.batch_size,
                lr=recipe.lr,
                seed=int(seed),
            )
            ways = [way for way in WAYS if (way, seed) not in done]
            if ways:
                usual = untrained(recipe, int(seed))
                fit(usual, objective=training.clean)
                strangers = attacks.fgsm(usual, x, y, EPS, clip=None)
            for way in ways:
                watch = partial(measured, x=x, y=y, strangers=strangers)
                history = fit(
                    untrained(recipe, int(seed)),
                    objective=Crafted(way),
                    validation=lambda model, watch=watch: dict(
                        zip(NAMES, watch(model), strict=True)
                    ),
                )
                for epoch, row in enumerate(history.epochs, start=1):
                    table.writerow([way, seed, epoch, *(round(row[name], 4) for name in NAMES)])
                file.flush()


if __name__ == "__main__":
    main()
