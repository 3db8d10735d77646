"""Attacks: functions that move images a little and make a model err.

Every attack takes `(model, x, y, eps)`: images `x` `[N, C, H, W]` inside `clip`, labels `y`
`[N]`, and the radius `eps` in the units of the pixels. It returns a detached tensor like `x`,
inside the ball of radius `eps` around `x` and inside `clip`, and leaves the model, the images and
the gradients of the weights as they were. `y` is the target if and only if `targeted=True`.
"""

import operator

import torch
from torch import Tensor, nn

from advtutor._search import (
    BALLS,
    AttackWarning,
    Ball,
    Clip,
    Goal,
    LinfBall,
    Loss,
    attacking,
    check_count,
    check_images,
    check_labels,
    check_size,
    check_targets,
    climb,
    cross_entropy,
    draw,
    margin_loss,
    measuring,
    rows_of,
)
from advtutor.strong import minimal_epsilon, square, strongest

__all__ = [
    "AttackWarning",
    "Clip",
    "Loss",
    "bim",
    "cross_entropy",
    "fgsm",
    "fooling_image",
    "gaussian_rubbish",
    "margin_loss",
    "measuring",
    "minimal_epsilon",
    "pgd",
    "sign_noise",
    "square",
    "strongest",
    "uniform_noise",
]


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
    return _attack(model, x, y, eps, steps=1, targeted=targeted, clip=clip, loss=loss)


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


def _attack(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    eps: float,
    *,
    step_size: float | None = None,
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
    eps = check_size("eps", eps)
    steps, restarts = check_count("steps", steps), check_count("restarts", restarts)
    step_size = None if step_size is None else check_size("step_size", step_size)
    check_images(x, clip)
    check_labels(x, y)
    if norm not in BALLS:
        raise ValueError(f"norm is {norm!r}; choose one of {', '.join(map(repr, BALLS))}")
    if restarts > 1 and not random_start:
        raise ValueError(
            f"restarts is {restarts}, but without a random start all of them take the same path; "
            "set random_start=True"
        )
    if x.numel() == 0:
        return x.detach().clone()

    with attacking(model):
        x, y = x.detach().clone(), y.clone()  # clones made here may take part in gradients
        goal, ball = Goal(model, y, loss or cross_entropy, targeted), BALLS[norm](x, eps, clip)
        if targeted:
            check_targets(goal, x)

        def search(goal: Goal, ball: Ball, first: bool) -> Tensor:
            start = ball.random_point(generator) if random_start else ball.x
            return climb(goal, ball, start, steps, step_size, stop=early_stop, warn=first)

        x_adv = search(goal, ball, first=True)
        for _ in range(restarts - 1):
            open_ = ~goal.reached_at(x_adv)
            if not open_.any():
                break
            x_adv[open_] = search(goal.rows(open_), rows_of(ball, open_), first=False)
    return x_adv


# ---------------------------------------------------------------------------------------------
# The controls: noise, which needs no model.


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
    check_images(x, clip)
    ball = LinfBall(x.detach(), check_size("eps", eps), clip)
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
    check_images(x, clip)
    ball = LinfBall(x.detach(), check_size("eps", eps), clip)
    return ball.random_point(generator)


# ---------------------------------------------------------------------------------------------
# Rubbish: images that are nothing, and that a model is sure about all the same.


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


def fooling_image(
    model: nn.Module, x: Tensor, y: Tensor, eps: float, *, clip: Clip = None
) -> Tensor:
    """Rubbish `x`, one gradient-sign step of `eps` nearer to the class `y` (paper, appendix A).

    `fgsm` with `targeted=True`, but for images that show nothing: not clipped, and content with
    rubbish that the model takes for `y` already.
    """
    eps = check_size("eps", eps)
    check_images(x, clip)
    check_labels(x, y)
    if x.numel() == 0:
        return x.detach().clone()
    with attacking(model):
        x, y = x.detach().clone(), y.clone()
        goal, ball = Goal(model, y, targeted=True), LinfBall(x, eps, clip)
        return climb(goal, ball, x, steps=1, stop=False, warn=True)
