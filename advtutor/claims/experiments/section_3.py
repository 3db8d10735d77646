"""Section 3: how an activation moves as its inputs grow in number."""

import torch

from advtutor import linearity
from advtutor.claims.experiments.base import Run, measure
from advtutor.claims.experiments.digits import EPS


@measure("aligned_exponent", "random_exponent", "deviation")
def growth(run: Run) -> tuple[float, ...]:
    """Linear units with random weights and 49 to 3,136 inputs, moved by a step of one max-norm.

    The powers of the number of inputs with which the step along the weights' signs, and a random
    step, move the activation; and the largest relative difference from `eps * ||w||_1`.
    """
    units = linearity.activation_growth([49, 196, 784, 3136], EPS, generator=run.generator())
    weight = torch.randn(1000, 784, dtype=torch.float64, generator=run.generator())
    promised = linearity.aligned_change(weight, EPS)
    moved = (weight * (EPS * weight.sign())).sum(dim=1)
    return *units.exponents, float((moved / promised - 1).abs().max())
