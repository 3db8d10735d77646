"""The exercise on a gradient that is estimated from values alone."""

import torch
from torch import Tensor

from advtutor.checks.engine import Case, Exercise, Mistake


def estimated_gradient(loss, x, directions, h):
    total = torch.zeros_like(x)
    for v in directions:
        slope = (loss(x + h * v) - loss(x - h * v)) / (2 * h)
        total += slope[:, None, None, None] * v
    return total / len(directions)


def estimate_input(seed: int, batch: int, shape: tuple[int, int, int], h: float) -> tuple:
    torch.random.default_generator.manual_seed(seed)
    weight = torch.randn(shape)

    def loss(x: Tensor) -> Tensor:
        return (weight * (x + x**2 + x**3)).flatten(1).sum(dim=1)

    directions = 2.0 * torch.randint(2, (5, *shape)) - 1
    return loss, torch.rand(batch, *shape), directions, h


EXERCISE = Exercise(
    estimated_gradient,
    notebook="04_does_the_defence_hold",
    number=3,
    cases=[
        Case(lambda: estimate_input(61, 4, (1, 3, 3), 0.12), batch=4),
        Case(lambda: estimate_input(62, 1, (2, 2, 2), 0.23), batch=1),
        Case(lambda: estimate_input(63, 3, (1, 4, 5), 0.07), batch=3),
    ],
    mistakes=[
        Mistake(
            "downhill",
            "the difference is the wrong way round: this points down the loss",
            {"loss(x + h * v) - loss(x - h * v)": "loss(x - h * v) - loss(x + h * v)"},
        ),
        Mistake(
            "one-sided",
            "this looks to one side only: take the difference between x + h*v and x - h*v, over "
            "2*h; on a staircase both sides count",
            {"x - h * v": "x", "(2 * h)": "h"},
            {"x + h * v": "x", "(2 * h)": "h"},
        ),
        Mistake(
            "half-the-width",
            "the two points are 2*h apart: divide by 2*h and not by h",
            {"(2 * h)": "h"},
        ),
        Mistake(
            "no-width",
            "the difference is not divided by the distance of its two points, 2*h",
            {" / (2 * h)": ""},
        ),
        Mistake(
            "times-h",
            "/ 2 * h divides by 2 and multiplies by h: put brackets around 2 * h",
            {"/ (2 * h)": "/ 2 * h"},
        ),
        Mistake(
            "no-sides",
            "both losses are taken at the same point, so that nothing is left of their difference",
            {"x - h * v": "x + h * v"},
        ),
        Mistake(
            "sum",
            "the directions are added up: take their mean",
            {" / len(directions)": ""},
        ),
        Mistake(
            "last-direction",
            "only the last direction is left in the result: add each one to the sum",
            {"total +=": "total =", " / len(directions)": ""},
        ),
        Mistake(
            "first-direction",
            "only the first direction is used: does the return stand inside the loop?",
            {"    return total / len(directions)": "        return total"},
            {"    return total": "        return total"},
        ),
        Mistake(
            "signs-only",
            "only the sign of each slope goes in: a direction in which the loss hardly moves "
            "counts as much as the steepest one",
            {"slope[:, None, None, None]": "slope.sign()[:, None, None, None]"},
        ),
        Mistake(
            "batch-mixed",
            "the losses of the batch are added into one number: each example has its own slope",
            {"slope[:, None, None, None]": "slope.sum()"},
        ),
        Mistake(
            "no-direction",
            "the slopes are averaged without their directions: each one belongs to its v",
            {"None] * v": "None]"},
        ),
        Mistake(
            "points-too-far",
            "the two points are x + v and x - v: they lie h * v away, on either side",
            {"loss(x + h * v) - loss(x - h * v)": "loss(x + v) - loss(x - v)"},
        ),
        Mistake(
            "slopes-without-sign",
            "the sign of each slope is lost: where the loss falls along v, the way is against v",
            {"slope[:, None, None, None]": "slope.abs()[:, None, None, None]"},
        ),
        Mistake(
            "divided-by-batch",
            "the sum is divided by the number of examples: it is a mean over the directions",
            {"len(directions)": "len(x)"},
        ),
        Mistake(
            "sign-of-it",
            "this is the sign of the estimate: return the estimate, and leave the sign to the step",
            {"return total / len(directions)": "return total.sign()"},
        ),
    ],
    batched=("x",),
    hints=(
        "Along one direction v the loss has a slope. Measure it with two queries, a little ahead "
        "and a little behind.",
        "The slope, [N], is (loss(x + h*v) - loss(x - h*v)) / (2*h). It says how far to go along "
        "v.",
        "Add slope[:, None, None, None] * v over all v in directions, and divide by their number.",
    ),
)
