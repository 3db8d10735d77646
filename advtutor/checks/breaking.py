"""The tools that break a defence: the exercises `margin_loss` and `estimated_gradient`."""

from collections.abc import Callable

import torch
from torch import Tensor

from advtutor.checks.engine import Case, Exercise, Mistake


def margin_loss(logits: Tensor, y: Tensor) -> Tensor:
    """The best other logit minus the logit of y, one number for each example."""
    others = logits.scatter(1, y[:, None], -torch.inf)
    return others.amax(dim=1) - logits.gather(1, y[:, None]).squeeze(1)


def without_label(logits: Tensor, y: Tensor) -> Tensor:
    return logits.scatter(1, y[:, None], -torch.inf)


def margin_recipe(
    scale: Callable[[Tensor], Tensor] = lambda logits: logits,
    rivals: Callable[[Tensor, Tensor], Tensor] = without_label,
    pick: Callable[[Tensor], Tensor] = lambda others: others.amax(dim=1),
    own: Callable[[Tensor, Tensor], Tensor] = lambda z, y: z.gather(1, y[:, None]).squeeze(1),
    way: int = 1,
    last: Callable[[Tensor], Tensor] = lambda margin: margin,
) -> Callable[[Tensor, Tensor], Tensor]:
    """`margin_loss` with its parts in the open."""

    def made(logits: Tensor, y: Tensor) -> Tensor:
        z = scale(logits)
        return last(way * (pick(rivals(z, y)) - own(z, y)))

    return made


def logits_input(seed: int, batch: int, classes: int) -> tuple[Tensor, Tensor]:
    torch.random.default_generator.manual_seed(seed)
    logits = 3 * torch.randn(batch, classes)
    y = torch.randint(classes, (batch,))
    y[::2] = logits[::2].argmax(dim=1)  # every other one is read rightly
    return logits.requires_grad_(), y


MARGIN_LOSS = Exercise(
    reference=margin_loss,
    recipe=margin_recipe,
    cases=[
        Case(lambda: logits_input(51, 6, 10), batch=6),
        Case(lambda: logits_input(52, 1, 4), batch=1),
        Case(lambda: logits_input(53, 5, 3), batch=5),
    ],
    mistakes=[
        Mistake(
            "downhill",
            "the difference is the wrong way round: it has to be positive where the model errs",
            {"way": -1},
        ),
        Mistake(
            "cut-at-zero",
            "the margin is cut off at 0: where the model is right it is constant, and nothing is "
            "left to climb",
            {"last": torch.relu},
            source=r"relu|clamp|clip|maximum",
        ),
        Mistake(
            "label-among-rivals",
            "the right class is among its own rivals: where the model is right this is 0 and gives "
            "no gradient; leave class y out of the maximum",
            {"rivals": lambda z, y: z},
        ),
        Mistake(
            "rivals-alone",
            "this is the best other logit alone: take the logit of y away from it",
            {"own": lambda z, y: torch.zeros_like(z[:, 0])},
        ),
        Mistake(
            "label-alone",
            "only the logit of y is in it: the class that is to win belongs in it, too",
            {"pick": lambda others: torch.zeros_like(others[:, 0])},
        ),
        Mistake(
            "mean-rival",
            "this takes the mean of the other logits: the one that is ahead of them decides",
            {
                "pick": lambda others: (
                    others.masked_fill(others.isinf(), 0).sum(1) / (others.shape[1] - 1)
                )
            },
        ),
        Mistake(
            "largest-against-second",
            "this compares the two largest logits and knows nothing of the label y",
            {"rivals": lambda z, y: z, "own": lambda z, y: z.topk(2, dim=1).values[:, 1]},
        ),
        Mistake(
            "probabilities",
            "the softmax is back in: it is what rounds to 0 and 1 where logits are large; use the "
            "logits as they are",
            {"scale": lambda logits: logits.softmax(dim=1)},
        ),
    ],
    hints=(
        "Two numbers for each example: the logit of the right class, and the largest among the "
        "others. Which minus which is positive where the model errs?",
        "To leave class y out of a maximum, put minus infinity in its place: "
        "logits.scatter(1, y[:, None], -torch.inf).",
        "others.amax(dim=1) - logits.gather(1, y[:, None]).squeeze(1)",
    ),
)


