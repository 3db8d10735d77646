"""Inputs for the checks: small networks, pictures with pixels at 0 and at 1, linear models."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from advtutor.checks.engine import Case, cases
from advtutor.checks.watch import Probe


def pictures(batch: int, shape: tuple[int, int, int], classes: int) -> tuple[Tensor, Tensor]:
    """Random images in [0, 1], a quarter of the pixels exactly 0 and a quarter 1, and labels."""
    x = (2 * torch.rand(batch, *shape) - 0.5).clamp(0, 1)
    return x, torch.randint(classes, (batch,))


def tanh_network(shape: tuple[int, int, int], classes: int) -> nn.Module:
    """Two layers. Smooth, so that no gradient vanishes and its sign is the same everywhere."""
    inputs = shape[0] * shape[1] * shape[2]
    return nn.Sequential(
        nn.Flatten(), Probe(), nn.Linear(inputs, 16), nn.Tanh(), nn.Linear(16, classes)
    )


def steep_network(shape: tuple[int, int, int], classes: int) -> nn.Module:
    """The same two layers, with a loss so bent that a step along its gradient may lower it."""
    model = tanh_network(shape, classes)
    with torch.no_grad():
        model[2].weight.mul_(8)
    return model


def frozen_network(shape: tuple[int, int, int], classes: int) -> nn.Module:
    """A convolution whose weights are frozen, and gradients of an earlier step in the others."""
    channels, height, width = shape
    model = nn.Sequential(
        nn.Conv2d(channels, 6, 3, padding=1),
        nn.Softplus(),
        Probe(),
        nn.Flatten(),
        nn.Linear(6 * height * width, classes),
    )
    model[0].requires_grad_(False)
    return with_old_gradients(model)


def dropout_network(shape: tuple[int, int, int], classes: int) -> nn.Module:
    """Batch norm and dropout: in train mode it computes something else than in eval mode."""
    inputs = shape[0] * shape[1] * shape[2]
    model = nn.Sequential(
        nn.Flatten(),
        Probe(),
        nn.Linear(inputs, 16),
        nn.BatchNorm1d(16),
        nn.Tanh(),
        nn.Dropout(0.5),
        nn.Linear(16, classes),
    )
    model[3].running_mean.normal_(0, 0.2)
    model[3].running_var.uniform_(0.5, 1.5)
    return model


def with_old_gradients(model: nn.Module) -> nn.Module:
    """The model with gradients in its parameters, as if a training step had gone before."""
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.grad = torch.full_like(parameter, 0.1)
    return model


def attack_input(
    batch: int,
    network: Callable[[tuple[int, int, int], int], nn.Module],
    shape: tuple[int, int, int],
    classes: int,
    *more: float,
    train: bool = False,
) -> tuple[Any, ...]:
    """`(model, x, y, *more)`."""
    model = network(shape, classes).train(train)
    return model, *pictures(batch, shape, classes), *more


def attack_cases(*more: tuple[float, ...]) -> list[Case]:
    """Four inputs of an attack on a small network: `(model, x, y, eps, *more)`.

    more: for each of the four the values of further arguments.
    """
    rows: list[tuple[Any, ...]] = [
        (1, 4, tanh_network, (1, 6, 6), 3, 0.11),
        (2, 1, tanh_network, (1, 8, 8), 10, 0.23),
        (3, 5, frozen_network, (3, 5, 4), 4, 0.037),
        (4, 3, dropout_network, (1, 7, 7), 5, 0.17),
    ]
    more = more or ((),) * len(rows)
    return cases(attack_input, *((*row, *rest) for row, rest in zip(rows, more, strict=True)))


def linear_input(batch: int, inputs: int, eps: float) -> tuple[Tensor, Tensor, float]:
    """`(w, y, eps)` of a linear model, with both labels."""
    w = torch.randn(inputs)
    y = 1 - 2 * (torch.arange(batch) % 2)  # both labels, -1 alone in a batch of one
    return w, (y if batch > 1 else -y).to(w.dtype), eps


def loss_input(batch: int, inputs: int, eps: float) -> tuple[Tensor, float, Tensor, Tensor, float]:
    """`(w, b, x, y, eps)` of a linear model."""
    w, y, eps = linear_input(batch, inputs, eps)
    return w / 3, 0.7, torch.rand(batch, inputs), y, eps
