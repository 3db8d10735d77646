"""The exercise on a gradient that is estimated from values alone."""

import torch
from torch import Tensor

from advtutor.checks.engine import Exercise, cases


def estimated_gradient(loss, x, directions, h):
    total = torch.zeros_like(x)
    for v in directions:
        slope = (loss(x + h * v) - loss(x - h * v)) / (2 * h)
        total += slope[:, None, None, None] * v
    return total / len(directions)


def estimate_input(batch: int, shape: tuple[int, int, int], h: float) -> tuple:
    weight = torch.randn(shape)

    def loss(x: Tensor) -> Tensor:
        return (weight * (x + x**2 + x**3)).flatten(1).sum(dim=1)

    directions = 2.0 * torch.randint(2, (5, *shape)) - 1
    if batch > 3:  # others than coins
        directions *= 0.5 + torch.rand(directions.shape)
    return loss, torch.rand(batch, *shape), directions, h


EXERCISE = Exercise(
    estimated_gradient,
    notebook="04_does_the_defence_hold",
    number=3,
    cases=cases(
        estimate_input,
        (61, 4, (1, 3, 3), 0.12),
        (62, 1, (2, 2, 2), 0.23),
        (63, 3, (1, 4, 5), 0.07),
    ),
    mistakes={
        "downhill": {"loss(x + h * v) - loss(x - h * v)": "loss(x - h * v) - loss(x + h * v)"},
        "one-sided": [{"x - h * v": "x", "(2 * h)": "h"}, {"x + h * v": "x", "(2 * h)": "h"}],
        "half-the-width": {"(2 * h)": "h"},
        "no-width": {" / (2 * h)": ""},
        "times-h": {"/ (2 * h)": "/ 2 * h"},
        "no-sides": {"x - h * v": "x + h * v"},
        "sum": {" / len(directions)": ""},
        "last-direction": {"total +=": "total =", " / len(directions)": ""},
        "first-direction": [
            {"    return total / len(directions)": "        return total"},
            {"    return total": "        return total"},
        ],
        "no-direction-in-the-points": {"x + h * v": "x + h", "x - h * v": "x - h"},
        "clamped-points": {
            "x + h * v": "(x + h * v).clamp(0, 1)",
            "x - h * v": "(x - h * v).clamp(0, 1)",
        },
        "added": {") - loss(": ") + loss("},
        "direction-divided": {"None] * v": "None] / v"},
        "signs-only": {"slope[:, None, None, None]": "slope.sign()[:, None, None, None]"},
        "batch-mixed": {"slope[:, None, None, None]": "slope.sum()"},
        "no-direction": {"None] * v": "None]"},
        "points-too-far": {"loss(x + h * v) - loss(x - h * v)": "loss(x + v) - loss(x - v)"},
        "slopes-without-sign": {"slope[:, None, None, None]": "slope.abs()[:, None, None, None]"},
        "divided-by-batch": {"len(directions)": "len(x)"},
    },
    says={
        "downhill": "the difference is the wrong way round: this points down the loss",
        "one-sided": "this looks to one side only: take the difference between x + h*v and x - "
        "h*v, over 2*h; on a staircase both sides count",
        "half-the-width": "the two points are 2*h apart: divide by 2*h and not by h",
        "no-width": "the difference is not divided by the distance of its two points, 2*h",
        "times-h": "/ 2 * h divides by 2 and multiplies by h: put brackets around 2 * h",
        "no-sides": "both losses are taken at the same point, so that nothing is left of their "
        "difference",
        "sum": "the directions are added up: take their mean",
        "last-direction": "only the last direction is left in the result: add each one to the sum",
        "first-direction": "only the first direction is used: does the return stand inside the "
        "loop?",
        "signs-only": "only the sign of each slope goes in: a direction in which the loss hardly "
        "moves counts as much as the steepest one",
        "no-direction-in-the-points": "the two points are x + h and x - h for each v: step along "
        "v, x + h * v",
        "clamped-points": "the two points are clamped to [0, 1]: then they no longer lie 2*h apart",
        "added": "the two losses are added: a slope is their difference",
        "direction-divided": "the slopes are divided by v, which is right for +1 and -1 alone: "
        "multiply",
        "batch-mixed": "the losses of the batch are added into one number: each example has its "
        "own slope",
        "no-direction": "the slopes are averaged without their directions: each one belongs to "
        "its v",
        "points-too-far": "the two points are x + v and x - v: they lie h * v away, on either side",
        "slopes-without-sign": "the sign of each slope is lost: where the loss falls along v, the "
        "way is against v",
        "divided-by-batch": "the sum is divided by the number of examples: it is a mean over the "
        "directions",
    },
    batched=("x",),
    hints=(
        "Along one direction v the loss has a slope. Measure it with two queries, a little ahead "
        "and a little behind.",
        "The slope, [N], is (loss(x + h*v) - loss(x - h*v)) / (2*h). It says how far to go along "
        "v.",
        "Add slope[:, None, None, None] * v over all v in directions, and divide by their number.",
    ),
)
