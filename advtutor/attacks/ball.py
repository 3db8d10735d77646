"""Where an example may go: the ball around x, cut off at the range of the pixels."""

import math
from collections.abc import Callable
from functools import cached_property
from operator import attrgetter
from typing import Any, Self

import torch
from torch import Tensor

from advtutor.attacks.inputs import Clip


class _Ball:
    def __init__(self, x: Tensor, eps: Any, clip: Clip) -> None:
        self.x, self.eps, self.clip = x, eps, clip  # eps: a number; for LinfBall also [N, 1, 1, 1]

    def rows(self, keep: Tensor) -> Self:
        """The balls of some of the examples."""
        return type(self)(self.x[keep], self.eps, self.clip)


class LinfBall(_Ball):
    """All images in which no pixel of `x` has moved by more than `eps`."""

    @cached_property
    def lower(self) -> Tensor:
        """The darkest image of the ball."""
        return self.cut(self.x - self.eps)

    @cached_property
    def upper(self) -> Tensor:
        """The brightest image of the ball."""
        return self.cut(self.x + self.eps)

    def cut(self, point: Tensor) -> Tensor:
        """`point`, in the ball but for rounding, rounded into it and cut off at the range."""
        point, edge = point.to(self.x.dtype), max(map(abs, self.clip or [math.inf]))
        if torch.finfo(point.dtype).eps * edge > 5e-7:  # else rounding stays in the tolerance
            point = _nudged(point, self.x, self.eps)
        return point if self.clip is None else point.clamp_(*self.clip)

    def random_point(self, generator: torch.Generator | None) -> Tensor:
        """Drawn uniformly from the ball, before the range cuts it off."""
        step = draw(torch.rand, self.x, generator).mul_(2).sub_(1).mul_(self.eps)
        return self.cut(self.x + step)

    def step(self, point: Tensor, gradient: Tensor, size: float | Tensor) -> Tensor:
        """From `point` by `size` up the `gradient`, and back into the ball."""
        # The sign of NaN, which says nothing about the way, is 0: stay.
        moved = gradient.sign().mul_(size).add_(point)
        in_the_ball = point is self.x and size <= self.eps  # FGSM needs no bounds
        return self.cut(moved) if in_the_ball else self.project(moved)

    def project(self, point: Tensor) -> Tensor:
        """The nearest image of the ball, written over `point`."""
        return point.clamp_(self.lower, self.upper)


class L2Ball(_Ball):
    """All images whose difference from `x` has a Euclidean length of at most `eps`."""

    def random_point(self, generator: torch.Generator | None) -> Tensor:
        direction = self._uphill(draw(torch.randn, self.x, generator))
        radius = draw(torch.rand, self.x.flatten(1)[:, 0], generator)
        radius = per_example(radius ** (1 / self.x[0].numel()), self.x)  # uniform in volume
        return self.project(self.x + (direction * radius * self.eps).to(self.x.dtype))

    def step(self, point: Tensor, gradient: Tensor, size: float) -> Tensor:
        """From `point` by `size` up the `gradient`, and back into the ball."""
        return self.project(torch.add(point, self._uphill(gradient), alpha=size))

    def _uphill(self, gradient: Tensor) -> Tensor:
        # Divided by the largest entry first: the squares of tiny gradients would vanish.
        tiny = torch.finfo(gradient.dtype).tiny
        gradient = gradient.nan_to_num()
        largest = gradient.abs().flatten(1).amax(dim=1).clamp(min=tiny)
        gradient = gradient / per_example(largest, gradient)
        length = gradient.flatten(1).norm(dim=1).clamp(min=tiny)
        return gradient / per_example(length, gradient)

    def project(self, point: Tensor) -> Tensor:
        step = widened(point) - widened(self.x)
        length = per_example(step.flatten(1).norm(dim=1), step)
        room = self.eps * (1 - 1e-6)  # for the rounding of the sum
        step = step * (room / length.clamp(min=torch.finfo(step.dtype).tiny)).clamp(max=1)
        point = _nudged((self.x + step).to(self.x.dtype), self.x, step.abs())
        return point if self.clip is None else point.clamp(*self.clip)


BALLS: dict[str, type[LinfBall] | type[L2Ball]] = {"linf": LinfBall, "l2": L2Ball}
Ball = LinfBall | L2Ball
# Where a search may start, besides a random point.
unmoved, brighter, darker = attrgetter("x"), attrgetter("upper"), attrgetter("lower")


def _nudged(point: Tensor, x: Tensor, limit: float | Tensor) -> Tensor:
    """`point`, one representable number nearer to `x` where rounding went beyond `limit`."""
    excess = (widened(point) - widened(x)).abs_().sub_(limit + 5e-7)
    if not (excess > 0).any():  # nearly always, and much cheaper to find out than to mend
        return point
    return torch.where(excess > 0, torch.nextafter(point, x), point)


def widened(x: Tensor) -> Tensor:
    """`x` in float32 or better."""
    return x if x.dtype == torch.float64 else x.float()


def doubled(x: Tensor) -> Tensor:
    """`x` in float64; on the CPU, if `x` lies on a device that has none (Apple's GPUs)."""
    return (x.cpu() if x.device.type == "mps" else x).double()


def draw(kind: Callable[..., Tensor], like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Random numbers in `like`'s shape, in float32 or better, drawn where the generator lives."""
    device = like.device if generator is None else generator.device
    dtype = torch.float64 if like.dtype == torch.float64 else torch.float32
    numbers = kind(like.shape, generator=generator, device=device, dtype=dtype)
    return numbers.to(like.device)


def per_example(values: Tensor, like: Tensor) -> Tensor:
    """`[N]` values, shaped to multiply images `[N, C, H, W]`."""
    return values.reshape(-1, *[1] * (like.dim() - 1))
