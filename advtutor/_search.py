"""What every gradient attack shares: its goal, the ball it may move in, and the climb."""

import contextlib
import math
import operator
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from types import FrameType
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Loss = Callable[[Tensor, Tensor], Tensor]
Clip = tuple[float, float] | None


class AttackWarning(UserWarning):
    """The attack ran, but its result should not be trusted as it is."""


def cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    """Cross-entropy of each example: `[N]`."""
    return F.cross_entropy(logits, y, reduction="none")


def margin_loss(logits: Tensor, y: Tensor) -> Tensor:
    """The best other logit minus the logit of `y`, for each example: `[N]`.

    Positive where the model errs. Its gradient survives logits so large that the softmax is
    saturated and cross-entropy's gradient rounds to zero (Carlini and Wagner, arXiv 1608.04644).
    """
    others = logits.scatter(1, y[:, None], -math.inf)
    return others.amax(dim=1) - of_class(logits, y)


def of_class(logits: Tensor, y: Tensor) -> Tensor:
    """The logit of class `y`, for each example: `[N]`."""
    return logits.gather(1, y[:, None]).squeeze(1)


@contextlib.contextmanager
def measuring(model: nn.Module) -> Iterator[None]:
    """Put every submodule into eval mode, and back as it was, also after an exception."""
    modules = model.modules() if isinstance(model, nn.Module) else ()
    training = [module for module in modules if module.training]
    for module in training:
        module.training = False
    try:
        yield
    finally:
        for module in training:
            module.training = True


@contextlib.contextmanager
def attacking(model: nn.Module) -> Iterator[None]:
    """As `measuring`, with gradients on whatever the caller has switched off."""
    with torch.inference_mode(False), torch.enable_grad(), measuring(model):
        yield


# ---------------------------------------------------------------------------------------------
# Where an example may go: the ball around x, cut off at the range of the pixels.


class LinfBall:
    """All images in which no pixel of `x` has moved by more than `eps`."""

    def __init__(self, x: Tensor, eps: float | Tensor, clip: Clip) -> None:
        self.x, self.eps, self.clip = x, eps, clip  # eps: one number, or [N, 1, 1, 1]

    @cached_property
    def lower(self) -> Tensor:
        """The darkest image of the ball."""
        return self._cut(self.x - self.eps)

    @cached_property
    def upper(self) -> Tensor:
        """The brightest image of the ball."""
        return self._cut(self.x + self.eps)

    def _cut(self, point: Tensor) -> Tensor:
        """`point`, in the ball but for rounding, rounded into it and cut off at the range."""
        point, edge = point.to(self.x.dtype), max(map(abs, self.clip or [math.inf]))
        if torch.finfo(point.dtype).eps * edge > 5e-7:  # else rounding stays in the tolerance
            point = _nudged(point, self.x, self.eps)
        return point if self.clip is None else point.clamp_(*self.clip)

    def random_point(self, generator: torch.Generator | None) -> Tensor:
        """Drawn uniformly from the ball, before the range cuts it off."""
        step = draw(torch.rand, self.x, generator).mul_(2).sub_(1).mul_(self.eps)
        return self._cut(self.x + step)

    def step(self, point: Tensor, gradient: Tensor, size: float | Tensor) -> Tensor:
        """From `point` by `size` up the `gradient`, and back into the ball."""
        # The sign of NaN, which says nothing about the way, is 0: stay.
        moved = gradient.sign().mul_(size).add_(point)
        in_the_ball = point is self.x and size <= self.eps  # FGSM needs no bounds
        return self._cut(moved) if in_the_ball else self.project(moved)

    def project(self, point: Tensor) -> Tensor:
        """The nearest image of the ball, written over `point`."""
        return point.clamp_(self.lower, self.upper)


class L2Ball:
    """All images whose difference from `x` has a Euclidean length of at most `eps`."""

    def __init__(self, x: Tensor, eps: float, clip: Clip) -> None:
        self.x, self.eps, self.clip = x, eps, clip

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
SomeBall = TypeVar("SomeBall", bound=Ball)


def rows_of(ball: SomeBall, keep: Tensor) -> SomeBall:
    """The balls of some of the examples."""
    return type(ball)(ball.x[keep], ball.eps, ball.clip)


def _nudged(point: Tensor, x: Tensor, limit: float | Tensor) -> Tensor:
    """`point`, one representable number nearer to `x` where rounding went beyond `limit`."""
    excess = (widened(point) - widened(x)).abs_().sub_(limit + 5e-7)
    if not (excess > 0).any():  # nearly always, and much cheaper to find out than to mend
        return point
    return torch.where(excess > 0, torch.nextafter(point, x), point)


def widened(x: Tensor) -> Tensor:
    """`x` in float32 or better."""
    return x if x.dtype == torch.float64 else x.float()


