"""Gradient attacks: one step up the loss (FGSM), and many (BIM, PGD)."""

import torch
from torch import Tensor, nn

from advtutor.attacks.ball import BALLS, Ball, LinfBall
from advtutor.attacks.goal import (
    Goal,
    input_gradient,
    warn_of_targets,
    warn_of_trouble,
    warn_of_weak_signals,
)
from advtutor.attacks.inputs import Clip, check_count, check_size, losses_of
from advtutor.attacks.losses import Loss, cross_entropy
from advtutor.attacks.promise import attack
from advtutor.attacks.query import Query, answer


@attack
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
    `loss(logits, y)`, `[N]`, is summed over the batch; the default is cross-entropy.

    Raises ValueError or TypeError for images outside `clip`, a negative `eps`, or labels or a loss
    that do not fit; warns (AttackWarning) where the model returns probabilities or no gradient
    arrives.
    """
    x.requires_grad_()
    logits = answer(model, x.clone(), y)
    J = losses_of(loss or cross_entropy, logits, y).sum()
    gradient = input_gradient(J, x)
    warn_of_trouble(logits, gradient, y, targeted)
    step, x = gradient.sign(), x.detach()
    x_adv = torch.add(x, step, alpha=-eps if targeted else eps, out=step)
    return LinfBall(x, eps, clip).cut(x_adv)


@attack
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

    It starts at `x`. Without a `step_size` the steps shrink geometrically from `eps` to a
    hundredth of it, so that the first is FGSM's. With `early_stop=True` an example is left alone
    as soon as the model errs on it (Kurakin et al., arXiv 1607.02533). Otherwise as `fgsm`.
    """
    goal = Goal(Query(model), y, loss or cross_entropy, targeted)
    if targeted:
        warn_of_targets(goal.reached_at(x))
    return climb(goal, LinfBall(x, eps, clip), x, steps, step_size, stop=early_stop, warn=True)


@attack
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
    restarts = check_count("restarts", restarts)
    if norm not in BALLS:
        raise ValueError(f"norm is {norm!r}; choose one of {', '.join(map(repr, BALLS))}")
    if restarts > 1 and not random_start:
        raise ValueError(
            f"restarts is {restarts}, but without a random start all of them take the same path; "
            "set random_start=True"
        )
    goal, ball = Goal(Query(model), y, loss or cross_entropy, targeted), BALLS[norm](x, eps, clip)
    if targeted:
        warn_of_targets(goal.reached_at(x))

    def search(goal: Goal, ball: Ball, first: bool) -> Tensor:
        start = ball.random_point(generator) if random_start else ball.x
        return climb(goal, ball, start, steps, step_size, stop=early_stop, warn=first)

    x_adv = search(goal, ball, first=True)
    for _ in range(restarts - 1):
        open_ = ~goal.reached_at(x_adv)
        if not open_.any():
            break
        x_adv[open_] = search(goal.rows(open_), ball.rows(open_), first=False)
    return x_adv


@attack
def fooling_image(
    model: nn.Module, x: Tensor, y: Tensor, eps: float, *, clip: Clip = None
) -> Tensor:
    """Rubbish `x`, one gradient-sign step of `eps` nearer to the class `y` (paper, appendix A).

    `fgsm` with `targeted=True`, but for images that show nothing: not clipped, and content with
    rubbish that the model takes for `y` already.
    """
    goal = Goal(Query(model), y, targeted=True)
    return climb(goal, LinfBall(x, eps, clip), x, steps=1, stop=False, warn=True)


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
    steps = check_count("steps", steps)
    step_size = None if step_size is None else check_size("step_size", step_size)
    result = point.clone() if stop else point
    rows = torch.arange(len(point), device=point.device)
    for i in range(steps):
        gradient, logits, open_ = _look(goal, point, stop)
        if i == 0 and warn:
            warn_of_weak_signals(logits, gradient, None if stop else open_)
        if stop and not open_.all():
            result[rows] = point
            rows, point = rows[open_], point[open_]
            goal, ball = goal.rows(open_), ball.rows(open_)
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
