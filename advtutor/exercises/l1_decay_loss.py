"""The exercise on weight decay: the loss that it adds a price for the weights to."""

import torch
import torch.nn.functional as F

from advtutor.checks.engine import Case, Exercise, Mistake
from advtutor.checks.inputs import loss_input


def l1_decay_loss(w, b, x, y, strength):
    return F.softplus(-y * (x @ w + b)).mean() + strength * w.abs().sum()


def decay_input(seed: int, batch: int, inputs: int, strength: float) -> tuple:
    w, b, x, y, _ = loss_input(seed, batch, inputs, 0.0)
    return w.requires_grad_(), torch.tensor(b, requires_grad=True), x, y, strength


EXERCISE = Exercise(
    l1_decay_loss,
    notebook="03_adversarial_training",
    number=3,
    cases=[
        Case(lambda: decay_input(41, 6, 9, 0.07), batch=6),
        Case(lambda: decay_input(42, 1, 50, 0.013), batch=1),
        Case(lambda: decay_input(43, 4, 4, 0.47), batch=4),
    ],
    mistakes=[
        Mistake(
            "adversarial",
            "this is the loss at its worst, with the penalty inside softplus; weight decay adds it "
            "outside, to the finished loss",
            {" + strength * w.abs().sum()": "", "-y": "strength * w.abs().sum() - y"},
        ),
        Mistake(
            "both",
            "the penalty is in twice, inside softplus and outside: weight decay has it outside",
            {"-y": "strength * w.abs().sum() - y"},
        ),
        Mistake(
            "no-penalty",
            "the penalty is missing: add strength * ||w||_1",
            {" + strength * w.abs().sum()": ""},
        ),
        Mistake(
            "rewarded",
            "the penalty is taken away from the loss: large weights are rewarded",
            {"+ strength": "- strength"},
        ),
        Mistake(
            "squared",
            "the weights are squared: that is L2 decay; L1 takes their sizes, w.abs()",
            {"w.abs()": "w.square()"},
            {"w.abs().sum()": "w.square().sum() / 2"},
        ),
        Mistake(
            "l2-norm",
            "this takes the Euclidean length of w; the L1 norm adds the sizes |w_i|",
            {"w.abs().sum()": "w.norm()"},
        ),
        Mistake(
            "plain-sum",
            "the weights are added with their signs and cancel: add their sizes, w.abs()",
            {".abs()": ""},
        ),
        Mistake(
            "mean-weight",
            "this takes the mean of the |w_i|; a norm is their sum",
            {"w.abs().sum()": "w.abs().mean()"},
        ),
        Mistake(
            "sum-of-losses",
            "the losses are added up: take their mean over the batch",
            {"b)).mean()": "b)).sum()"},
        ),
        Mistake(
            "no-label",
            "y plays no part: a positive score is right for y = +1 only",
            {"-y * (": "-("},
        ),
        Mistake(
            "right-side-up",
            "softplus gets +y * (w.x + b), which is small where the model is wrong: turn its sign",
            {"-y": "y"},
        ),
        Mistake(
            "no-offset",
            "the offset b is missing from the score",
            {" + b)": ")"},
        ),
        Mistake(
            "offset-outside",
            "the label multiplies w.x alone: b is part of the score too, y * (w.x + b)",
            {"y * (x @ w + b)": "y * (x @ w) + b"},
            {"-y * (x @ w + b)": "-(y * (x @ w) + b)"},
        ),
        Mistake(
            "price-without-gradient",
            "the price of the weights is a plain number here, so no training step can lower it: "
            "leave out .item(), .detach() and no_grad() around it",
            {"w.abs().sum()": "w.abs().sum().item()"},
        ),
        Mistake(
            "loss-without-gradient",
            "the loss of the examples is a plain number here, so only the price is trained: leave "
            "out .item(), .detach() and no_grad() around it",
            {"b)).mean()": "b)).mean().item()"},
        ),
        Mistake(
            "offset-in-the-price",
            "the offset b is paid for too: the price is that of the weights w alone",
            {"w.abs().sum()": "(w.abs().sum() + b.abs())"},
        ),
        Mistake(
            "largest-weight",
            "only the largest weight is paid for: add all the |w_i|",
            {"w.abs().sum()": "w.abs().max()"},
        ),
        Mistake(
            "price-shared",
            "the price is divided by the number of examples: it stands outside the mean, as it is",
            {"w.abs().sum()": "w.abs().sum() / len(x)"},
        ),
        Mistake(
            "labels-0-1",
            "the labels are taken for 0 and 1, as binary_cross_entropy_with_logits wants them; "
            "y is -1 or +1",
            {
                "F.softplus(-y * (x @ w + b)).mean()": (
                    "F.binary_cross_entropy_with_logits(x @ w + b, y)"
                ),
            },
        ),
    ],
    differentiable=("w", "b"),
    hints=(
        "Two terms that know nothing of each other: the mean loss of the clean examples, and the "
        "price of the weights.",
        "The loss of one example is softplus(-y * (w.x + b)). The price is strength times the sum "
        "of the sizes of the weights.",
        "F.softplus(-y * (x @ w + b)).mean() + strength * w.abs().sum()",
    ),
)