def draw(kind: Callable[..., Tensor], like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Random numbers in `like`'s shape, in float32 or better, drawn where the generator lives."""
    device = like.device if generator is None else generator.device
    dtype = torch.float64 if like.dtype == torch.float64 else torch.float32
    numbers = kind(like.shape, generator=generator, device=device, dtype=dtype)
    return numbers.to(like.device)


def per_example(values: Tensor, like: Tensor) -> Tensor:
    """`[N]` values, shaped to multiply images `[N, C, H, W]`."""
    return values.reshape(-1, *[1] * (like.dim() - 1))


# ---------------------------------------------------------------------------------------------
# The climb.


@dataclass(frozen=True)
class Goal:
    """What the attack wants of the model for each example, and the loss that leads there.

    The example shall leave class `y`, or reach it if `targeted`. `rival` names a class `[N]` to
    climb towards on the way out; it stands in for the loss.
    """

    model: Callable[[Tensor], Tensor]
    y: Tensor
    loss: Loss = cross_entropy
    targeted: bool = False
    rival: Tensor | None = None

    def logits(self, x: Tensor) -> Tensor:
        """The logits at `x`, `[N, K]`, in float32 or better: half precision rounds losses to 0."""
        logits = self.model(x)
        check_logits(logits, x, self.y)
        return widened(logits)

    def gradient(self, x: Tensor, logits: Tensor) -> Tensor:
        """The gradient to climb, `[N, C, H, W]`, from the logits that were computed at `x`."""
        if self.rival is None:
            loss = self.loss(logits, self.y).sum()
        else:
            loss = (of_class(logits, self.rival) - of_class(logits, self.y)).sum()
        gradient = None
        if loss.requires_grad:  # else the model lets no gradient through, and x stays
            (gradient,) = torch.autograd.grad(loss, x, allow_unused=True)
        gradient = torch.zeros_like(x) if gradient is None else gradient
        return -gradient if self.targeted else gradient

    def reached(self, logits: Tensor) -> Tensor:
        """Which examples are where the attack wants them: `[N]` booleans."""
        return (logits.argmax(dim=1) == self.y) == self.targeted

    def reached_at(self, x: Tensor) -> Tensor:
        """The same, at the images `x`."""
        with torch.no_grad():
            return self.reached(self.logits(x.clone()))  # a clone, for models that work in place

    def rows(self, keep: Tensor) -> "Goal":
        """The goal of some of the examples."""
        rival = None if self.rival is None else self.rival[keep]
        return replace(self, y=self.y[keep], rival=rival)


def climb(
    goal: Goal,
    ball: Ball,
    point: Tensor,
    steps: int,
    step_size: float | None = None,
    *,
    stop: bool = True,
    warn: bool = False,
) -> Tensor:
    """From `point`, `steps` times up the loss and back into the ball.

    Without a `step_size` the steps shrink geometrically from `eps` to a hundredth of it: the first
    ones find the right corner of the ball, the last ones the right place on its faces. With
    `stop`, an example whose goal is reached stays where it is and is computed no further.
    """
    result = point.clone() if stop else point
    rows = torch.arange(len(point), device=point.device)
    for i in range(steps):
        gradient, logits, open_ = _look(goal, point, stop)
        if i == 0 and warn:
            warn_of_weak_signals(logits, gradient, None if stop else open_)
        if stop and not open_.all():
            result[rows] = point
            rows, point = rows[open_], point[open_]
            goal, ball = goal.rows(open_), rows_of(ball, open_)
            if len(rows) == 0:
                return result
        size = ball.eps * 0.01 ** (i / steps) if step_size is None else step_size
        point = ball.step(point, gradient, size)
    if not stop:
        return point
    result[rows] = point
    return result


def _look(goal: Goal, point: Tensor, stop: bool) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients, the logits, and which examples are still open.

    With `stop`, only the open examples get a gradient.
    """
    x = point.detach().requires_grad_()
    logits = goal.logits(x)
    open_ = ~goal.reached(logits)
    if not stop:
        gradient = goal.gradient(x, logits)
    elif 2 * open_.sum() > len(open_):
        gradient = goal.gradient(x, logits)[open_]
    elif open_.any():  # forward again for the few costs less than backward for all
        gradient, _, _ = _look(goal.rows(open_), point[open_], stop=False)
    else:
        gradient = point[:0]
    return gradient, logits.detach(), open_


# ---------------------------------------------------------------------------------------------
# What an attack refuses, and what it warns of.


def check_size(name: str, value: float) -> float:
    """`value` as a float; ValueError if it is not a finite number of at least 0."""
    try:
        number = float(value)
    except (TypeError, ValueError, RuntimeError):  # RuntimeError: a tensor of several numbers
        raise TypeError(f"{name} is {value!r}; it must be one number of at least 0") from None
    if not (number >= 0 and math.isfinite(number)):
        raise ValueError(f"{name} is {number}; it must be a finite number of at least 0")
    return number


def check_count(name: str, value: int) -> int:
    """`value` as an int; ValueError if it is not at least 1."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} is {value!r}; it must be a whole number of at least 1") from None
    if number < 1:
        raise ValueError(f"{name} is {number}; it must be at least 1")
    return number


