"""The smallest eps that fools the model."""

import math

import torch
from torch import Tensor, nn

from advtutor.attacks.ball import LinfBall, brighter, darker, per_example, unmoved, widened
from advtutor.attacks.goal import Goal, warn_of_weak_signals
from advtutor.attacks.inputs import Clip, check_arguments, check_size
from advtutor.attacks.losses import margin_loss
from advtutor.attacks.query import Query, differentiable, eval_mode_with_grad


def minimal_epsilon(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    *,
    eps_max: float = 1.0,
    tolerance: float = 1e-3,
    clip: Clip = (0.0, 1.0),
) -> Tensor:
    """The smallest eps at which an example that fools the model was found, in the Linf norm: `[N]`.

    0 where the model errs on `x` itself, inf where nothing was found up to `eps_max`. It is an
    upper bound that an actual example stands for; on a linear model without `clip` it lies within
    `tolerance` of the exact `|w.x + b| / ||w||_1`, on a network near the best that is known to be
    found. A minimum-norm search after Pintor et al. (FMN, arXiv 2102.12827): a point climbs the
    margin while the ball shrinks when it is outside its class and grows when it is inside.

    Raises and warns as `fgsm`.
    """
    eps_max, tolerance = check_size("eps_max", eps_max), check_size("tolerance", tolerance)
    if tolerance == 0:
        raise ValueError("tolerance is 0; give the accuracy you need, e.g. 1e-3")
    x, _ = check_arguments(model, x, y, eps_max, clip)
    if x.numel() == 0:
        return x.new_zeros(len(x))
    with eval_mode_with_grad(model):
        x, y = differentiable(x), y.clone()
        eps, open_ = x.new_zeros(len(x)), ~Goal(Query(model), y).reached_at(x)
        if open_.any():
            goal = Goal(Query(model), y[open_], margin_loss)
            eps[open_] = _smallest(goal, x[open_], eps_max, tolerance, clip).to(x.dtype)
    return eps


def _smallest(goal: Goal, x: Tensor, eps_max: float, tolerance: float, clip: Clip) -> Tensor:
    best = widened(x).new_full((len(x),), math.inf)
    # From the image, and from a brighter and a darker one: masked gradients may lead nowhere.
    for start in (unmoved, brighter, darker):
        eps = best.clamp(max=eps_max)
        point = start(LinfBall(x, per_example(eps, x), clip))
        for i in range(_STEPS):
            fading = (1 + math.cos(math.pi * i / _STEPS)) / 2
            point = point.detach().requires_grad_()
            logits = goal.logits(point)
            gradient, logits, point = goal.gradient(point, logits), logits.detach(), point.detach()
            if i == 0 and start is unmoved:
                warn_of_weak_signals(logits, gradient)
            outside, gap = goal.reached(logits), -margin_loss(logits, goal.y)
            length = (widened(point) - widened(x)).abs().flatten(1).amax(dim=1)
            best = torch.where(outside & (length < best), length, best)

            change = (0.1 * fading * eps).clamp(min=tolerance / 2)
            slope = widened(gradient).abs().flatten(1).sum(dim=1).nan_to_num()
            first_order = length + gap / slope.clamp(min=1e-12) + tolerance / 2
            inside = torch.where(best <= eps_max, eps + change, first_order)
            eps = torch.where(outside, length - change, inside).minimum(best).clamp(0, eps_max)
            ball = LinfBall(x, per_example(eps, x), clip)
            step_size = max(fading, 0.01) * ball.eps
            point = ball.step(point, gradient, step_size)
    return best


_STEPS = 40
