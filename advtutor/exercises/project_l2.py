"""The exercise on the way back into the Euclidean ball."""

import torch

from advtutor.checks.engine import Exercise, cases
from advtutor.checks.inputs import pictures


def project_l2(x_adv, x, eps):
    step = x_adv - x
    length = step.flatten(1).norm(dim=1)
    factor = (eps / length).clamp(max=1)
    return (x + step * factor[:, None, None, None]).clamp(0, 1)


def project_input(batch: int, shape: tuple[int, int, int], eps: float, least: float = 0.6) -> tuple:
    x, _ = pictures(batch, shape, 2)
    # The first step is shorter than eps, or 0, the others longer; a few pixels take most of it.
    step = torch.randn_like(x) ** 3
    reach = eps * torch.linspace(least, 14, batch) / step.flatten(1).norm(dim=1)
    return x + step * reach[:, None, None, None], x, eps


EXERCISE = Exercise(
    project_l2,
    notebook="06_bug_or_feature",
    number=2,
    cases=cases(
        project_input,
        (95, 4, (1, 6, 6), 0.21, 0.0),
        (96, 1, (1, 8, 8), 0.31),
        (97, 5, (3, 5, 4), 0.52),
    ),
    mistakes={
        "no-ball": {"step * factor[:, None, None, None]": "step"},
        "each-pixel": {"step * factor[:, None, None, None]": "step.clamp(-eps, eps)"},
        "to-the-surface": [
            {".clamp(max=1)": ""},
            {".clamp(max=1)": "", "norm(dim=1)": "norm(dim=1).clamp(min=1e-12)"},
        ],
        "lengthened": [
            {"max=1": "min=1"},
            {"max=1": "min=1", "norm(dim=1)": "norm(dim=1).clamp(min=1e-12)"},
        ],
        "one-length": {"step.flatten(1).norm(dim=1)": "step.norm().expand(len(x))"},
        "squared-length": {"norm(dim=1)": "square().sum(dim=1)"},
        "l1-length": {"norm(dim=1)": "abs().sum(dim=1)"},
        "length-of-the-picture": [
            {"step.flatten(1).norm": "x_adv.flatten(1).norm"},
            {"step.flatten(1).norm": "x.flatten(1).norm"},
        ],
        "ball-around-zero": {".clamp(0, 1)": ".clamp(-eps, eps)"},
        "around-zero": {"step = x_adv - x": "step = x_adv", "(x + step": "(step"},
        "swapped": {"x_adv - x": "x - x_adv"},
        "step-alone": {"(x + step": "(step"},
        "range-first": {"step = x_adv - x": "step = x_adv.clamp(0, 1) - x"},
        "no-range": {".clamp(0, 1)": ""},
        "inverted": {"eps / length": "length / eps"},
        "mean-square": {"norm(dim=1)": "square().mean(dim=1).sqrt()"},
        "largest-pixel": {"norm(dim=1)": "abs().amax(dim=1)"},
        "length-of-rows": [
            {"factor[:, None, None, None]": "(eps / step.norm(dim=-1, keepdim=True)).clamp(max=1)"},
            {"factor[:, None, None, None]": "(eps / step.norm(dim=1, keepdim=True)).clamp(max=1)"},
            {
                "factor[:, None, None, None]": (
                    "(eps / step.norm(dim=(2, 3), keepdim=True)).clamp(max=1)"
                ),
            },
        ],
        "put-back": {"factor[:, None, None, None]": "(factor == 1)[:, None, None, None]"},
        "all-or-none": [
            {
                "(eps / length).clamp(max=1)": (
                    "eps / length if (length > eps).any() else torch.ones(len(x))"
                ),
            },
            {
                "(eps / length).clamp(max=1)": (
                    "eps / length if (length > eps).any() else torch.ones(len(x))"
                ),
                "norm(dim=1)": "norm(dim=1).clamp(min=1e-12)",
            },
        ],
    },
    says={
        "no-ball": "the result is in [0, 1] but further than eps from x: shorten the step too",
        "each-pixel": "each pixel is cut off at eps by itself, which is the max-norm; here the "
        "length of the whole step may be eps",
        "to-the-surface": "every step is brought to the length eps; one that is shorter has to "
        "stay as it is",
        "lengthened": "short steps are made longer and long ones are left: the factor may be at "
        "most 1, not at least",
        "one-length": "this is the length of the whole batch taken together: each image has a "
        "step of its own, with its own length",
        "squared-length": "eps is compared with the square of the length: take the root",
        "length-of-the-picture": "eps is compared with the length of a picture: take that of the "
        "step, x_adv - x",
        "around-zero": "the image itself is shortened to eps; it is its distance to x that may be "
        "at most eps",
        "swapped": "the step points from x_adv to x: take x_adv - x",
        "step-alone": "this is the shortened step alone: add x to it again",
        "range-first": "it clips to [0, 1] first and shortens then: inside both bounds too, but "
        "another point; shorten first, clip at the end",
        "no-range": "the result is in the ball but leaves [0, 1]: clip it to the range of an "
        "image as well",
        "inverted": "the factor is upside down: it is eps over the length",
        "largest-pixel": "eps is compared with the largest change of a pixel: compare it with the "
        "length of the whole step",
        "put-back": "a step that is too long is given up, and x comes back: shorten it to eps",
        "all-or-none": "as soon as one step is too long, all are brought to the length eps: each "
        "image is shortened where its own step is longer",
        "nan": "the result holds NaN: where x_adv is x the step's length is 0, and 0 / 0 is NaN; "
        "multiply the step by a factor that is at most 1, (eps / length).clamp(max=1)",
    },
    batched=("x_adv", "x"),
    hints=(
        "Look at the step, x_adv - x. If it is longer than eps, multiply it by eps / length; "
        "otherwise by 1.",
        "length = step.flatten(1).norm(dim=1), one number for each image. "
        "(eps / length).clamp(max=1) is the factor in both cases.",
        "(x + step * factor[:, None, None, None]).clamp(0, 1): the clip comes last.",
    ),
)
