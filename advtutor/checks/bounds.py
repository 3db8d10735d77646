"""The exercise on certificates: `interval_linear`."""

from collections.abc import Callable

import torch
from torch import Tensor

from advtutor.checks.engine import Case, Exercise, Mistake


def interval_linear(
    weight: Tensor, bias: Tensor, lower: Tensor, upper: Tensor
) -> tuple[Tensor, Tensor]:
    """The tightest bounds of weight @ x + bias for all x between lower and upper."""
    centre, radius = (lower + upper) / 2, (upper - lower) / 2
    middle = centre @ weight.T + bias
    reach = radius @ weight.abs().T
    return middle - reach, middle + reach


def interval_recipe(
    radius: Callable[..., Tensor] = lambda lower, upper: (upper - lower) / 2,
    centre: Callable[..., Tensor] = lambda lower, upper: (lower + upper) / 2,
    size: Callable[[Tensor], Tensor] = torch.abs,
    middle: Callable[[Tensor], Tensor] = lambda weight: weight,
    shift: Callable[[Tensor], Tensor] = lambda bias: bias,
    reach_shift: Callable[[Tensor], Tensor | int] = lambda bias: 0,
    order: int = 1,
) -> Callable[..., tuple[Tensor, Tensor]]:
    """`interval_linear` with its parts in the open."""

    def made(weight: Tensor, bias: Tensor, lower: Tensor, upper: Tensor) -> tuple[Tensor, Tensor]:
        central = centre(lower, upper) @ middle(weight).T + shift(bias)
        reach = order * (radius(lower, upper) @ size(weight).T + reach_shift(bias))
        return central - reach, central + reach

    return made


MISTAKES = [
    Mistake(
        "no-width",
        "both bounds are the value at the middle: the width of the input has to go through the "
        "layer too",
        {"radius": lambda lower, upper: torch.zeros_like(lower)},
    ),
    Mistake(
        "signs-ignored",
        "lower and upper go through the layer as they are: where a weight is negative, the upper "
        "input gives the lower output",
        {"size": lambda weight: weight},
    ),
    Mistake(
        "swapped",
        "the two bounds are exchanged: return the lower one first",
        {"order": -1},
    ),
    Mistake(
        "positive-only",
        "the negative weights are dropped: they turn the bounds around, but they count",
        {
            "size": lambda weight: weight.clamp(min=0),
            "middle": lambda weight: weight.clamp(min=0),
        },
    ),
    Mistake(
        "abs-everywhere",
        "the absolute weights are for the radius alone: the middle goes through the weights as "
        "they are",
        {"middle": torch.abs},
    ),
    Mistake(
        "no-bias",
        "the bias is missing: it shifts both bounds",
        {"shift": torch.zeros_like},
    ),
    Mistake(
        "bias-in-the-width",
        "the bias widens the interval: it shifts both bounds alike, so it goes to the middle only",
        {"reach_shift": lambda bias: bias},
    ),
    Mistake(
        "whole-width",
        "the bounds are too far apart: the radius is half of upper - lower",
        {"radius": lambda lower, upper: upper - lower},
    ),
    Mistake(
        "centre-not-halved",
        "the middle is lower + upper, twice as far out as it is: halve it",
        {"centre": lambda lower, upper: lower + upper},
    ),
    Mistake(
        "largest-radius",
        "every input is given the widest radius: sound, but not the tightest; each input has its "
        "own",
        {
            "radius": lambda lower, upper: (
                ((upper - lower) / 2).amax(1, keepdim=True).expand_as(lower)
            )
        },
    ),
]


def interval_input(seed: int, batch: int, inputs: int, outputs: int) -> tuple[Tensor, ...]:
    torch.random.default_generator.manual_seed(seed)
    x, radius = torch.rand(batch, inputs), 0.3 * torch.rand(batch, inputs)
    return torch.randn(outputs, inputs), torch.randn(outputs), x - radius, x + radius


INTERVAL_LINEAR = Exercise(
    reference=interval_linear,
    recipe=interval_recipe,
    cases=[
        Case(lambda: interval_input(51, 4, 6, 3), batch=4),
        Case(lambda: interval_input(52, 1, 9, 5), batch=1),
        Case(lambda: interval_input(53, 5, 4, 4), batch=5),
    ],
    mistakes=MISTAKES,
    hints=(
        "Take one output, a sum of weight_i * x_i. For which x_i, lower_i or upper_i, is the term "
        "largest? It depends on the sign of weight_i.",
        "Write the input as centre plus or minus radius. The centre goes through the layer as any "
        "input does; the radius goes through the absolute weights, without the bias.",
        "middle = centre @ weight.T + bias and reach = radius @ weight.abs().T; the bounds are "
        "middle - reach and middle + reach.",
    ),
)
