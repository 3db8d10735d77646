"""Certificates: what no attack inside the ball can do, proved and not searched for.

An attack finds errors, so it bounds the true error from below; a certificate bounds it from above:
certified error >= true error >= error under any attack. All of this module speaks of the max-norm
ball, cut off at `clip`, and of the model in eval mode.
"""

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from advtutor.attacks import Clip, eval_mode
from advtutor.attacks.inputs import check_images, check_labels, check_logits, check_size
from advtutor.models import MaxoutLayer, Network, TwoLogits
from advtutor.training import _warmed

# ---------------------------------------------------------------------------------------------
# Linear models: the exact certificate.


@torch.no_grad()
def linear_epsilon(model: nn.Module, x: Tensor, y: Tensor, *, clip: Clip = (0.0, 1.0)) -> Tensor:
    """The smallest eps at which a linear model can be made to err, exactly: float64 `[N]`.

    With `clip=None` it is `min_j (logit_y - logit_j) / ||w_y - w_j||_1`: every pixel moves by eps
    along the sign of `w_j - w_y`, and no other step of that size gains more (paper, sections 3
    and 5). With `clip`, the pixels that are stopped at the edge of their range gain nothing more
    and the others must go further: the result is never smaller than without, and `inf` where no
    image in the range will do. It is 0 where the model errs already.

    `model` is a chain of linear layers and Flatten, as SoftmaxRegression and LogisticRegression
    are. Raises TypeError for any other.
    """
    check_images(x, clip)
    check_labels(x, y)
    weight, bias = _linear_form(model, x.device)
    pixels = x.flatten(1).to(weight)
    logits = F.linear(pixels, weight, bias)
    smallest = torch.full_like(logits, math.inf)
    for j in range(logits.shape[1] if len(x) else 0):
        check_logits(logits, x, y)
        gap = logits.gather(1, y[:, None]) - logits[:, j : j + 1]
        eps = _smallest_step(weight[j] - weight[y], gap, pixels, clip)
        smallest[:, j] = torch.where(y == j, math.inf, eps)
    return smallest.amin(dim=1)


def _smallest_step(slope: Tensor, gap: Tensor, x: Tensor, clip: Clip) -> Tensor:
    """The smallest eps for which a step within eps and `clip` has `slope . step >= gap`: `[N]`.

    `slope` and `x` are `[N, n]`, `gap` `[N, 1]`. The most that can be gained is
    `sum_i |slope_i| * min(eps, room_i)`, where `room_i` is how far pixel i can go. It grows in
    straight pieces, each flatter than the one before, so that it is the lowest of its pieces'
    lines `stopped + eps * moving`, and reaches `gap` where the last of the lines does.
    """
    strength = slope.abs()
    if clip is None:
        stopped, moving = torch.zeros_like(gap), strength.sum(dim=1, keepdim=True)
    else:
        room, order = torch.where(slope > 0, clip[1] - x, x - clip[0]).sort(dim=1)
        strength = strength.gather(1, order)
        stopped = F.pad((strength * room).cumsum(dim=1), (1, 0))
        moving = F.pad(strength.flip(1).cumsum(dim=1).flip(1), (0, 1))
    return torch.where(gap > stopped, (gap - stopped) / moving, 0.0).amax(dim=1)


def _linear_form(model: nn.Module, device: torch.device) -> tuple[Tensor, Tensor]:
    """The weights `[K, n]` and biases `[K]` of a linear model's logits, in float64."""
    weight = bias = None
    for layer in _chain(model):
        if isinstance(layer, nn.Flatten | nn.Dropout | nn.Identity):
            continue
        own = _weights(layer)
        if own is None:
            raise TypeError(
                f"model holds the layer {_name(layer)}, which is not linear; the exact certificate "
                "takes linear models only, such as SoftmaxRegression. For others: certified_error"
            )
        w, b = (tensor.to(device, torch.float64) for tensor in own)
        weight, bias = (w, b) if weight is None else (w @ weight, w @ bias + b)
    if weight is None:
        raise TypeError("model holds no linear layer; give one such as SoftmaxRegression")
    return weight, bias


# ---------------------------------------------------------------------------------------------
# Intervals: every layer maps a box to a box that holds all of its results.


