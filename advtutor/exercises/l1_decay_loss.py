"""The exercise on weight decay: the loss that it adds a price for the weights to."""

import torch
import torch.nn.functional as F

from advtutor.checks.engine import Exercise, cases
from advtutor.checks.inputs import loss_input


def l1_decay_loss(w, b, x, y, strength):
    return F.softplus(-y * (x @ w + b)).mean() + strength * w.abs().sum()


def decay_input(batch: int, inputs: int, strength: float) -> tuple:
    w, b, x, y, _ = loss_input(batch, inputs, 0.0)
    return w.requires_grad_(), torch.tensor(b, requires_grad=True), x, y, strength


EXERCISE = Exercise(
    l1_decay_loss,
    notebook="03_adversarial_training",
    number=3,
    cases=cases(
        decay_input,
        (41, 6, 9, 0.07),
        (42, 1, 50, 0.013),
        (43, 4, 4, 0.47),
    ),
    mistakes={
        "adversarial": {" + strength * w.abs().sum()": "", "-y": "strength * w.abs().sum() - y"},
        "both": {"-y": "strength * w.abs().sum() - y"},
        "no-penalty": {" + strength * w.abs().sum()": ""},
        "rewarded": {"+ strength": "- strength"},
        "squared": [{"w.abs()": "w.square()"}, {"w.abs().sum()": "w.square().sum() / 2"}],
        "l2-norm": {"w.abs().sum()": "w.norm()"},
        "plain-sum": {".abs()": ""},
        "mean-weight": {"w.abs().sum()": "w.abs().mean()"},
        "sum-of-losses": {"b)).mean()": "b)).sum()"},
        "relu": {"F.softplus": "F.relu"},
        "sigmoid": {"F.softplus": "torch.sigmoid"},
        "no-softplus": {"F.softplus": ""},
        "no-label": {"-y * (": "-("},
        "right-side-up": {"-y": "y"},
        "no-offset": {" + b)": ")"},
        "offset-outside": [
            {"y * (x @ w + b)": "y * (x @ w) + b"},
            {"-y * (x @ w + b)": "-(y * (x @ w) + b)"},
        ],
        "price-without-gradient": {"w.abs().sum()": "w.abs().sum().item()"},
        "loss-without-gradient": {"b)).mean()": "b)).mean().item()"},
        "offset-in-the-price": {"w.abs().sum()": "(w.abs().sum() + b.abs())"},
        "largest-weight": {"w.abs().sum()": "w.abs().max()"},
        "price-shared": {"w.abs().sum()": "w.abs().sum() / len(x)"},
        "labels-0-1": {
            "F.softplus(-y * (x @ w + b)).mean()": (
                "F.binary_cross_entropy_with_logits(x @ w + b, y)"
            ),
        },
    },
    says={
        "adversarial": "this is the loss at its worst, with the penalty inside softplus; weight "
        "decay adds it outside, to the finished loss",
        "both": "the penalty is in twice, inside softplus and outside: weight decay has it outside",
        "no-penalty": "the penalty is missing: add strength * ||w||_1",
        "rewarded": "the penalty is taken away from the loss: large weights are rewarded",
        "squared": "the weights are squared: that is L2 decay; L1 takes their sizes, w.abs()",
        "l2-norm": "this takes the Euclidean length of w; the L1 norm adds the sizes |w_i|",
        "plain-sum": "the weights are added with their signs and cancel: add their sizes, w.abs()",
        "sum-of-losses": "the losses are added up: take their mean over the batch",
        "price-without-gradient": "the price of the weights is a plain number here, so no "
        "training step can lower it: leave out .item(), .detach() and no_grad() around it",
        "loss-without-gradient": "the loss of the examples is a plain number here, so only the "
        "price is trained: leave out .item(), .detach() and no_grad() around it",
        "offset-in-the-price": "the offset b is paid for too: the price is that of the weights w "
        "alone",
        "price-shared": "the price is divided by the number of examples: it stands outside the "
        "mean, as it is",
        "labels-0-1": "the labels are taken for 0 and 1, as binary_cross_entropy_with_logits "
        "wants them; y is -1 or +1",
    },
    differentiable=("w", "b"),
    hints=(
        "Two terms that know nothing of each other: the mean loss of the clean examples, and the "
        "price of the weights.",
        "The loss of one example is softplus(-y * (w.x + b)). The price is strength times the sum "
        "of the sizes of the weights.",
        "F.softplus(-y * (x @ w + b)).mean() + strength * w.abs().sum()",
    ),
)
