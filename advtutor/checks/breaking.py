"""The exercises on judging a defence: `margin_loss`, `estimated_gradient`, `worst_case_error`."""

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


def worst_case_error(errs: Tensor) -> float:
    """The share of the examples that at least one of the attacks breaks."""
    return errs.any(dim=0).float().mean().item()


def worst_recipe(
    count: Callable[[Tensor], Tensor] = lambda errs: errs.any(dim=0).float(),
    share: Callable[[Tensor], Tensor] = torch.mean,
) -> Callable[[Tensor], float]:
    """`worst_case_error` with its parts in the open."""
    return lambda errs: share(count(errs)).item()


WORST_CASE_ERROR = Exercise(
    reference=worst_case_error,
    recipe=worst_recipe,
    cases=[
        Case(lambda: errors_input(71, 3, 20), batch=20),
        Case(lambda: errors_input(72, 3, 1), batch=1),
        Case(lambda: errors_input(73, 4, 13), batch=13),
    ],
    mistakes=[
        Mistake(
            "best-attack",
            "this is the error under the strongest single attack; another one may break other "
            "examples: look at each example, then take the mean",
            {"count": lambda errs: errs.float().mean(dim=1), "share": torch.max},
        ),
        Mistake(
            "mean-attack",
            "this averages over the attacks: an attacker uses the one that works",
            {"count": lambda errs: errs.float()},
        ),
        Mistake(
            "every-attack",
            "this counts the examples that every attack breaks; one is enough",
            {"count": lambda errs: errs.all(dim=0).float()},
        ),
        Mistake(
            "weakest-attack",
            "this is the error under the weakest attack",
            {"count": lambda errs: errs.float().mean(dim=1), "share": torch.min},
        ),
        Mistake(
            "added-up",
            "the errors of the attacks are added up, so that an example counts more than once",
            {"count": lambda errs: errs.float().mean(dim=1), "share": torch.sum},
        ),
        Mistake(
            "survivors",
            "this is the share that no attack breaks: the accuracy, not the error",
            {"count": lambda errs: 1 - errs.any(dim=0).float()},
        ),
        Mistake(
            "number",
            "this is how many examples are broken: divide by how many there are",
            {"share": torch.sum},
        ),
        Mistake(
            "wrong-axis",
            "this asks which attacks break anything at all: the attacks are the rows, the examples "
            "the columns",
            {"count": lambda errs: errs.any(dim=1).float()},
        ),
        Mistake(
            "as-if-independent",
            "this multiplies the shares as if the attacks were independent; they break the same "
            "weak examples, so count",
            {"count": lambda errs: 1 - (1 - errs.float().mean(dim=1)).prod()},
        ),
    ],
    hints=(
        "An example is safe only if it stands against every attack.",
        "errs.any(dim=0) says of each example whether some attack breaks it.",
        "errs.any(dim=0).float().mean().item()",
    ),
)


def errors_input(seed: int, attacks: int, examples: int) -> tuple[Tensor]:
    torch.random.default_generator.manual_seed(seed)
    errs = torch.rand(attacks, examples) < 0.4
    if examples == 1:
        return (errs[:, :1] | torch.tensor([[True], [False], [False]]),)
    errs[:, 0], errs[:, -1] = True, False  # one that all break, one that none does
    return (errs,)
