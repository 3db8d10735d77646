"""The controls: noise, which needs no model, and rubbish, which shows nothing."""

import operator

import torch
from torch import Tensor, nn

from advtutor.attacks.ball import LinfBall, draw
from advtutor.attacks.inputs import Clip, check_images, check_size


def sign_noise(
    model: nn.Module | None,
    x: Tensor,
    y: Tensor | None,
    eps: float,
    *,
    clip: Clip = (0.0, 1.0),
    generator: torch.Generator | None = None,
) -> Tensor:
    """The first control: every pixel moves by `eps`, up or down by the toss of a coin.

    It takes an attack's arguments, so that it can stand wherever an attack stands, and uses
    neither `model` nor `y` (paper, section 6).
    """
    ball = LinfBall(check_images(x, clip), check_size("eps", eps), clip)
    up = draw(torch.rand, ball.x, generator) < 0.5
    return torch.where(up, ball.upper, ball.lower)


def uniform_noise(
    model: nn.Module | None,
    x: Tensor,
    y: Tensor | None,
    eps: float,
    *,
    clip: Clip = (0.0, 1.0),
    generator: torch.Generator | None = None,
) -> Tensor:
    """The second control: every pixel moves by a number drawn from U(-eps, eps).

    As `sign_noise`, it uses neither `model` nor `y` (paper, section 6).
    """
    ball = LinfBall(check_images(x, clip), check_size("eps", eps), clip)
    return ball.random_point(generator)


def gaussian_rubbish(
    n: int, shape: tuple[int, ...] = (1, 28, 28), *, generator: torch.Generator | None = None
) -> Tensor:
    """`n` images of pure noise, every pixel from N(0, 1): `[n, *shape]` (paper, appendix A).

    They lie outside [0, 1], as the paper's do, and on the generator's device.
    """
    n = operator.index(n)
    if n < 0:
        raise ValueError(f"n is {n}; it must be at least 0")
    device = None if generator is None else generator.device
    return torch.randn(n, *shape, generator=generator, device=device)