def estimated_gradient(loss, x: Tensor, directions: Tensor, h: float) -> Tensor:
    """The mean over the directions v of (loss(x + h*v) - loss(x - h*v)) / (2*h) * v."""
    total = torch.zeros_like(x)
    for v in directions:
        slope = (loss(x + h * v) - loss(x - h * v)) / (2 * h)
        total += slope[:, None, None, None] * v
    return total / len(directions)


def estimate_recipe(
    back: int = -1,
    width: Callable[[float], float] = lambda h: 2 * h,
    way: int = 1,
    slope_of: Callable[[Tensor], Tensor] = lambda slope: slope,
    step: Callable[[Tensor], Tensor] = lambda v: v,
    count: Callable[[Tensor], Tensor] = lambda directions: directions,
    average: Callable[[int], int] = lambda n: n,
) -> Callable[..., Tensor]:
    """`estimated_gradient` with its parts in the open."""

    def made(loss: Callable[[Tensor], Tensor], x: Tensor, directions: Tensor, h: float) -> Tensor:
        total = torch.zeros_like(x)
        used = count(directions)
        for v in used:
            slope = way * (loss(x + h * v) - loss(x + back * h * v)) / width(h)
            total = total + slope_of(slope)[:, None, None, None] * step(v)
        return total / average(len(used))

    return made


def estimate_input(seed: int, batch: int, shape: tuple[int, int, int], h: float) -> tuple:
    torch.random.default_generator.manual_seed(seed)
    weight = torch.randn(shape)

    def loss(x: Tensor) -> Tensor:
        return (weight * (x + x**2 + x**3)).flatten(1).sum(dim=1)

    directions = 2.0 * torch.randint(2, (5, *shape)) - 1
    return loss, torch.rand(batch, *shape), directions, h


ESTIMATED_GRADIENT = Exercise(
    reference=estimated_gradient,
    recipe=estimate_recipe,
    cases=[
        Case(lambda: estimate_input(61, 4, (1, 3, 3), 0.1), batch=4),
        Case(lambda: estimate_input(62, 1, (2, 2, 2), 0.25), batch=1),
        Case(lambda: estimate_input(63, 3, (1, 4, 5), 0.05), batch=3),
    ],
    mistakes=[
        Mistake(
            "downhill",
            "the difference is the wrong way round: this points down the loss",
            {"way": -1},
        ),
        Mistake(
            "one-sided",
            "this looks to one side only: take the difference between x + h*v and x - h*v, over "
            "2*h; on a staircase both sides count",
            {"back": 0, "width": lambda h: h},
        ),
        Mistake(
            "half-the-width",
            "the two points are 2*h apart: divide by 2*h and not by h",
            {"width": lambda h: h},
        ),
        Mistake(
            "no-width",
            "the difference is not divided by the distance of its two points, 2*h",
            {"width": lambda h: 1.0},
        ),
        Mistake(
            "no-sides",
            "both losses are taken at the same point, so that nothing is left of their difference",
            {"back": 1},
        ),
        Mistake(
            "sum",
            "the directions are added up: take their mean",
            {"average": lambda n: 1},
        ),
        Mistake(
            "last-direction",
            "only the last direction is left in the result: add each one to the sum",
            {"count": lambda directions: directions[-1:]},
        ),
        Mistake(
            "first-direction",
            "only the first direction is used: does the return stand inside the loop?",
            {"count": lambda directions: directions[:1]},
        ),
        Mistake(
            "signs-only",
            "only the sign of each slope goes in: a direction in which the loss hardly moves "
            "counts as much as the steepest one",
            {"slope_of": torch.sign},
        ),
        Mistake(
            "batch-mixed",
            "the losses of the batch are added into one number: each example has its own slope",
            {"slope_of": lambda slope: slope.sum().expand(len(slope))},
        ),
        Mistake(
            "no-direction",
            "the slopes are averaged without their directions: each one belongs to its v",
            {"step": torch.ones_like},
        ),
    ],
    hints=(
        "Along one direction v the loss has a slope. Measure it with two queries, a little ahead "
        "and a little behind.",
        "The slope, [N], is (loss(x + h*v) - loss(x - h*v)) / (2*h). It says how far to go along "
        "v.",
        "Add slope[:, None, None, None] * v over all v in directions, and divide by their number.",
    ),
)
