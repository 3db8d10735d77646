"""Strong attacks: one without gradients, the smallest eps, and the worst case over an ensemble."""

import math
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

from advtutor._search import (
    Clip,
    Goal,
    LinfBall,
    Loss,
    attacking,
    check_count,
    check_images,
    check_labels,
    check_size,
    climb,
    cross_entropy,
    draw,
    margin_loss,
    per_example,
    rows_of,
    warn_caller,
    warn_of_weak_signals,
    widened,
)


def square(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    eps: float,
    *,
    queries: int = 1000,
    clip: Clip = (0.0, 1.0),
    generator: torch.Generator | None = None,
) -> Tensor:
    """Square attack: random squares, kept where they help (Andriushchenko et al., 1912.00049).

    It looks at logits only, so that no masked gradient can stop it. Every pixel sits at the edge
    of the Linf ball; each query repaints one square, which shrinks as the search goes on, and
    keeps it if the margin by which the model is right gets smaller. An example that the model errs
    on is left alone. `queries` is how often the model may be asked about each example;
    `generator` makes the search repeatable. Otherwise as `fgsm`.
    """
    eps, queries = check_size("eps", eps), check_count("queries", queries)
    check_images(x, clip)
    check_labels(x, y)
    if x.numel() == 0:
        return x.detach().clone()
    with attacking(model):
        x, y = x.detach().clone(), y.clone()
        goal, x_adv = Goal(model, y), x.clone()
        open_ = ~goal.reached_at(x)
        if queries > 1 and open_.any():
            ball = rows_of(LinfBall(x, eps, clip), open_)
            x_adv[open_] = _square(goal.rows(open_), ball, queries - 1, None, generator)
    return x_adv


@torch.no_grad()
def _square(
    goal: Goal,
    ball: LinfBall,
    queries: int,
    patience: int | None,
    generator: torch.Generator | None,
) -> Tensor:
    """The search of `square`.

    With `patience` it gives up when that many queries, or as many again as the last success took,
    have broken nothing more, unless it has broken a tenth of the examples: then it was needed.
    """

    def margins(x: Tensor) -> Tensor:
        return margin_loss(goal.logits(x.clone()), goal.y)

    def coin(like: Tensor) -> Tensor:
        return draw(torch.rand, like, generator) < 0.5

    # The start: stripes, one toss for each column of each channel.
    best = torch.where(coin(ball.x[..., :1, :]), ball.upper, ball.lower)
    best_margin = margins(best)
    result, rows, last_success = best.clone(), torch.arange(len(best), device=best.device), 0
    for query in range(1, queries):
        open_ = best_margin <= 0
        if not open_.all():
            result[rows] = best
            rows, best, best_margin = rows[open_], best[open_], best_margin[open_]
            goal, ball, last_success = goal.rows(open_), rows_of(ball, open_), query
        idle = patience is not None and query > patience + 2 * last_success
        if len(rows) == 0 or (idle and len(rows) > 0.9 * len(result)):
            break
        inside = _squares(best, _share(query / queries), generator)
        paint = torch.where(coin(best.flatten(2)[..., :1, None]), ball.upper, ball.lower)
        point = torch.where(inside, paint, best)
        margin = margins(point)
        better = margin > best_margin
        best = torch.where(per_example(better, best), point, best)
        best_margin = torch.where(better, margin, best_margin)
    result[rows] = best
    return result


def _share(progress: float) -> float:
    """The share of the image that a square covers: 0.8, halved at the paper's points in time."""
    halvings = (0.001, 0.005, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)
    return 0.8 / 2 ** sum(progress > point for point in halvings)


def _squares(like: Tensor, share: float, generator: torch.Generator | None) -> Tensor:
    """One square anywhere in each image, as booleans `[N, 1, H, W]`."""
    height, width = like.shape[-2:]
    side = max(1, round(math.sqrt(share * height * width)))

    def span(length: int) -> Tensor:
        size = min(side, length)
        first = draw(torch.rand, like.flatten(1)[:, :1], generator) * (length - size + 1)
        places = torch.arange(length, device=like.device)
        return (places >= first.floor()) & (places < first.floor() + size)

    return (span(height)[:, :, None] & span(width)[:, None, :])[:, None]


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
    check_images(x, clip)
    check_labels(x, y)
    if x.numel() == 0:
        return x.new_zeros(len(x))
    with attacking(model):
        x = x.detach()
        eps, open_ = x.new_zeros(len(x)), ~Goal(model, y).reached_at(x)
        if open_.any():
            goal = Goal(model, y[open_], margin_loss)
            eps[open_] = _smallest(goal, x[open_], eps_max, tolerance, clip).to(x.dtype)
    return eps


