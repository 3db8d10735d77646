"""The exercise on the radius that can be proved for a linear model."""

import torch
from torch import Tensor

from advtutor.checks.engine import Exercise, cases


def linear_radius(w, b, x, y):
    margin = y * (x @ w + b)
    return margin.clamp(min=0) / w.abs().sum()


def radius_input(batch: int, inputs: int, size: float = 1) -> tuple[Tensor, ...]:
    w, x = size * torch.randn(inputs), torch.rand(batch, inputs)
    y = (1 - 2 * (torch.arange(batch) % 2)).to(w.dtype)
    wish = y * (0.5 + torch.rand(batch))  # the score each example is given
    wish[1:2] *= 40  # one that more than a whole range has to move
    wish[2::3] *= -1  # and some of them are wrong
    b = torch.tensor(0.75)
    return w, b, x + ((wish - b - x @ w) / (w @ w))[:, None] * w, y


EXERCISE = Exercise(
    linear_radius,
    notebook="07_proof_not_promise",
    number=1,
    cases=cases(
        radius_input,
        (41, 6, 9),
        (42, 1, 50),
        (43, 9, 4, 0.1),
    ),
    mistakes={
        "no-bias": {" + b": ""},
        "offset-outside": {"y * (x @ w + b)": "y * (x @ w) + b"},
        "not-divided": {" / w.abs().sum()": ""},
        "no-label": {"y * (": "("},
        "label-in-the-condition": {
            "return margin.clamp(min=0)": "return torch.where(margin > 0, x @ w + b, 0 * b)",
        },
        "labels-0-1": {"y * (": "(2 * y - 1) * ("},
        "absolute": {".clamp(min=0)": ".abs()"},
        "negative": {".clamp(min=0)": ""},
        "l2-norm": {"w.abs().sum()": "w.norm()"},
        "squared": {"w.abs()": "w.square()"},
        "largest-weight": {"sum()": "max()"},
        "mean-weight": {"sum()": "mean()"},
        "norm-at-least-one": {"w.abs().sum()": "w.abs().sum().clamp(min=1)"},
        "signed-sum": {"w.abs()": "w"},
        "cut-at-one": {
            "return margin.clamp(min=0) / w.abs().sum()": (
                "return (margin / w.abs().sum()).clamp(0, 1)"
            ),
        },
        "turned-round": {"margin = y": "margin = -y"},
        "offset-among-weights": {"w.abs().sum()": "(w.abs().sum() + b.abs())"},
        "multiplied": {"/ w": "* w"},
    },
    says={
        "no-bias": "the bias is missing: it is part of the score that the step has to use up",
        "not-divided": "this is the score itself: a step of eps lowers it by eps * ||w||_1, so "
        "divide",
        "no-label": "the labels play no part: for y = -1 the model is right where w.x + b is "
        "negative",
        "label-in-the-condition": "the radii of y = -1 come out negative: what the step has to use "
        "up there is y * (w.x + b), not w.x + b",
        "absolute": "where the model errs already, no step is needed: the radius there is 0, not "
        "the way back to the right side",
        "negative": "some radii are negative: where the model errs already the smallest eps is 0",
        "l2-norm": "this divides by the length of w, which is for steps of bounded length; here "
        "each pixel may move by eps, and the sum of |w_i| counts",
        "largest-weight": "this divides by the largest |w_i|, as if one pixel alone could move; "
        "all may, at once",
        "norm-at-least-one": "||w||_1 is kept from falling below 1: divide by it as it is, however "
        "small",
        "signed-sum": "the weights are added with their signs and cancel: the step takes each "
        "weight's sign, so each contributes |w_i|",
        "cut-at-one": "a radius is cut off at 1: without clipping, a pixel may move as far as it "
        "takes",
        "turned-round": "the sign is turned: the radius is positive where the model is right",
        "offset-among-weights": "the offset b is counted among the weights: no step moves it",
        "multiplied": "this multiplies by ||w||_1: the step uses up eps * ||w||_1 of the score, "
        "so divide",
        "nan": "a radius is NaN or infinite: where the model errs already no step is needed, and "
        "the radius is 0",
    },
    batched=("x", "y"),
    hints=(
        "How far is the digit from the wrong side? That is the score y * (w.x + b). How much of "
        "it can a step of eps use up?",
        "The worst step lowers the score by eps * ||w||_1. The smallest eps that flips the model "
        "is the one that uses up all of it. What if the score is negative before any step?",
        "score = y * (x @ w + b), then score.clamp(min=0) / w.abs().sum().",
    ),
)
