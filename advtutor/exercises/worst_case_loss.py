"""The exercise on the loss of a linear model after the worst step."""

import torch.nn.functional as F

from advtutor.checks.engine import Exercise, cases
from advtutor.checks.inputs import loss_input


def worst_case_loss(w, b, x, y, eps):
    return F.softplus(eps * w.abs().sum() - y * (x @ w + b))


def worst_input(batch: int, inputs: int, eps: float) -> tuple:
    w, *rest = loss_input(batch, inputs, eps)
    return w.requires_grad_(), *rest


EXERCISE = Exercise(
    worst_case_loss,
    notebook="01_linear_explanation",
    number=2,
    cases=cases(
        worst_input,
        (31, 6, 9, 0.23),
        (32, 1, 50, 0.13),
        (33, 4, 4, 0.47),
    ),
    mistakes={
        "clean": {"eps * w.abs().sum() - y": "-y"},
        "as-printed": {"eps * w": "y * eps * w"},
        "helps-the-model": {"eps * w": "-eps * w"},
        "no-label": {"- y * (": "- ("},
        "right-side-up": {"- y": "+ y"},
        "l2-norm": {"w.abs().sum()": "w.norm()"},
        "squared": {"w.abs()": "w.square()"},
        "clipped": {
            "eps * w.abs().sum() - y * (x @ w + b)": (
                "-y * ((x - eps * y[:, None] * w.sign()).clamp(0, 1) @ w + b)"
            ),
        },
        "largest-weight": {"sum()": "max()"},
        "plain-sum": {".abs()": ""},
        "mean-weight": {"sum()": "mean()"},
        "no-offset": {" + b)": ")"},
        "offset-outside": [
            {"y * (x @ w + b)": "y * (x @ w) + b"},
            {"y * (x @ w + b)": "y * (x @ w) - b"},
        ],
        "no-eps": {"eps * w": "w"},
        "no-softplus": {"F.softplus": ""},
        "relu": {"F.softplus": "F.relu"},
        "sigmoid": {"F.softplus": "torch.sigmoid"},
        "outside": {"eps * w.abs().sum() - y": "-y", "+ b))": "+ b)) + eps * w.abs().sum()"},
        "gain-without-gradient": {"w.abs().sum()": "w.abs().sum().item()"},
    },
    says={
        "clean": "this is the loss without any step: eps and the weights' sizes have to come in",
        "as-printed": "right for y = +1 and wrong for y = -1: the attacker's gain counts against "
        "the label whatever the label is, so y does not multiply it",
        "helps-the-model": "the step makes the loss smaller here: the attacker adds eps*||w||_1 "
        "to what softplus sees",
        "l2-norm": "this takes the Euclidean length of w; a step with every entry at eps gains "
        "eps times the sum of the sizes |w_i|",
        "plain-sum": "the weights are added with their signs and cancel: the attacker picks the "
        "sign of each step, so add |w_i|",
        "no-eps": "eps plays no part: the step is as large as eps allows",
        "clipped": "the attacked input is clipped to [0, 1]: here it may leave that range",
        "outside": "the gain is added to the finished loss: it is part of the score, and belongs "
        "inside softplus",
        "gain-without-gradient": "the values are right, but the attacker's gain is a plain number "
        "here, so no training would learn to keep the weights small: leave out .item(), "
        ".tolist(), .detach() and no_grad() around it",
    },
    differentiable=("w",),
    batched=("x", "y"),
    hints=(
        "Take the clean loss softplus(-y * (w.x + b)). By how much does the worst step change "
        "what stands inside?",
        "The worst step lowers y * (w.x + b) by eps times the sum of all |w_i|, for either label.",
        "softplus(eps * w.abs().sum() - y * (x @ w + b)), with torch.nn.functional.softplus.",
    ),
)
