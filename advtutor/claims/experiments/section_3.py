"""Section 3: how an activation moves as its inputs grow in number."""

from dataclasses import dataclass

import torch

from advtutor import linearity
from advtutor.claims.experiments.base import Experiment, Run
from advtutor.claims.experiments.digits import EPS


@dataclass(frozen=True)
class Growth:
    """Of linear units with random weights.

    aligned_exponent, random_exponent: the powers of the number of inputs with which the step along
        the weights' signs, and a random step, move the activation.
    deviation: the largest relative difference from `eps * ||w||_1`.
    """

    aligned_exponent: float
    random_exponent: float
    deviation: float


def growth(run: Run) -> dict[str, Growth]:
    """Units of 49 to 3,136 inputs, moved by a step of the same max-norm."""
    units = linearity.activation_growth([49, 196, 784, 3136], EPS, generator=run.generator())
    weight = torch.randn(1000, 784, dtype=torch.float64, generator=run.generator())
    promised = linearity.aligned_change(weight, EPS)
    moved = (weight * (EPS * weight.sign())).sum(dim=1)
    deviation = float((moved / promised - 1).abs().max())
    return {"units": Growth(*units.exponents, deviation)}


EXPERIMENTS = [Experiment("growth", growth, {"units": Growth}, settings={"eps": EPS}, quick=True)]
