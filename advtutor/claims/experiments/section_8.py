"""Section 8: along the line of one step (Figure 4), and who agrees with the maxout network."""

from collections.abc import Iterator

import torch
from torch import Tensor

from advtutor import attacks, linearity
from advtutor.claims.experiments.base import Run, measure
from advtutor.claims.experiments.digits import EPS, classes, share
from advtutor.claims.experiments.table import settings

DIGITS = settings("line")["digits"]  # along whose lines the logits are followed


@measure("one_wrong_class")
def line(run: Run, name: str) -> float:
    """The share of the first digits with one wrong class at every eps from 5 to 10."""
    distances = torch.linspace(-10, 10, 201)
    stays = []
    for logits, label in _lines(run, name, distances):
        far = logits[distances >= 5].argmax(dim=1)
        stays.append(bool((far == far[0]).all() and far[0] != label))
    return sum(stays) / len(stays)


@measure("r2")
def straight(run: Run, name: str) -> float:
    """R2 of straight lines through the logits as far as the step goes: median over all of them."""
    distances = torch.linspace(0, EPS, 26)
    r2 = [
        linearity.straightness(distances, logits, window=(0, EPS)).r2
        for logits, _ in _lines(run, name, distances)
    ]
    return torch.stack(r2).median().item()


def _lines(run: Run, name: str, distances: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    model, x, y = run.network(name), run.test.x[:DIGITS], run.test.y[:DIGITS]
    direction = attacks.fgsm(model, x, y, 1.0, clip=None) - x
    for image, step, label in zip(x, direction, y, strict=True):
        yield linearity.logits_along_line(model, image, step, distances), label


@measure("made_for_maxout", "made_for_softmax")
def pair(run: Run, maxout: str, softmax: str, rbf: str) -> tuple[float, ...]:
    """How often RBF takes softmax regression's class where both are wrong, on whose examples."""

    def alike(victim: str) -> float:
        one, other = classes(run, victim, softmax, rbf)
        return share(one == other, (one != run.test.y) & (other != run.test.y))

    return alike(maxout), alike(softmax)
