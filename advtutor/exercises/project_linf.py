"""The exercise on the projection into the max-norm ball."""

import torch
from torch import Tensor

from advtutor.checks.engine import Exercise, cases
from advtutor.checks.inputs import pictures


def project_linf(x_adv, x, eps):
    return torch.clamp(x_adv, x - eps, x + eps).clamp(0, 1)


def project_input(batch: int, shape: tuple[int, int, int], eps: float) -> tuple:
    x, _ = pictures(batch, shape, 2)
    # Some pixels within the ball, some beyond it; the first image has none that is beyond.
    reach = eps * torch.linspace(0.9, 4, batch).reshape(-1, 1, 1, 1)
    return x + reach * (2 * torch.rand_like(x) - 1), x, eps


def scaled_down(x_adv: Tensor, x: Tensor, eps: float) -> Tensor:
    delta = x_adv - x
    largest = delta.flatten(1).abs().amax(1).reshape(-1, *[1] * (x.dim() - 1))
    return x + delta * (eps / largest).clamp(max=1)


def into_l2_ball(x_adv: Tensor, x: Tensor, eps: float) -> Tensor:
    delta = x_adv - x
    return x + delta * (eps / delta.square().sum((1, 2, 3), keepdim=True).sqrt()).clamp(max=1)


EXERCISE = Exercise(
    project_linf,
    notebook="02_gradient_sign_crafting",
    number=2,
    cases=cases(
        project_input,
        (11, 4, (1, 6, 6), 0.11),
        (12, 1, (1, 8, 8), 0.23),
        (13, 5, (3, 5, 4), 0.037),
    ),
    mistakes={
        "no-ball": {"torch.clamp(x_adv, x - eps, x + eps)": "x_adv"},
        "swapped": {"x_adv, x - eps, x + eps": "x, x_adv - eps, x_adv + eps"},
        "ball-around-zero": {"x - eps, x + eps": "-eps, eps"},
        "turned-round": {
            "torch.clamp(x_adv, x - eps, x + eps)": "(x - (x_adv - x).clamp(-eps, eps))",
        },
        "upwards-only": [
            {"torch.clamp(x_adv, x - eps, x + eps)": "(x + (x_adv - x).clamp(0, eps))"},
            {
                "torch.clamp(x_adv, x - eps, x + eps)": (
                    "torch.where((x_adv - x).abs() > eps, x + eps, x_adv)"
                ),
            },
            {"torch.clamp(x_adv, x - eps, x + eps)": "(x + (x_adv - x).abs().clamp(max=eps))"},
        ],
        "times-eps": {"torch.clamp(x_adv, x - eps, x + eps)": "(x + eps * (x_adv - x))"},
        "delta-alone": {"x_adv, x - eps, x + eps": "x_adv - x, -eps, eps"},
        "to-the-surface": {
            "torch.clamp(x_adv, x - eps, x + eps)": "(x + eps * (x_adv - x).sign())"
        },
        "scaled": [
            {"torch.clamp(x_adv, x - eps, x + eps)": "scaled_down(x_adv, x, eps)"},
            {"torch.clamp(x_adv, x - eps, x + eps)": "scaled_down(x_adv[None], x[None], eps)[0]"},
        ],
        "l2-ball": {"torch.clamp(x_adv, x - eps, x + eps)": "into_l2_ball(x_adv, x, eps)"},
        "put-back": {
            "torch.clamp(x_adv, x - eps, x + eps)": (
                "torch.where((x_adv - x).abs() > eps, x, x_adv)"
            ),
        },
        "half-the-ball": {"x - eps, x + eps": "x - eps / 2, x + eps / 2"},
        "one-side-only": [
            {"torch.clamp(x_adv, x - eps, x + eps)": "torch.minimum(x_adv, x + eps)"},
            {"torch.clamp(x_adv, x - eps, x + eps)": "torch.maximum(x_adv, x - eps)"},
        ],
        "no-range": [
            {".clamp(0, 1)": ""},
            {".clamp(0, 1)": ".clamp(max=1)"},
            {".clamp(0, 1)": ".clamp(min=0)"},
        ],
    },
    says={
        "no-ball": "the result is in [0, 1] but further than eps from x: clamp it to [x - eps, x "
        "+ eps] too",
        "swapped": "this projects x into the ball around x_adv; the ball is around x",
        "turned-round": "the change is turned round: from x it leads to x_adv, x_adv - x",
        "upwards-only": "no pixel gets darker: one below x - eps goes to x - eps",
        "times-eps": "the change is multiplied by eps: it is cut off at eps, and stays where it is "
        "smaller",
        "delta-alone": "this is the change alone, x_adv - x clamped to [-eps, eps]: add x to it "
        "again",
        "to-the-surface": "every pixel is put at distance eps from x; one that is closer has to "
        "stay where it is",
        "scaled": "the whole change is scaled down until it fits; in the max-norm each pixel is "
        "cut off by itself",
        "l2-ball": "the change is cut to length eps, which is the L2 ball; here each pixel may "
        "move by eps",
        "put-back": "a pixel that is too far away goes all the way back to x: it goes to the "
        "nearest point that is allowed, at distance eps",
        "half-the-ball": "the ball is half as wide as it may be: eps is the distance to each side",
        "one-side-only": "pixels are kept within eps of x on one side only: clamp to x - eps and "
        "to x + eps",
        "no-range": "the result is in the ball but leaves [0, 1]: clamp it to the range of an "
        "image as well",
    },
    batched=("x_adv", "x"),
    hints=(
        "Two boxes hold the result: x - eps to x + eps, and 0 to 1. Each pixel by itself.",
        "Tensor.clamp takes tensors as bounds too, one for each pixel.",
        "x_adv.clamp(x - eps, x + eps) is in the ball; clamp(0, 1) behind it keeps it there.",
    ),
)