def check_images(x: Tensor, clip: Clip) -> None:
    """TypeError or ValueError unless `x` is a finite float tensor `[N, ...]` inside `clip`."""
    if not isinstance(x, Tensor) or not x.is_floating_point():
        kind = f"{x.dtype} tensor" if isinstance(x, Tensor) else type(x).__name__
        raise TypeError(f"x is a {kind}; give a float tensor [N, C, H, W], e.g. x.float() / 255")
    if x.dim() < 2:
        raise ValueError(f"x has the shape {tuple(x.shape)}; give a batch [N, ...], e.g. x[None]")
    if clip is not None and not (len(clip) == 2 and clip[0] < clip[1]):
        raise ValueError(f"clip is {clip}; give (lowest, highest) pixel value, or None")
    if x.numel() == 0:
        return
    low, high = torch.aminmax(x.detach())
    if not (low.isfinite() and high.isfinite()):
        raise ValueError("x holds NaN or infinite pixels; find them with x.isfinite()")
    # The range as x's dtype writes it: 0.1 is not a float32.
    if clip is not None and not (
        low >= low.new_tensor(clip[0]) and high <= low.new_tensor(clip[1])
    ):
        raise ValueError(
            f"x has pixels from {low.item():g} to {high.item():g}, outside clip={clip}; give "
            "images in that range (normalisation belongs inside the model), the right clip, or "
            "clip=None"
        )


def check_labels(x: Tensor, y: Tensor) -> None:
    """TypeError or ValueError unless `y` has an int64 class number for each example of `x`."""
    if not isinstance(y, Tensor) or y.dtype != torch.int64:
        kind = f"{y.dtype} tensor" if isinstance(y, Tensor) else type(y).__name__
        raise TypeError(f"y is a {kind}; give class numbers as an int64 tensor [N], e.g. y.long()")
    if y.shape != x.shape[:1]:
        raise ValueError(
            f"y has the shape {tuple(y.shape)}, x has {len(x)} examples; give one class number "
            f"for each: [{len(x)}]"
        )
    if y.device != x.device:
        raise ValueError(f"y is on {y.device}, x on {x.device}; move one: y.to(x.device)")


def check_logits(logits: Tensor, x: Tensor, y: Tensor) -> None:
    """TypeError or ValueError unless these are numbers `[N, K]` and `y` names K classes at most."""
    if not isinstance(logits, Tensor):
        raise TypeError(
            f"model returned a {type(logits).__name__}; it must return a tensor of logits [N, K]: "
            "wrap it in a module whose forward picks them out"
        )
    if logits.dim() != 2 or len(logits) != len(x) or logits.shape[1] < 2:
        raise ValueError(
            f"model returned the shape {tuple(logits.shape)} for {len(x)} examples; it must "
            f"return logits [{len(x)}, K] with K >= 2 classes"
        )
    low, high = (bound.item() for bound in torch.aminmax(y))
    if low < 0 or high >= logits.shape[1]:
        raise ValueError(
            f"y has labels from {low} to {high}, but the model has the classes 0 to "
            f"{logits.shape[1] - 1}; check which model and labels belong together"
        )
    if logits.isnan().any():
        bad = int(logits.isnan().any(dim=1).sum())
        raise ValueError(
            f"model returned NaN for {bad} of {len(x)} examples; look at its weights "
            "(did training diverge?) before you attack it"
        )


def check_targets(goal: Goal, x: Tensor) -> None:
    """ValueError if every target is what the model predicts already."""
    if goal.reached_at(x).all():
        raise ValueError(
            "targeted=True, but y is what the model predicts already, for every example; y must "
            "be the class you want, not the true class (or leave targeted=False)"
        )


def warn_caller(message: str) -> None:
    """Warn of the line that called into this package."""
    level = 1
    frame: FrameType | None = sys._getframe()
    while frame and frame.f_globals.get("__name__", "").startswith("advtutor."):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, AttackWarning, stacklevel=level)


def warn_of_weak_signals(logits: Tensor, gradient: Tensor, open_: Tensor | None = None) -> None:
    """Warn of probabilities, and of zero gradients where an example is still `open_`."""
    if logits.min() >= 0 and (logits.sum(dim=1) - 1).abs().max() < 5e-3:
        warn_caller(
            "the model's outputs look like probabilities, not logits: cross-entropy takes the "
            "softmax a second time and its gradient shrinks. Return the logits instead"
        )
    dead = ~(gradient.abs().flatten(1).amax(dim=1) > 0)
    dead = dead if open_ is None else dead & open_
    if dead.any():
        warn_caller(
            f"the gradient is exactly zero for {int(dead.sum())} of {len(logits)} examples, so the "
            "attack cannot move them. Saturated logits? Use loss=attacks.margin_loss. A layer "
            "without a derivative? Judge the model by a gradient-free attack: attacks.square"
        )