@dataclass(frozen=True)
class Interval:
    """All tensors between `lower` and `upper`, number by number.

    `rounding` is the spacing of the model's numbers around 1 (`torch.finfo(dtype).eps`): the
    layers' results are then widened by all that rounding can do. At 0 they are not, for training.
    """

    lower: Tensor
    upper: Tensor
    rounding: float = 0.0

    @property
    def centre(self) -> Tensor:
        return (self.lower + self.upper) / 2

    @property
    def radius(self) -> Tensor:
        return (self.upper - self.lower) / 2


@functools.singledispatch
def interval(layer: nn.Module, box: Interval) -> Interval:
    """The interval that holds all results of `layer` over `box`; the rule for its type.

    Add the rule for a layer of your own with `@interval.register`. Raises TypeError for a layer
    without a rule.
    """
    known = sorted(cls.__name__ for cls in interval.registry if cls is not object)
    raise TypeError(
        f"there is no interval rule for the layer {_name(layer)}; there is one for "
        f"{', '.join(known)}, in a chain by nn.Sequential or a Network of advtutor.models. "
        "Write one: @certify.interval.register"
    )


def interval_linear(
    weight: Tensor, bias: Tensor | None, lower: Tensor, upper: Tensor
) -> tuple[Tensor, Tensor]:
    """The least and the greatest `W x + b` over `lower <= x <= upper`: two of `[N, outputs]`.

    `weight` is `[outputs, inputs]`, the bounds `[N, inputs]`. The centre of the box goes through
    the layer, and its radius through `|W|` (Gowal et al., arXiv 1810.12715, section 3).
    """
    box = _affine(F.linear, weight, bias, Interval(lower, upper))
    return box.lower, box.upper


def _affine(
    product: Callable[..., Tensor], weight: Tensor, bias: Tensor | None, box: Interval
) -> Interval:
    """The interval of `product(x, weight, bias)`, a sum over weights that are `weight[k]`."""
    weight = weight.to(box.lower)
    bias = None if bias is None else bias.to(box.lower)
    centre, radius = box.centre, box.radius
    middle, spread = product(centre, weight, bias), product(radius, weight.abs(), None)
    if box.rounding:
        size = product(centre.abs() + radius, weight.abs(), None if bias is None else bias.abs())
        spread = spread + _slack(box, size, terms=weight[0].numel())
    return Interval(middle - spread, middle + spread, box.rounding)


def _slack(box: Interval, size: Tensor, terms: int) -> Tensor:
    """What rounding can do to sums of `terms` products whose magnitudes sum to `size`.

    The model's sum errs by `terms * u * size` at most, in any order of its terms, where
    `u = rounding / 2` (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1); the
    bound's own sums by no more. Twice that, and 1e-30 for products that underflow.
    """
    return box.rounding * (2 * terms + 16) * (size + 1e-30)


@interval.register
def _(layer: nn.Linear, box: Interval) -> Interval:
    return _affine(F.linear, layer.weight, layer.bias, box)


@interval.register
def _(layer: nn.Conv2d, box: Interval) -> Interval:
    if layer.padding_mode != "zeros":
        raise TypeError(f"there is no interval rule for padding_mode={layer.padding_mode!r}")
    convolve = functools.partial(
        F.conv2d,
        stride=layer.stride,
        padding=layer.padding,
        dilation=layer.dilation,
        groups=layer.groups,
    )
    return _affine(convolve, layer.weight, layer.bias, box)


@interval.register
def _(layer: TwoLogits, box: Interval) -> Interval:
    own = _weights(layer)
    assert own is not None
    return _affine(F.linear, *own, box)


@interval.register
def _(layer: MaxoutLayer, box: Interval) -> Interval:
    pieces = interval(layer.linear, box)
    return Interval(layer.largest(pieces.lower), layer.largest(pieces.upper), box.rounding)


@interval.register(nn.BatchNorm1d)
@interval.register(nn.BatchNorm2d)
def _(layer: nn.BatchNorm1d | nn.BatchNorm2d, box: Interval) -> Interval:
    if layer.running_mean is None:
        raise TypeError(
            "there is no interval rule for a BatchNorm that keeps no running statistics: in it "
            "each example depends on the others; build it with track_running_stats=True"
        )

    def per_channel(values: Tensor) -> Tensor:
        return values.to(box.lower).reshape(-1, *[1] * (box.lower.dim() - 2))

    mean = per_channel(layer.running_mean)
    scale = per_channel(layer.running_var).add(layer.eps).rsqrt()
    shift = torch.zeros_like(mean)
    if layer.affine:
        scale, shift = scale * per_channel(layer.weight), per_channel(layer.bias)
    middle, spread = (box.centre - mean) * scale + shift, box.radius * scale.abs()
    if box.rounding:
        largest = box.centre.abs() + box.radius + mean.abs()
        spread = spread + _slack(box, largest * scale.abs() + shift.abs(), terms=8)
    return Interval(middle - spread, middle + spread, box.rounding)


