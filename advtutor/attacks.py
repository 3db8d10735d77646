"""Attacks: functions that move images a little and make a model err.

Every attack takes `(model, x, y, eps)`: images `x` `[N, C, H, W]` inside `clip`, labels `y`
`[N]`, and the radius `eps` in the units of the pixels. It returns a detached tensor like `x`,
inside the ball of radius `eps` around `x` and inside `clip`, and leaves the model, the images and
the gradients of the weights as they were. `y` is the target if and only if `targeted=True`.
"""

import contextlib
import math
import operator
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Loss = Callable[[Tensor, Tensor], Tensor]
Clip = tuple[float, float] | None


class AttackWarning(UserWarning):
    """The attack ran, but its result should not be trusted as it is."""


def fgsm(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    eps: float,
    *,
    targeted: bool = False,
    clip: Clip = (0.0, 1.0),
    loss: Loss | None = None,
) -> Tensor:
    """The fast gradient sign method: `x + eps * sign(grad_x J(x, y))`, clipped.

    One step, the largest change of the loss's first-order approximation among all steps that
    move no pixel by more than `eps` (paper, section 4). With `targeted=True` the step goes down
    the loss, towards class `y`. `clip=None` is the paper's own form, which leaves [0, 1].
    `loss(logits, y)` is summed over the batch; the default is cross-entropy.

    Raises ValueError or TypeError for images outside `clip`, a negative `eps`, or labels that do
    not fit; warns (AttackWarning) where the model returns probabilities or no gradient arrives.
    """
    return _attack(
        model,
        x,
        y,
        eps,
        step_size=eps,
        steps=1,
        targeted=targeted,
        clip=clip,
        loss=loss,
    )


def bim(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    eps: float,
    *,
    step_size: float | None = None,
    steps: int = 10,
    targeted: bool = False,
    clip: Clip = (0.0, 1.0),
    loss: Loss | None = None,
    early_stop: bool = False,
) -> Tensor:
    """The basic iterative method: the gradient-sign step, repeated inside the ball.

    It starts at `x`. `step_size` is `2.5 * eps / steps` unless given. With `early_stop=True` an
    example is left alone as soon as the model errs on it (Kurakin et al., arXiv 1607.02533).
    Otherwise as `fgsm`.
    """
    return _attack(
        model,
        x,
        y,
        eps,
        step_size=step_size,
        steps=steps,
        targeted=targeted,
        clip=clip,
        loss=loss,
        early_stop=early_stop,
    )


