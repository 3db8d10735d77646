"""The exercise on the control: noise of the same length as the step."""

import torch

from advtutor.checks.engine import Exercise, cases
from advtutor.checks.inputs import pictures


def matched_noise(x, x_adv, noise):
    step, change = x_adv - x, (x + noise).clamp(0, 1) - x
    ratio = step.flatten(1).norm(dim=1) / change.flatten(1).norm(dim=1)
    return x + change * ratio[:, None, None, None]


def noise_input(batch: int, shape: tuple[int, int, int]) -> tuple:
    x, _ = pictures(batch, shape, 2)
    reach = torch.linspace(0.05, 0.2, batch).reshape(-1, 1, 1, 1)  # steps of unequal lengths
    x_adv = (x + reach * torch.randn_like(x)).clamp(0, 1)
    return x, x_adv, (2 * torch.rand_like(x) - 1).sign() * 0.5


EXERCISE = Exercise(
    matched_noise,
    notebook="06_bug_or_feature",
    number=3,
    cases=cases(
        noise_input,
        (98, 4, (1, 6, 6)),
        (99, 1, (1, 8, 8)),
        (100, 5, (3, 5, 4)),
    ),
    mistakes={
        "no-clip": {".clamp(0, 1)": ""},
        "clip-last": {
            "(x + noise).clamp(0, 1) - x": "noise",
            "x + change * ratio[:, None, None, None]": (
                "(x + change * ratio[:, None, None, None]).clamp(0, 1)"
            ),
        },
        "not-shortened": {" * ratio[:, None, None, None]": ""},
        "step-itself": {"x + change *": "x + step *"},
        "change-from-x-adv": {".clamp(0, 1) - x": ".clamp(0, 1) - x_adv"},
        "on-top": {"return x + change": "return x_adv + change"},
        "on-x-adv": {"(x + noise)": "(x_adv + noise)"},
        "picture-for-change": {"(x + noise).clamp(0, 1) - x": "(x + noise).clamp(0, 1)"},
        "change-alone": {"return x + change": "return change"},
        "mean-length": {
            "step.flatten(1).norm(dim=1) /": "step.flatten(1).norm(dim=1).mean() /",
        },
        "one-length": {
            "step.flatten(1).norm(dim=1) / change.flatten(1).norm(dim=1)": (
                "(step.norm() / change.norm()).expand(len(x))"
            )
        },
        "inverted": {
            "step.flatten(1).norm(dim=1) / change.flatten(1).norm(dim=1)": (
                "change.flatten(1).norm(dim=1) / step.flatten(1).norm(dim=1)"
            )
        },
        "squared-lengths": {"ratio[:, None, None, None]": "ratio.square()[:, None, None, None]"},
        "l1-length": {
            "step.flatten(1).norm(dim=1) / change.flatten(1).norm(dim=1)": (
                "step.flatten(1).norm(p=1, dim=1) / change.flatten(1).norm(p=1, dim=1)"
            )
        },
        "largest-pixels": {
            "step.flatten(1).norm(dim=1) / change.flatten(1).norm(dim=1)": (
                "step.abs().amax((1, 2, 3)) / change.abs().amax((1, 2, 3))"
            )
        },
        "length-before-the-clip": {"change.flatten(1).norm(dim=1)": "noise.flatten(1).norm(dim=1)"},
        "unit-length": {"step.flatten(1).norm(dim=1) /": "1 /"},
        "the-example": {"x + change * ratio[:, None, None, None]": "x_adv"},
        "length-of-the-picture": {
            "step.flatten(1).norm(dim=1) /": "x_adv.flatten(1).norm(dim=1) /"
        },
        "minus": {"return x + change": "return x - change"},
        "length-of-rows": {
            "ratio[:, None, None, None]": (
                "step.norm(dim=(2, 3), keepdim=True) / change.norm(dim=(2, 3), keepdim=True)"
            ),
        },
    },
    says={
        "no-clip": "the length is right, but pixels leave [0, 1], which the steps do not: clip x "
        "+ noise before you shorten its change",
        "clip-last": "the noise is shortened first and clipped afterwards: the clip takes from "
        "its length, and the control is smaller than the step; clip first",
        "not-shortened": "the noise is as long as it came: bring each change to the length of its "
        "own step",
        "step-itself": "it is the step that is scaled: scale the change that the noise makes",
        "change-from-x-adv": "the change is counted from x_adv: it is what the noise makes of x, "
        "minus x",
        "on-top": "the noise is added to x_adv, which still holds the step: the control takes the "
        "noise instead of it",
        "on-x-adv": "the noise is laid on x_adv, which still holds the step: lay it on x",
        "picture-for-change": "the noisy picture itself is shortened: its change is that picture "
        "minus x",
        "change-alone": "this is the change alone: add x to it again",
        "mean-length": "all changes get the mean length of the steps; each image is to have that "
        "of its own",
        "one-length": "one ratio is used for the whole batch: each image has a step and a change "
        "of its own",
        "inverted": "the ratio is upside down: it is the length of the step over that of the "
        "change",
        "squared-lengths": "the ratio is that of the squared lengths: take its root",
        "largest-pixels": "the largest change of a pixel is made equal, not the length of the "
        "whole",
        "length-before-the-clip": "the ratio takes the length of the noise as it came: the clip "
        "has shortened it, and what is left is to get the step's length",
        "unit-length": "each change gets the length 1: bring it to that of its own step",
        "the-example": "this is x_adv itself: the control replaces the step by noise of its length",
        "length-of-the-picture": "the length is that of x_adv, the whole picture: take that of "
        "the step, x_adv - x",
        "minus": "the change is taken off: add it, as x + noise does",
    },
    batched=("x", "x_adv", "noise"),
    hints=(
        "Two changes of x: the step, x_adv - x, and what is left of the noise after the clip, "
        "(x + noise).clamp(0, 1) - x. The second gets the length of the first.",
        "Multiply by the ratio of the two lengths, one for each image: "
        "step.flatten(1).norm(dim=1) / change.flatten(1).norm(dim=1).",
        "x + change * ratio[:, None, None, None] stays in [0, 1], since it lies between x and "
        "x + change.",
    ),
)
