"""The exercise on the linear explanation: `worst_case_linear`."""

from collections.abc import Callable

import torch
from torch import Tensor

from advtutor.checks.engine import Case, Exercise, Mistake


def worst_case_linear(w: Tensor, y: Tensor, eps: float) -> Tensor:
    """The step, at most eps in each input, that lowers y * (w.x + b) most: one row for each y."""
    return -eps * y[:, None] * w.sign()


def linear_recipe(
    way: int = -1,
    label: Callable[[Tensor], Tensor] = lambda y: y,
    step: Callable[[Tensor], Tensor] = torch.sign,
    size: Callable[..., float] = lambda eps, n: eps,
) -> Callable[..., Tensor]:
    """`worst_case_linear` with its parts in the open."""
    return lambda w, y, eps: way * size(eps, len(w)) * label(y)[:, None] * step(w)


MISTAKES = [
    Mistake(
        "plus",
        "this step raises y * (w.x + b): the worst case lowers it, so its sign is the other one",
        {"way": 1},
    ),
    Mistake(
        "no-label",
        "every example gets the same step: for y = -1 the output has to go up, so y belongs in it",
        {"label": torch.ones_like},
    ),
    Mistake(
        "labels-0-1",
        "the labels are turned as if they were 0 and 1; y is -1 or +1 already",
        {"label": lambda y: 2 * y - 1},
    ),
    Mistake(
        "no-sign",
        "the step follows the weights themselves: an input with a small weight may move by eps as "
        "well, so only the sign of w counts",
        {"step": lambda w: w},
    ),
    Mistake(
        "divided-by-max",
        "the weights are divided by the largest of them, so only one input moves by eps: take "
        "their sign",
        {"step": lambda w: w / w.abs().max()},
    ),
    Mistake(
        "divided-by-norm",
        "the weights are divided by their length: the worst case of an L2 ball; here each input "
        "may move by eps",
        {"step": lambda w: w / w.norm()},
    ),
    Mistake(
        "largest-only",
        "only the input with the largest weight moves: each of them may move by eps, all at once",
        {"step": lambda w: w.sign() * (w.abs() == w.abs().max())},
    ),
    Mistake(
        "shared-budget",
        "eps is divided among the inputs: in the max-norm each of the n inputs has all of it",
        {"size": lambda eps, n: eps / n},
    ),
    Mistake(
        "no-eps",
        "eps plays no part: each input moves by exactly eps",
        {"size": lambda eps, n: 1},
    ),
    Mistake(
        "eps-twice",
        "each input moves by 2 * eps: eps is applied twice",
        {"size": lambda eps, n: 2 * eps},
    ),
]


def linear_input(seed: int, batch: int, inputs: int, eps: float) -> tuple[Tensor, Tensor, float]:
    torch.random.default_generator.manual_seed(seed)
    w = torch.randn(inputs)
    y = 1 - 2 * (torch.arange(batch) % 2)  # both labels, -1 alone in a batch of one
    return w, (y if batch > 1 else -y).to(w.dtype), eps


WORST_CASE_LINEAR = Exercise(
    reference=worst_case_linear,
    recipe=linear_recipe,
    cases=[
        Case(lambda: linear_input(21, 6, 9, 0.25), batch=6),
        Case(lambda: linear_input(22, 1, 784, 0.1), batch=1),
        Case(lambda: linear_input(23, 4, 4, 0.03), batch=4),
    ],
    mistakes=MISTAKES,
    hints=(
        "Write y * (w.(x + eta) + b) as two terms. Only y * w.eta is yours to choose, and each "
        "entry of eta can be chosen by itself.",
        "One entry adds y * w_i * eta_i, with eta_i between -eps and eps. Which end makes it "
        "smallest, when y * w_i is positive, and which when it is negative?",
        "eta_i = -eps * y * sign(w_i). For all examples at once, y[:, None] * w.sign() has the "
        "shape [N, n].",
    ),
)