def pgd(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    eps: float,
    *,
    step_size: float | None = None,
    steps: int = 40,
    norm: str = "linf",
    random_start: bool = True,
    restarts: int = 1,
    targeted: bool = False,
    clip: Clip = (0.0, 1.0),
    loss: Loss | None = None,
    early_stop: bool = False,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Projected gradient descent from a random point of the ball (Madry et al., arXiv 1706.06083).

    `norm` is "linf" (every pixel may move by `eps`) or "l2" (the step's Euclidean length may be
    `eps`). The start is uniform in the ball. Each restart attacks only what the earlier ones did
    not break, and the first success is kept. `generator` makes the start repeatable. Otherwise as
    `bim`.
    """
    return _attack(
        model,
        x,
        y,
        eps,
        step_size=step_size,
        steps=steps,
        norm=norm,
        random_start=random_start,
        restarts=restarts,
        targeted=targeted,
        clip=clip,
        loss=loss,
        early_stop=early_stop,
        generator=generator,
    )


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
    _check_images(x, clip)
    ball = _LinfBall(x.detach(), _check_size("eps", eps), clip)
    coin = _draw(torch.rand, ball.x, generator).sub_(0.5).sign_()
    return ball.project(ball.x + eps * coin)


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
    _check_images(x, clip)
    ball = _LinfBall(x.detach(), _check_size("eps", eps), clip)
    return ball.random_point(generator)


def cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    """Cross-entropy of each example: `[N]`."""
    return F.cross_entropy(logits, y, reduction="none")


def margin_loss(logits: Tensor, y: Tensor) -> Tensor:
    """The best other logit minus the logit of `y`, for each example: `[N]`.

    Positive where the model errs. Its gradient survives logits so large that the softmax is
    saturated and cross-entropy's gradient rounds to zero (Carlini and Wagner, arXiv 1608.04644).
    """
    own = logits.gather(1, y[:, None]).squeeze(1)
    others = logits.scatter(1, y[:, None], -math.inf)
    return others.amax(dim=1) - own


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


# ---------------------------------------------------------------------------------------------
# Where an example may go: the ball around x, cut off at the range of the pixels.


class _LinfBall:
    """All images in which no pixel of `x` has moved by more than `eps`."""

    def __init__(self, x: Tensor, eps: float, clip: Clip) -> None:
        self.x, self.eps, self.clip = x, eps, clip
        low, high = clip or (-math.inf, math.inf)
        self.lower = _no_further(x - eps, x, eps).clamp(min=low)
        self.upper = _no_further(x + eps, x, eps).clamp(max=high)

    def random_point(self, generator: torch.Generator | None) -> Tensor:
        step = _draw(torch.rand, self.x, generator).mul_(2).sub_(1).mul_(self.eps)
        return self.project(self.x + step)

    def uphill(self, gradient: Tensor) -> Tensor:
        return gradient.sign()

    def project(self, point: Tensor) -> Tensor:
        return torch.clamp(point, self.lower, self.upper)


class _L2Ball:
    """All images whose difference from `x` has a Euclidean length of at most `eps`."""

    def __init__(self, x: Tensor, eps: float, clip: Clip) -> None:
        self.x, self.eps, self.clip = x, eps, clip

    def random_point(self, generator: torch.Generator | None) -> Tensor:
        direction = self.uphill(_draw(torch.randn, self.x, generator))
        radius = _draw(torch.rand, self.x.flatten(1)[:, 0], generator)
        radius = self.eps * radius ** (1 / self.x[0].numel())  # uniform in volume
        return self.project(self.x + direction * _per_example(radius, self.x))

    def uphill(self, gradient: Tensor) -> Tensor:
        # Divided by the largest entry first: the squares of tiny gradients would vanish.
        tiny = torch.finfo(gradient.dtype).tiny
        largest = gradient.abs().flatten(1).amax(dim=1).clamp(min=tiny)
        gradient = gradient / _per_example(largest, gradient)
        length = gradient.flatten(1).norm(dim=1).clamp(min=tiny)
        return gradient / _per_example(length, gradient)

    def project(self, point: Tensor) -> Tensor:
        step = _widened(point) - _widened(self.x)
        length = step.flatten(1).norm(dim=1).clamp(min=torch.finfo(step.dtype).tiny)
        shrink = (self.eps * (1 - 1e-6) / length).clamp(max=1)  # room for the sum's rounding
        step = step * _per_example(shrink, step)
        point = _nudged((self.x + step).to(self.x.dtype), self.x, step.abs())
        return point if self.clip is None else point.clamp(*self.clip)


_BALLS = {"linf": _LinfBall, "l2": _L2Ball}
_Ball = _LinfBall | _L2Ball


def _rows(ball: _Ball, keep: Tensor) -> _Ball:
    return type(ball)(ball.x[keep], ball.eps, ball.clip)


def _no_further(point: Tensor, x: Tensor, limit: float) -> Tensor:
    """The bound `point`, itself inside the ball where the dtype is too coarse for 1e-6."""
    return point if point.dtype in (torch.float32, torch.float64) else _nudged(point, x, limit)


def _nudged(point: Tensor, x: Tensor, limit: float | Tensor) -> Tensor:
    """`point`, one representable number nearer to `x` where rounding went beyond `limit`."""
    too_far = (_widened(point) - _widened(x)).abs() > limit
    return torch.where(too_far, torch.nextafter(point, x), point)


def _widened(x: Tensor) -> Tensor:
    return x if x.dtype == torch.float64 else x.float()


def _draw(kind: Callable[..., Tensor], like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Random numbers in `like`'s shape, drawn on the device where the generator lives."""
    device = like.device if generator is None else generator.device
    dtype = _widened(like[:0]).dtype
    return kind(like.shape, generator=generator, device=device, dtype=dtype).to(like)


def _per_example(values: Tensor, like: Tensor) -> Tensor:
    """`[N]` values, shaped to multiply images `[N, C, H, W]`."""
    return values.reshape(-1, *[1] * (like.dim() - 1))


# ---------------------------------------------------------------------------------------------
# The search that every gradient attack shares.


@dataclass(frozen=True)
class _Goal:
    """What the attack wants of the model, and which way leads there."""

    model: nn.Module
    loss: Loss
    targeted: bool

    def gradient(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """The gradient to climb, `[N, C, H, W]`, and the logits at `x`, `[N, K]`."""
        x = x.detach().requires_grad_()
        logits = self.model(x)
        _check_logits(logits, x, y)
        total = self.loss(logits, y).sum()
        gradient = None
        if total.requires_grad:  # else the model lets no gradient through, and x stays
            (gradient,) = torch.autograd.grad(total, x, allow_unused=True)
        gradient = torch.zeros_like(x) if gradient is None else gradient
        return (-gradient if self.targeted else gradient), logits.detach()

    def reached(self, logits: Tensor, y: Tensor) -> Tensor:
        """Which examples are where the attack wants them: `[N]` booleans."""
        return (logits.argmax(dim=1) == y) == self.targeted


def _climb(
    goal: _Goal, ball: _Ball, point: Tensor, y: Tensor, step_size: float, steps: int, stop: bool
) -> Tensor:
    """From `point`, `steps` times up the loss and back into the ball.

    With `stop`, an example whose goal is reached stays where it is and is computed no further.
    """
    result = point.clone()
    rows = torch.arange(len(point), device=point.device)
    for step in range(steps):
        gradient, logits = goal.gradient(point, y)
        if step == 0:
            _warn_of_weak_signals(goal, logits, gradient, y)
        if stop:
            open_ = ~goal.reached(logits, y)
            if not open_.all():
                result[rows] = point
                rows, point, y, gradient = rows[open_], point[open_], y[open_], gradient[open_]
                ball = _rows(ball, open_)
            if len(rows) == 0:
                return result
        point = ball.project(point + step_size * ball.uphill(gradient))
    result[rows] = point
    return result


def _attack(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    eps: float,
    *,
    step_size: float | None,
    steps: int,
    targeted: bool,
    clip: Clip,
    loss: Loss | None,
    norm: str = "linf",
    random_start: bool = False,
    restarts: int = 1,
    early_stop: bool = False,
    generator: torch.Generator | None = None,
) -> Tensor:
    eps = _check_size("eps", eps)
    steps, restarts = _check_count("steps", steps), _check_count("restarts", restarts)
    step_size = 2.5 * eps / steps if step_size is None else _check_size("step_size", step_size)
    _check_images(x, clip)
    _check_labels(x, y)
    if norm not in _BALLS:
        raise ValueError(f"norm is {norm!r}; choose one of {', '.join(map(repr, _BALLS))}")
    if restarts > 1 and not random_start:
        raise ValueError("restarts repeat the same path without random_start=True; set it")
    if len(x) == 0:
        return x.detach().clone()

    goal = _Goal(model, loss or cross_entropy, targeted)
    with torch.inference_mode(False), torch.enable_grad(), measuring(model):
        x, y = x.detach().clone(), y.clone()  # clones made here may take part in gradients
        if targeted:
            _check_targets(model, x, y)
        ball = _BALLS[norm](x, eps, clip)

        def search(ball: _Ball, y: Tensor) -> Tensor:
            start = ball.random_point(generator) if random_start else ball.x
            return _climb(goal, ball, start, y, step_size, steps, early_stop)

        x_adv = search(ball, y)
        for _ in range(restarts - 1):
            with torch.no_grad():
                open_ = ~goal.reached(model(x_adv), y)
            if not open_.any():
                break
            x_adv[open_] = search(_rows(ball, open_), y[open_])
    return x_adv


# ---------------------------------------------------------------------------------------------
# What an attack refuses, and what it warns of.


def _check_size(name: str, value: float) -> float:
    value = float(value)
    if not (value >= 0 and math.isfinite(value)):
        raise ValueError(f"{name} is {value}; it must be a finite number of at least 0")
    return value


def _check_count(name: str, value: int) -> int:
    if operator.index(value) < 1:
        raise ValueError(f"{name} is {value}; it must be at least 1")
    return int(value)


def _check_images(x: Tensor, clip: Clip) -> None:
    if not isinstance(x, Tensor) or not x.is_floating_point():
        kind = f"{x.dtype} tensor" if isinstance(x, Tensor) else type(x).__name__
        raise TypeError(f"x is a {kind}; give a float tensor [N, C, H, W], e.g. x.float() / 255")
    if x.dim() < 2:
        raise ValueError(f"x has the shape {tuple(x.shape)}; give a batch [N, ...], e.g. x[None]")
    if clip is not None and not clip[0] < clip[1]:
        raise ValueError(f"clip is {clip}; give (lowest, highest) pixel value, or None")
    if x.numel() == 0:
        return
    low, high = (bound.item() for bound in torch.aminmax(x.detach()))
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError("x holds NaN or infinite pixels; find them with x.isfinite()")
    if clip is not None and not (clip[0] <= low and high <= clip[1]):
        raise ValueError(
            f"x has pixels from {low:g} to {high:g}, outside clip={clip}; give images in that "
            "range (normalisation belongs inside the model), the right clip, or clip=None"
        )


def _check_labels(x: Tensor, y: Tensor) -> None:
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


def _check_logits(logits: Tensor, x: Tensor, y: Tensor) -> None:
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


def _check_targets(model: nn.Module, x: Tensor, y: Tensor) -> None:
    with torch.no_grad():
        logits = model(x)
    _check_logits(logits, x, y)
    if (logits.argmax(dim=1) == y).all():
        raise ValueError(
            "targeted=True, but y is what the model predicts already, for every example; y must "
            "be the class you want, not the true class (or leave targeted=False)"
        )


def _warn_of_weak_signals(goal: _Goal, logits: Tensor, gradient: Tensor, y: Tensor) -> None:
    if logits.min() >= 0 and (logits.sum(dim=1) - 1).abs().max() < 1e-3:
        warnings.warn(
            "the model's outputs look like probabilities, not logits: cross-entropy takes the "
            "softmax a second time and its gradient shrinks. Return the logits instead",
            AttackWarning,
            stacklevel=5,
        )
    dead = (gradient == 0).flatten(1).all(dim=1) & ~goal.reached(logits, y)
    if dead.any():
        warnings.warn(
            f"the gradient is exactly zero for {int(dead.sum())} of {len(y)} examples, so the "
            "attack cannot move them. Saturated logits? Use loss=attacks.margin_loss. A layer "
            "without a derivative? Judge the model by a gradient-free attack",
            AttackWarning,
            stacklevel=5,
        )