@interval.register(nn.Flatten)
@interval.register(nn.MaxPool2d)
def _(layer: nn.Module, box: Interval) -> Interval:
    # They rise with each input, and do not round.
    return Interval(layer(box.lower), layer(box.upper), box.rounding)


@interval.register
def _(layer: nn.ReLU, box: Interval) -> Interval:
    return Interval(box.lower.relu(), box.upper.relu(), box.rounding)


@interval.register(nn.AvgPool2d)
@interval.register(nn.AdaptiveAvgPool2d)
def _(layer: nn.Module, box: Interval) -> Interval:
    lower, upper = layer(box.lower), layer(box.upper)
    if box.rounding:
        size = layer(torch.maximum(box.lower.abs(), box.upper.abs()))
        slack = _slack(box, size, terms=math.prod(box.lower.shape[-2:]))
        lower, upper = lower - slack, upper + slack
    return Interval(lower, upper, box.rounding)


@interval.register(nn.Dropout)
@interval.register(nn.Dropout2d)
@interval.register(nn.Identity)
def _(layer: nn.Module, box: Interval) -> Interval:
    return box  # dropout as in eval mode


def _chain(model: nn.Module) -> list[nn.Module]:
    """The layers that `model` applies one after the other."""
    forward = type(model).forward
    if forward is Network.forward:
        return _chain(model.layers)
    if forward is nn.Sequential.forward:
        return [layer for part in model for layer in _chain(part)]
    return [model]


def _propagate(layers: Sequence[nn.Module], box: Interval) -> Interval:
    for layer in layers:
        # The rule is found by type, but a subclass may compute something else than its base.
        base = next((cls for cls in type(layer).__mro__ if cls in interval.registry), object)
        rule = interval if getattr(base, "forward", None) is type(layer).forward else _unknown
        box = rule(layer, box)
    return box


_unknown = interval.registry[object]


def _weights(layer: nn.Module) -> tuple[Tensor, Tensor] | None:
    """The weights and biases of a linear layer; None for any other layer."""
    if type(layer).forward is nn.Linear.forward:
        bias = layer.bias
        return layer.weight, layer.weight.new_zeros(len(layer.weight)) if bias is None else bias
    if isinstance(layer, TwoLogits):
        return torch.tensor([[-0.5], [0.5]]), torch.zeros(2)
    return None


def _name(layer: nn.Module) -> str:
    return type(layer).__name__


# ---------------------------------------------------------------------------------------------
# What the intervals say of a classifier.


def certified_error(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    eps: float,
    *,
    clip: Clip = (0.0, 1.0),
    batch_size: int = 256,
) -> float:
    """The share of the examples that are not proved right for every image within `eps`.

    No attack in the ball has a higher error; how far above the true error it lies depends on how
    tight the intervals are: `margin_bounds`, which see for what is covered. `x` is
    `[N, C, H, W]`, `y` `[N]`; both may lie on another device than the model.

    Raises ValueError if there is nothing to measure, TypeError for a layer without a rule.
    """
    if len(x) == 0 or len(x) != len(y):
        raise ValueError(
            f"x has {len(x)} examples, y {len(y)}; give one label for each, at least one"
        )
    parts = zip(x.split(batch_size), y.split(batch_size), strict=True)
    proved = sum(int(certified(model, *part, eps, clip=clip).sum()) for part in parts)
    return 1 - proved / len(x)


def certified(
    model: nn.Module, x: Tensor, y: Tensor, eps: float, *, clip: Clip = (0.0, 1.0)
) -> Tensor:
    """Whether each example is proved right for every image within `eps`: `[N]` booleans."""
    bounds = margin_bounds(model, x, y, eps, clip=clip)
    others = bounds.scatter(1, y.to(bounds.device)[:, None], -math.inf)
    return (others < 0).all(dim=1)  # a NaN proves nothing


