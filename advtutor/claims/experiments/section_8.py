"""Section 8: along the line of one step (Figure 4), and who agrees with the maxout network."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from advtutor import attacks, linearity
from advtutor.claims.experiments.base import Experiment, Run
from advtutor.claims.experiments.digits import EPS, UNCLIPPED, fgsm, share
from advtutor.claims.experiments.section_4 import MAXOUT, SOFTMAX
from advtutor.claims.experiments.section_7 import RBF
from advtutor.data import Split
from advtutor.evaluation import predict

DIGITS = 200  # along whose lines the logits are followed


@dataclass(frozen=True)
class Line:
    """Of the first 200 test digits, along the sign of the gradient, from eps = -10 to 10.

    one_wrong_class: the share with one and the same wrong class at every eps from 5 to 10.
    """

    one_wrong_class: float


def line(run: Run) -> dict[str, Line]:
    """Whether the wrong class of the maxout network holds for every large enough eps."""
    return {"maxout": Line(one_wrong_class(run.network("maxout"), run.test))}


def one_wrong_class(model: nn.Module, test: Split) -> float:
    """`Line.one_wrong_class` of `model`, for the first digits of `test`."""
    distances = torch.linspace(-10, 10, 201)
    stays = []
    for logits, label in _lines(model, test, distances):
        far = logits[distances >= 5].argmax(dim=1)
        stays.append(bool((far == far[0]).all() and far[0] != label))
    return sum(stays) / len(stays)


def _lines(model: nn.Module, test: Split, distances: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    x, y = test.x[:DIGITS], test.y[:DIGITS]
    direction = attacks.fgsm(model, x, y, 1.0, clip=None) - x
    for image, step, label in zip(x, direction, y, strict=True):
        yield linearity.logits_along_line(model, image, step, distances), label


@dataclass(frozen=True)
class Straight:
    """Of the first 200 test digits, along the step itself, from eps = 0 to 0.25.

    r2: of straight lines through the logits, the median over digits and classes.
    """

    r2: float


def straight(run: Run) -> dict[str, Straight]:
    """Whether the logits of the maxout network follow straight lines as far as the step goes."""
    return {"maxout": Straight(straightness(run.network("maxout"), run.test))}


def straightness(model: nn.Module, test: Split) -> float:
    """`Straight.r2` of `model`, for the first digits of `test`."""
    distances = torch.linspace(0, EPS, 26)
    each = [
        linearity.straightness(distances, logits, window=(0, EPS)).r2
        for logits, _ in _lines(model, test, distances)
    ]
    return torch.stack(each).median().item()


@dataclass(frozen=True)
class Agreement:
    """How often a network takes maxout's wrong class.

    maxouts_class: among the examples that fool maxout; maxouts_class_both_wrong: among those that
    fool both.
    """

    maxouts_class: float
    maxouts_class_both_wrong: float


@dataclass(frozen=True)
class Pair:
    """How often RBF takes softmax regression's class where both are wrong.

    made_for_maxout, made_for_softmax: on whose examples.
    """

    made_for_maxout: float
    made_for_softmax: float


def agreement(run: Run) -> dict[str, Agreement | Pair]:
    """Which class softmax regression and RBF see in maxout's examples."""
    x, y = run.test
    maxout, softmax, rbf = (run.network(name) for name in ("maxout", "softmax", "RBF"))
    made = fgsm()(maxout, x, y)
    theirs = predict(maxout, made).classes
    seen = {name: predict(run.network(name), made).classes for name in ("softmax", "RBF")}
    fooled = theirs != y

    made_for_softmax = fgsm()(softmax, x, y)
    own, other = predict(softmax, made_for_softmax).classes, predict(rbf, made_for_softmax).classes
    both_wrong = (seen["softmax"] != y) & (seen["RBF"] != y)
    pair = Pair(
        made_for_maxout=share(seen["RBF"] == seen["softmax"], both_wrong),
        made_for_softmax=share(own == other, (own != y) & (other != y)),
    )
    each = {
        name: Agreement(
            share(classes == theirs, fooled), share(classes == theirs, fooled & (classes != y))
        )
        for name, classes in seen.items()
    }
    return {**each, "softmax and RBF": pair}


EXPERIMENTS = [
    Experiment(
        "line",
        line,
        {"maxout": Line},
        {"maxout": MAXOUT},
        {"eps": [-10, 10], "clip": None, "digits": DIGITS},
        minutes=9,
    ),
    Experiment(
        "straight",
        straight,
        {"maxout": Straight},
        {"maxout": MAXOUT},
        {"eps": [0, EPS], "clip": None, "digits": DIGITS},
        minutes=9,
    ),
    Experiment(
        "agreement",
        agreement,
        {"softmax": Agreement, "RBF": Agreement, "softmax and RBF": Pair},
        {"maxout": MAXOUT, "softmax": SOFTMAX, "RBF": RBF},
        UNCLIPPED,
        {name: ("maxout", name) for name in ("softmax", "RBF")},
        minutes=10,
    ),
]
