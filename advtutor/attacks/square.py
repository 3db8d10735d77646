"""The square attack: random squares, which need no gradient."""

import math

import torch
from torch import Tensor, nn

from advtutor.attacks.ball import LinfBall, draw, per_example
from advtutor.attacks.goal import Goal
from advtutor.attacks.inputs import Clip, check_count
from advtutor.attacks.losses import margin_loss
from advtutor.attacks.promise import attack
from advtutor.attacks.query import Query


@attack
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
    queries = check_count("queries", queries)
    goal, x_adv = Goal(Query(model), y), x.clone()
    open_ = ~goal.reached_at(x)
    if queries > 1 and open_.any():
        ball = LinfBall(x, eps, clip).rows(open_)
        x_adv[open_] = paint_squares(goal.rows(open_), ball, queries - 1, None, generator)
    return x_adv


@torch.no_grad()
def paint_squares(
    goal: Goal,
    ball: LinfBall,
    queries: int,
    patience: int | None,
    generator: torch.Generator | None,
) -> Tensor:
    """The search of `square`, in pictures `[N, C, H, W]` or what can be read as such.

    In `[N, D]` and `[N, C, L]` a square is a stretch; more dimensions before the last two count as
    channels, so that in clips `[N, C, T, H, W]` it is the same in each frame.

    With `patience` it gives up when that many queries, or as many again as the last success took,
    have broken nothing more, unless it has broken a tenth of the examples: then it was needed.
    """
    shape = ball.x.shape
    height = shape[-2] if len(shape) > 3 else 1
    ball = LinfBall(ball.x.reshape(len(ball.x), -1, height, shape[-1]), ball.eps, ball.clip)

    def margins(x: Tensor) -> Tensor:
        return margin_loss(goal.logits(x.reshape(-1, *shape[1:])), goal.y)

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
            goal, ball, last_success = goal.rows(open_), ball.rows(open_), query
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
    return result.reshape(shape)


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
