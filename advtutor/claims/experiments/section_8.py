"""Section 8: along the line of one step (Figure 4), and who agrees with the maxout network."""

from dataclasses import dataclass

import torch
from torch import nn

from advtutor import attacks, linearity
from advtutor.claims.experiments.base import Experiment, Run
from advtutor.claims.experiments.digits import UNCLIPPED, fgsm, share
from advtutor.claims.experiments.section_4 import MAXOUT, SOFTMAX
from advtutor.claims.experiments.section_7 import RBF
from advtutor.data import Split
from advtutor.evaluation import predict

DIGITS = 200  # along whose lines the logits are followed


@dataclass(frozen=True)
class Line:
    """Of the first 200 test digits, along the sign of the gradient.

    one_wrong_class: the share with one and the same wrong class at every eps from 5 to 10.
    straightness: R2 of straight lines through the logits on either side of the digit, from 1 to 10;
        the median over digits, sides and classes.
    """

    one_wrong_class: float
    straightness: float


def line(run: Run) -> dict[str, Line]:
    """The logits of the maxout network from eps = -10 to 10."""
    return {"maxout": along_the_line(run.network("maxout"), run.test)}


def along_the_line(model: nn.Module, test: Split, count: int = DIGITS) -> Line:
    """`Line` of `model`, for the first `count` digits."""
    distances = torch.linspace(-10, 10, 201)
    x, y = test.x[:count], test.y[:count]
    direction = attacks.fgsm(model, x, y, 1.0, clip=None) - x
    stays, straight = [], []
    for image, step, label in zip(x, direction, y, strict=True):
        logits = linearity.logits_along_line(model, image, step, distances)
        far = logits[distances >= 5].argmax(dim=1)
        stays.append(bool((far == far[0]).all() and far[0] != label))
        for window in ((-10, -1), (1, 10)):
            straight.append(linearity.straightness(distances, logits, window=window).r2)
    return Line(sum(stays) / count, torch.stack(straight).median().item())


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
    theirs = predict(maxout, made)[1]
    seen = {name: predict(run.network(name), made)[1] for name in ("softmax", "RBF")}
    fooled = theirs != y

    made_for_softmax = fgsm()(softmax, x, y)
    own, other = predict(softmax, made_for_softmax)[1], predict(rbf, made_for_softmax)[1]
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
        minutes=3,
    ),
    Experiment(
        "agreement",
        agreement,
        {"softmax": Agreement, "RBF": Agreement, "softmax and RBF": Pair},
        {"maxout": MAXOUT, "softmax": SOFTMAX, "RBF": RBF},
        UNCLIPPED,
        minutes=4,
    ),
]
