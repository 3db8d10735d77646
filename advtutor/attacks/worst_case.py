"""The worst case over an ensemble of attacks."""

import math
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

from advtutor.attacks.ball import LinfBall, brighter, darker, unmoved
from advtutor.attacks.goal import Goal
from advtutor.attacks.gradient import climb
from advtutor.attacks.inputs import Clip, check_count, warn_caller
from advtutor.attacks.losses import Loss, cross_entropy, margin_loss
from advtutor.attacks.promise import attack
from advtutor.attacks.query import Query, answer
from advtutor.attacks.square import paint_squares


@attack
def worst_case(
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
    steps, queries = check_count("steps", steps), check_count("queries", queries)
    goal, ball, x_adv = Goal(Query(_steady(model, x)), y), LinfBall(x, eps, clip), x.clone()
    with torch.no_grad():
        logits = goal.logits(x)
    others = logits.scatter(1, y[:, None], -math.inf)
    rivals = others.topk(min(4, logits.shape[1] - 1)).indices
    open_ = ~goal.reached(logits)
    for attempt in _attempts(steps, queries, rivals.shape[1], generator):
        if not open_.any():
            break
        left = goal.rows(open_)
        x_adv[open_] = attempt(left, ball.rows(open_), rivals[open_])
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
        up(cross_entropy, unmoved, steps=1),
        up(cross_entropy, somewhere),
        up(margin_loss, brighter),
        up(margin_loss, darker),
        up(margin_loss, somewhere),
        *(towards(rank, brighter) for rank in range(rivals)),
        towards(rivals - 1, darker),
        lambda goal, ball, _: paint_squares(goal, ball, queries, 200, generator),
    ]


def _steady(model: nn.Module, x: Tensor, draws: int = 8) -> Callable[[Tensor], Tensor]:
    """`model`, or the mean of several of its answers if it does not answer twice the same."""
    with torch.no_grad():
        once, twice = (answer(model, x[:16].clone()) for _ in range(2))
    if torch.allclose(once, twice):
        return model
    warn_caller(
        f"the model answers differently each time: the attack takes the mean of {draws} answers. "
        "Measure it over several draws, too"
    )
    return lambda x: torch.stack([model(x.clone()) for _ in range(draws)]).mean(dim=0)
