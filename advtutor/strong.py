"""Strong attacks: a gradient-free one, the smallest eps, and the worst case over an ensemble."""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from advtutor._search import (
    Clip,
    Goal,
    LinfBall,
    attacking,
    check_count,
    check_images,
    check_labels,
    check_size,
    climb,
    draw,
    margin_loss,
    per_example,
    rows_of,
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
            x_adv[open_] = _square(goal.rows(open_), ball, queries - 1, queries, generator)
    return x_adv


@torch.no_grad()
def _square(
    goal: Goal, ball: LinfBall, queries: int, patience: int, generator: torch.Generator | None
) -> Tensor:
    """The search of `square`; it gives up when `patience` queries have broken nothing more."""

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
        if len(rows) == 0 or query - last_success > patience:
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


def minimal_epsilon(): ...


def strongest(model, x, y, eps):
    raise NotImplementedError