@torch.no_grad()
def margin_bounds(
    model: nn.Module, x: Tensor, y: Tensor, eps: float, *, clip: Clip = (0.0, 1.0)
) -> Tensor:
    """The most that `logit_j - logit_y` can be for an image within `eps`: float64 `[N, K]`.

    An upper bound by interval propagation (Gowal et al., arXiv 1810.12715): for a linear model
    it is exact, and each further layer loosens it. It holds for the numbers that the model itself
    computes in float32 or float64: the bounds are computed in float64 and widened by what
    rounding can do, and the ball by the 1e-6 up to which attacks promise it. It does not hold for
    arithmetic coarser than the model's dtype (TF32, autocast, Winograd convolutions).
    """
    eps = check_size("eps", eps)
    check_images(x, clip)
    check_labels(x, y)
    parameter = next(model.parameters(), x)
    dtype, device = parameter.dtype, parameter.device
    if dtype not in (torch.float32, torch.float64):
        raise TypeError(f"model computes in {dtype}; certify it in float32: model.float()")
    x, y = x.to(device), y.to(device)
    if len(x):
        with eval_mode(model):
            check_logits(model(x.to(dtype)), x, y)
    box = _ball(x.double(), eps, clip, tolerance=1e-6, rounding=torch.finfo(dtype).eps)
    return _advantages(_chain(model), box, y)


def _ball(
    x: Tensor, eps: float, clip: Clip, *, tolerance: float = 0.0, rounding: float = 0.0
) -> Interval:
    """The box of all images within `eps` of `x` and inside `clip`, wider by `tolerance`."""
    low, high = clip or (-math.inf, math.inf)
    lower, upper = (x - eps).clamp(min=low), (x + eps).clamp(max=high)
    return Interval(lower - tolerance, upper + tolerance, rounding)


def _advantages(layers: Sequence[nn.Module], box: Interval, y: Tensor) -> Tensor:
    """The upper bounds of `logit_j - logit_y` over the box: `[N, K]`, 0 at `j = y`."""
    last = _weights(layers[-1])
    if last is None:
        logits = _propagate(layers, box)
        advantage = logits.upper - logits.lower.gather(1, y[:, None])
        return advantage.scatter(1, y[:, None], 0.0)
    # The difference of two logits is one linear function of the last hidden layer. Bounded as
    # one, it is tighter than the difference of two bounds, in which the layer takes two values.
    box = _propagate(layers[:-1], box)
    weight, bias = (tensor.to(box.lower) for tensor in last)
    centre, radius = box.centre, box.radius
    difference = weight - weight[y][:, None]  # [N, K, hidden]
    advantage = (difference @ centre[:, :, None] + difference.abs() @ radius[:, :, None]).squeeze(2)
    advantage = advantage + bias - bias[y][:, None]
    if box.rounding:
        size = F.linear(centre.abs() + radius, weight.abs(), bias.abs())
        size = size + size.gather(1, y[:, None])
        advantage = advantage + _slack(box, size, terms=weight.shape[1])
    return advantage.scatter(1, y[:, None], 0.0)


# ---------------------------------------------------------------------------------------------
# Training for the certificate.


@dataclass
class IntervalBound:
    """An objective for `training.fit`: `kappa*J(x) + (1 - kappa)*J(worst logits within eps)`.

    The worst logits are those of `margin_bounds`, without the room for rounding: each class at
    its greatest lead over `y`. Both `eps` and the weight of the second term grow from zero, in
    straight lines, over the first `warm_up` of the training: bounds of an untrained network
    teach nothing (Gowal et al., arXiv 1810.12715, section 3). `progress`, from 0 to 1, is the
    share of the training that is done; `fit` keeps it up to date.
    """

    eps: float
    kappa: float = 0.5
    warm_up: float = 0.5
    clip: Clip = (0.0, 1.0)
    progress: float = 1.0

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        """The objective on one batch, as a scalar to be differentiated."""
        grown = _warmed(self.progress, self.warm_up)
        proved = (1 - self.kappa) * grown
        worst = _advantages(_chain(model), _ball(x, self.eps * grown, self.clip), y)
        clean = F.cross_entropy(model(x), y)
        return (1 - proved) * clean + proved * F.cross_entropy(worst, y)
