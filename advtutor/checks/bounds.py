"""The exercises on certificates: `linear_radius`, interval bounds of layers, `margin_bound`."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from advtutor.checks.engine import Case, Exercise, Mistake

# --- linear_radius ---


def linear_radius(w: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """The smallest eps that turns the sign of w.x + b against y, 0 where it is against y anyway."""
    margin = y * (x @ w + b)
    return margin.clamp(min=0) / w.abs().sum()


def radius_recipe(
    shift: Callable[[Tensor], Tensor] = lambda b: b,
    label: Callable[[Tensor], Tensor] = lambda y: y,
    floor: Callable[[Tensor], Tensor] = lambda margin: margin.clamp(min=0),
    size: Callable[[Tensor], Tensor | float] = lambda w: w.abs().sum(),
) -> Callable[..., Tensor]:
    """`linear_radius` with its parts in the open."""
    return lambda w, b, x, y: floor(label(y) * (x @ w + shift(b))) / size(w)


RADIUS_MISTAKES = [
    Mistake(
        "no-bias",
        "the bias is missing: it is part of the score that the step has to use up",
        {"shift": torch.zeros_like},
    ),
    Mistake(
        "not-divided",
        "this is the margin itself: a step of eps lowers it by eps * ||w||_1, so divide",
        {"size": lambda w: 1.0},
    ),
    Mistake(
        "no-label",
        "the labels play no part: for y = -1 the model is right where the score is negative",
        {"label": torch.ones_like},
    ),
    Mistake(
        "labels-0-1",
        "the labels are turned as if they were 0 and 1; y is -1 or +1 already",
        {"label": lambda y: 2 * y - 1},
    ),
    Mistake(
        "absolute",
        "where the model errs already, no step is needed: the radius there is 0, not the way back "
        "to the right side",
        {"floor": torch.abs},
    ),
    Mistake(
        "negative",
        "some radii are negative: where the model errs already the smallest eps is 0",
        {"floor": lambda margin: margin},
    ),
    Mistake(
        "l2-norm",
        "this divides by the length of w, which is for steps of bounded length; here each pixel "
        "may move by eps, and the sum of |w_i| counts",
        {"size": lambda w: w.norm()},
    ),
    Mistake(
        "largest-weight",
        "this divides by the largest |w_i|, as if one pixel alone could move; all may, at once",
        {"size": lambda w: w.abs().max()},
    ),
    Mistake(
        "mean-weight",
        "this divides by the mean of |w_i|: every pixel moves by eps, so it is their sum",
        {"size": lambda w: w.abs().mean()},
    ),
    Mistake(
        "signed-sum",
        "the weights are added with their signs and cancel: the step takes each weight's sign, "
        "so each contributes |w_i|",
        {"size": lambda w: w.sum()},
    ),
]


def radius_input(seed: int, batch: int, inputs: int) -> tuple[Tensor, ...]:
    torch.random.default_generator.manual_seed(seed)
    w, x = torch.randn(inputs), torch.rand(batch, inputs)
    y = (1 - 2 * (torch.arange(batch) % 2)).to(w.dtype)
    wish = y * (0.5 + torch.rand(batch))  # the score each example is given
    wish[2::3] *= -1  # and some of them are wrong
    b = torch.tensor(0.75)
    return w, b, x + ((wish - b - x @ w) / (w @ w))[:, None] * w, y


LINEAR_RADIUS = Exercise(
    reference=linear_radius,
    recipe=radius_recipe,
    cases=[
        Case(lambda: radius_input(41, 6, 9), batch=6),
        Case(lambda: radius_input(42, 1, 784), batch=1),
        Case(lambda: radius_input(43, 9, 4), batch=9),
    ],
    mistakes=RADIUS_MISTAKES,
    hints=(
        "How far is the score from the wrong side? That is the margin y * (w.x + b). How much of "
        "it can a step of eps use up?",
        "The worst step lowers the margin by eps * ||w||_1. The smallest eps that flips the model "
        "is the one that uses up all of it. What if the margin is negative before any step?",
        "margin = y * (x @ w + b), then margin.clamp(min=0) / w.abs().sum().",
    ),
)


# --- interval_linear ---


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


LINEAR_MISTAKES = [
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
    mistakes=LINEAR_MISTAKES,
    hints=(
        "Take one output, a sum of weight_i * x_i. For which x_i, lower_i or upper_i, is the term "
        "largest? It depends on the sign of weight_i.",
        "Write the input as centre plus or minus radius. The centre goes through the layer as any "
        "input does; the radius goes through the absolute weights, without the bias.",
        "middle = centre @ weight.T + bias and reach = radius @ weight.abs().T; the bounds are "
        "middle - reach and middle + reach.",
    ),
)


# --- interval_relu ---


def interval_relu(lower: Tensor, upper: Tensor) -> tuple[Tensor, Tensor]:
    """The tightest bounds of relu(z) for all z between lower and upper."""
    return lower.clamp(min=0), upper.clamp(min=0)


def relu_recipe(
    low: Callable[[Tensor, Tensor], Tensor] = lambda lower, upper: lower.clamp(min=0),
    high: Callable[[Tensor, Tensor], Tensor] = lambda lower, upper: upper.clamp(min=0),
) -> Callable[..., tuple[Tensor, Tensor]]:
    """`interval_relu` with its parts in the open."""
    return lambda lower, upper: (low(lower, upper), high(lower, upper))


def _middle(lower: Tensor, upper: Tensor) -> Tensor:
    return (lower + upper) / 2


RELU_MISTAKES = [
    Mistake(
        "untouched",
        "both bounds come back as they went in: a ReLU gives nothing below 0",
        {"low": lambda lower, upper: lower, "high": lambda lower, upper: upper},
    ),
    Mistake(
        "lower-untouched",
        "the lower bound stays negative: a ReLU gives nothing below 0",
        {"low": lambda lower, upper: lower},
    ),
    Mistake(
        "upper-untouched",
        "the upper bound stays negative where the unit is off for sure: it gives 0 there",
        {"high": lambda lower, upper: upper},
    ),
    Mistake(
        "crossing-zeroed",
        "a unit with a negative lower bound is switched off: it can still be on at the other end, "
        "so its upper bound stays",
        {"high": lambda lower, upper: torch.where(lower > 0, upper, 0.0)},
    ),
    Mistake(
        "crossing-kept",
        "a unit that can be on passes both bounds on: its lower one may be negative still, and "
        "comes out as 0",
        {"low": lambda lower, upper: torch.where(upper > 0, lower, 0.0)},
    ),
    Mistake(
        "by-centre",
        "the middle of the interval decides which units are on: a ReLU looks at each value, so "
        "treat each bound by itself",
        {
            "low": lambda lower, upper: torch.where(_middle(lower, upper) > 0, lower, 0.0),
            "high": lambda lower, upper: torch.where(_middle(lower, upper) > 0, upper, 0.0),
        },
    ),
    Mistake(
        "centre-and-radius",
        "the radius passes unchanged around the middle's ReLU: that is the rule for a linear layer",
        {
            "low": lambda lower, upper: _middle(lower, upper).relu() - (upper - lower) / 2,
            "high": lambda lower, upper: _middle(lower, upper).relu() + (upper - lower) / 2,
        },
    ),
    Mistake(
        "absolute",
        "this is the absolute value: a ReLU turns what is negative into 0",
        {"low": lambda lower, upper: lower.abs(), "high": lambda lower, upper: upper.abs()},
    ),
    Mistake(
        "cut-at-one",
        "the bounds are cut off at 1 as pixels are: a hidden unit has no upper end",
        {
            "low": lambda lower, upper: lower.clamp(0, 1),
            "high": lambda lower, upper: upper.clamp(0, 1),
        },
    ),
    Mistake(
        "swapped",
        "the two bounds are exchanged: return the lower one first",
        {
            "low": lambda lower, upper: upper.clamp(min=0),
            "high": lambda lower, upper: lower.clamp(min=0),
        },
    ),
]


def relu_input(seed: int, batch: int, units: int) -> tuple[Tensor, Tensor]:
    torch.random.default_generator.manual_seed(seed)
    centre, radius = 2 * torch.randn(batch, units), 0.1 + torch.rand(batch, units)
    centre[:, :4] = torch.tensor([-3.0, 3.0, 0.05, -0.05])  # off, on, and one of each that crosses
    return centre - radius, centre + radius


INTERVAL_RELU = Exercise(
    reference=interval_relu,
    recipe=relu_recipe,
    cases=[
        Case(lambda: relu_input(54, 4, 9), batch=4),
        Case(lambda: relu_input(55, 1, 12), batch=1),
        Case(lambda: relu_input(56, 5, 7), batch=5),
    ],
    mistakes=RELU_MISTAKES,
    hints=(
        "A ReLU never falls where its input rises. So at which end of the interval is it smallest, "
        "and at which largest?",
        "There are three kinds of unit: both ends negative, both positive, or one of each. Say for "
        "each what comes out at the lower and at the upper end.",
        "Each bound goes through the ReLU by itself: lower.clamp(min=0), upper.clamp(min=0).",
    ),
)


# --- margin_bound ---


def margin_bound(weight: Tensor, bias: Tensor, lower: Tensor, upper: Tensor, y: Tensor) -> Tensor:
    """The most by which any other logit can lead over that of y, for all h between the bounds."""
    centre, radius = (lower + upper) / 2, (upper - lower) / 2
    difference = weight - weight[y][:, None]  # [N, K, n], one row for each rival
    middle = (difference @ centre[:, :, None]).squeeze(2) + bias - bias[y][:, None]
    reach = (difference.abs() @ radius[:, :, None]).squeeze(2)
    lead = middle + reach
    return lead.scatter(1, y[:, None], -torch.inf).amax(dim=1)


def margin_recipe(
    size: Callable[..., Tensor] = lambda weight, y: (weight - weight[y][:, None]).abs(),
    radius: Callable[..., Tensor] = lambda lower, upper: (upper - lower) / 2,
    shift: Callable[..., Tensor] = lambda bias, y: bias - bias[y][:, None],
    order: int = 1,
    own: float = -torch.inf,
    pick: Callable[[Tensor], Tensor] = lambda lead: lead.amax(dim=1),
) -> Callable[..., Tensor]:
    """`margin_bound` with its parts in the open."""

    def made(weight: Tensor, bias: Tensor, lower: Tensor, upper: Tensor, y: Tensor) -> Tensor:
        difference, centre = weight - weight[y][:, None], (lower + upper) / 2
        middle = (difference @ centre[:, :, None]).squeeze(2) + shift(bias, y)
        reach = (size(weight, y) @ radius(lower, upper)[:, :, None]).squeeze(2)
        return pick((middle + order * reach).scatter(1, y[:, None], own))

    return made


MARGIN_MISTAKES = [
    Mistake(
        "no-width",
        "this is the lead at the middle of the box: the width has to go through the layer too",
        {"radius": lambda lower, upper: torch.zeros_like(lower)},
    ),
    Mistake(
        "own-class",
        "the class y competes with itself: its lead is 0, so the result never falls below 0; leave "
        "it out of the maximum",
        {"own": 0.0},
    ),
    Mistake(
        "bounds-subtracted",
        "sound, but too loose: the greatest logit_j and the least logit_y need two different h; "
        "bound the difference of their rows as one layer",
        {"size": lambda weight, y: weight.abs() + weight[y].abs()[:, None]},
    ),
    Mistake(
        "signs-ignored",
        "every h is put at its upper end: where the difference of the weights is negative, the "
        "lower end gives the larger lead",
        {"size": lambda weight, y: weight - weight[y][:, None]},
    ),
    Mistake(
        "best-case",
        "this is the least lead: the worst case is the greatest, so the reach is added",
        {"order": -1},
    ),
    Mistake(
        "turned-round",
        "this is the lead of y over the others, the other way round: the result is how far a rival "
        "can get ahead, negative where that is proved impossible",
        {"pick": lambda lead: -lead.amax(dim=1)},
    ),
    Mistake(
        "least-rival",
        "this is the least dangerous rival: one class ahead is enough to err, so take the maximum",
        {"own": torch.inf, "pick": lambda lead: lead.amin(dim=1)},
    ),
    Mistake(
        "no-bias",
        "the bias is missing: the lead begins at bias_j - bias_y",
        {"shift": lambda bias, y: torch.zeros_like(bias)},
    ),
    Mistake(
        "bias-of-y-missing",
        "the bias of class y is missing: its logit has one as well, and it is subtracted",
        {"shift": lambda bias, y: bias},
    ),
    Mistake(
        "whole-width",
        "the reach is twice what it should be: the radius is half of upper - lower",
        {"radius": lambda lower, upper: upper - lower},
    ),
]


def margin_input(seed: int, batch: int, units: int, classes: int) -> tuple[Tensor, ...]:
    torch.random.default_generator.manual_seed(seed)
    lower = torch.rand(batch, units)
    weight, bias = torch.randn(classes, units), torch.randn(classes)
    y = torch.randint(classes, (batch,))
    y[0] = F.linear(lower[0], weight, bias).argmax()  # one that is in the lead
    return weight, bias, lower, lower + 0.2 * torch.rand(batch, units), y


MARGIN_BOUND = Exercise(
    reference=margin_bound,
    recipe=margin_recipe,
    cases=[
        Case(lambda: margin_input(57, 4, 6, 3), batch=4),
        Case(lambda: margin_input(58, 1, 5, 10), batch=1),
        Case(lambda: margin_input(59, 6, 9, 5), batch=6),
    ],
    mistakes=MARGIN_MISTAKES,
    hints=(
        "Take one rival j. logit_j - logit_y is one linear function of h. What are its weights, "
        "and what is its bias?",
        "weight[j] - weight[y] and bias[j] - bias[y]. Bound it as interval_linear does and keep "
        "the upper end. weight - weight[y][:, None] has the rows of all rivals: [N, K, n].",
        "lead = difference @ centre + difference.abs() @ radius + bias - bias[y][:, None], then "
        "set the column y to -inf and take the maximum over the classes.",
    ),
)