def _smallest(goal: Goal, x: Tensor, eps_max: float, tolerance: float, clip: Clip) -> Tensor:
    best = widened(x).new_full((len(x),), math.inf)
    # From the image, and from a brighter and a darker one: masked gradients may lead nowhere.
    for start in (_unmoved, _brighter, _darker):
        eps = best.clamp(max=eps_max)
        point = start(LinfBall(x, per_example(eps, x), clip))
        for i in range(_STEPS):
            fading = (1 + math.cos(math.pi * i / _STEPS)) / 2
            point = point.detach().requires_grad_()
            logits = goal.logits(point)
            gradient, logits, point = goal.gradient(point, logits), logits.detach(), point.detach()
            if i == 0 and start is _unmoved:
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


def _unmoved(ball: LinfBall) -> Tensor:
    return ball.x


def _brighter(ball: LinfBall) -> Tensor:
    return ball.upper


def _darker(ball: LinfBall) -> Tensor:
    return ball.lower


def strongest(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    eps: float,
    *,
    steps: int = 20,
    queries: int = 5000,
    clip: Clip = (0.0, 1.0),
    generator: torch.Generator | None = None,
) -> Tensor:
    """The worst case over attacks that together see through masked gradients, in the Linf ball.

    Each attack works only on the examples that the cheaper ones before it did not break: FGSM;
    then climbs of `steps` steps up the cross-entropy, up the margin, and towards each of the four
    classes that come next, from random points and, because masked gradients can be blind there,
    from the brightest and the darkest image of the ball; last, `square` with up to `queries`
    queries, which needs no gradient. Square gives up early where it finds nothing that the
    gradients missed, and goes on where they are masked. A model that answers at random is attacked
    through the mean of several answers.

    An example that the model errs on anyway is given back as it is. Otherwise as `fgsm`, except
    that it does not warn of gradients that are zero: it has other means.
    """
    eps = check_size("eps", eps)
    steps, queries = check_count("steps", steps), check_count("queries", queries)
    check_images(x, clip)
    check_labels(x, y)
    if x.numel() == 0:
        return x.detach().clone()
    with attacking(model):
        x, y = x.detach().clone(), y.clone()
        goal, ball, x_adv = Goal(_steady(model, x), y), LinfBall(x, eps, clip), x.clone()
        with torch.no_grad():
            logits = goal.logits(x.clone())
        others = logits.scatter(1, y[:, None], -math.inf)
        rivals = others.topk(min(4, logits.shape[1] - 1)).indices
        open_ = ~goal.reached(logits)
        for attempt in _attempts(steps, queries, rivals.shape[1], generator):
            if not open_.any():
                break
            left = goal.rows(open_)
            x_adv[open_] = attempt(left, rows_of(ball, open_), rivals[open_])
            open_[open_.clone()] = ~left.reached_at(x_adv[open_])
    return x_adv


_Attempt = Callable[[Goal, LinfBall, Tensor], Tensor]


def _attempts(
    steps: int, queries: int, rivals: int, generator: torch.Generator | None
) -> list[_Attempt]:
    """The ensemble, cheapest first: functions of the goal, the ball and the ranked rivals."""

    def somewhere(ball: LinfBall) -> Tensor:
        return ball.random_point(generator)

    def up(loss: Loss, start: Callable[[LinfBall], Tensor], steps: int = steps) -> _Attempt:
        return lambda goal, ball, _: climb(replace(goal, loss=loss), ball, start(ball), steps)

    def towards(rank: int, start: Callable[[LinfBall], Tensor]) -> _Attempt:
        return lambda goal, ball, ranked: climb(
            replace(goal, rival=ranked[:, rank]), ball, start(ball), steps
        )

    return [
        up(cross_entropy, _unmoved, steps=1),
        up(cross_entropy, somewhere),
        up(margin_loss, _brighter),
        up(margin_loss, _darker),
        up(margin_loss, somewhere),
        *(towards(rank, _brighter) for rank in range(rivals)),
        towards(rivals - 1, _darker),
        lambda goal, ball, _: _square(goal, ball, queries, 200, generator),
    ]


def _steady(model: nn.Module, x: Tensor, draws: int = 8) -> Callable[[Tensor], Tensor]:
    """`model`, or the mean of several of its answers if it does not answer twice the same."""
    with torch.no_grad():
        once, twice = model(x[:16].clone()), model(x[:16].clone())
    if not isinstance(once, Tensor) or torch.allclose(once, twice, equal_nan=True):
        return model
    warn_caller(
        f"the model answers differently each time: the attack takes the mean of {draws} answers. "
        "Measure it over several draws, too"
    )
    return lambda x: torch.stack([model(x) for _ in range(draws)]).mean(dim=0)
