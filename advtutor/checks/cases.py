"""Inputs for the checks: small networks, and pictures with pixels at 0 and at 1."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

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
    seed: int,
    network: Callable[[tuple[int, int, int], int], nn.Module],
    batch: int,
    shape: tuple[int, int, int],
    classes: int,
    train: bool = False,
) -> tuple[nn.Module, Tensor, Tensor]:
    """`(model, x, y)`, the same for the same arguments."""
    torch.random.default_generator.manual_seed(seed)
    model = network(shape, classes).train(train)
    return model, *pictures(batch, shape, classes)
