"""Certificates: what no attack inside the ball can do, proved and not searched for.

An attack finds errors, so it bounds the true error from below; a certificate bounds it from above:
certified error >= true error >= error under any attack. All of this module speaks of the max-norm
ball, cut off at `clip`, and of the model in eval mode. It refuses a model in which anything but its
layers changes what it computes: hooks, an overridden method, a wrapper without a rule.
"""

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules import module as _module
from torch.nn.utils import parametrize

from advtutor import models
from advtutor.attacks import Clip, eval_mode
from advtutor.attacks.ball import doubled
from advtutor.attacks.inputs import (
    check_count,
    check_data,
    check_images,
    check_labels,
    check_model,
    check_size,
    warn_caller,
)
from advtutor.attacks.query import answer
from advtutor.models import Affine, ConvMaxoutLayer, MaxoutLayer, Network, TwoLogits
from advtutor.training import warmed


class NotCovered(TypeError):
    """The proof does not cover something in the model; the message names it."""


class CertificateWarning(UserWarning):
    """Nothing could be proved, for a reason that lies in the model's form."""


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
    with eval_mode(model):
        layers, x, y, _ = _asked(model, x, y, clip)
        weight, bias = _linear_form(layers, x)
    pixels = x.flatten(1)
    logits = F.linear(pixels, weight, bias)
    smallest = torch.full_like(logits, math.inf)
    for j in range(len(weight)):
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


def _linear_form(layers: Sequence[nn.Module], x: Tensor) -> tuple[Tensor, Tensor]:
    """The weights `[K, n]` and biases `[K]` of a linear model's logits at `x.flatten(1)`."""
    for layer in layers:
        if _kind(layer) not in _LINEAR:
            raise NotCovered(
                f"model holds the layer {type(layer).__name__}, which is not linear in the "
                "flattened image; the exact certificate takes linear models only, such as "
                "SoftmaxRegression. For others: certified_error"
            )

    def logits(x: Tensor) -> Tensor:
        return _propagate(layers, Interval(x, x)).lower[0]

    with torch.inference_mode(False):
        black = torch.zeros(1, *x.shape[1:], dtype=x.dtype, device=x.device)
        jacobian = torch.autograd.functional.jacobian(logits, black)
        return jacobian.flatten(1), logits(black)


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


def interval(layer: nn.Module, box: Interval) -> Interval:
    """The interval that holds all results of `layer` over `box`; the rule for its type.

    Add the rule for a layer of your own with `@certify.interval.register`. Raises TypeError for a
    layer without a rule; a subclass needs its own, since it may compute something else.
    """
    if _kind(layer) not in _rules.registry:
        known = sorted(cls.__name__ for cls in _rules.registry if cls is not object)
        raise NotCovered(
            f"there is no interval rule for the layer {type(layer).__name__}; there is one for "
            f"{', '.join(known)}, in a chain by nn.Sequential or a Network of advtutor.models. "
            "Write one: @certify.interval.register"
        )
    box = _rules(layer, box)
    # NaN, say, or a negative divisor_override. (Without room for rounding, an ulp may be amiss.)
    if box.rounding and not (box.lower <= box.upper).all():
        raise NotCovered(
            f"the interval rule of the layer {type(layer).__name__} does not hold for it"
        )
    return box


@functools.singledispatch
def _rules(layer: nn.Module, box: Interval) -> Interval:
    raise NotImplementedError


interval.register = _rules.register  # type: ignore[attr-defined]


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
    if box.rounding:  # else training would compute a third product for nothing
        size = product(centre.abs() + radius, weight.abs(), None if bias is None else bias.abs())
        spread = spread + _slack(box, size, terms=weight[0].numel())
    return Interval(middle - spread, middle + spread, box.rounding)


def _elementwise(box: Interval, scale: Tensor, mean: Tensor, shift: Tensor) -> Interval:
    """The interval of `scale * (x - mean) + shift`."""
    middle, spread = (box.centre - mean) * scale + shift, box.radius * scale.abs()
    size = (box.centre.abs() + box.radius + mean.abs()) * scale.abs() + shift.abs()
    spread = spread + _slack(box, size, terms=8)
    return Interval(middle - spread, middle + spread, box.rounding)


def _slack(box: Interval, size: Tensor, terms: int) -> Tensor:
    """What rounding can do to sums of `terms` products whose magnitudes sum to `size`.

    The model's sum errs by `terms * u * size` at most, in any order of its terms, where
    `u = rounding / 2` (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1); the
    bound's own sums by no more. Twice that, and 1e-30 for products that underflow.
    """
    return box.rounding * (2 * terms + 16) * (size + 1e-30)


@_rules.register
def _(layer: nn.Conv2d, box: Interval) -> Interval:
    if layer.padding_mode != "zeros":
        raise NotCovered(f"there is no interval rule for padding_mode={layer.padding_mode!r}")
    convolve = functools.partial(
        F.conv2d,
        stride=layer.stride,
        padding=layer.padding,
        dilation=layer.dilation,
        groups=layer.groups,
    )
    return _affine(convolve, layer.weight, layer.bias, box)


@_rules.register(MaxoutLayer)
@_rules.register(ConvMaxoutLayer)
def _(layer: MaxoutLayer, box: Interval) -> Interval:
    pieces = interval(layer.linear, box)
    return Interval(layer.largest(pieces.lower), layer.largest(pieces.upper), box.rounding)


@_rules.register
def _(layer: Affine, box: Interval) -> Interval:
    new = functools.partial(torch.as_tensor, dtype=box.lower.dtype, device=box.lower.device)
    return _elementwise(box, new(layer.scale), new(layer.mean), new(0.0))


@_rules.register(nn.BatchNorm1d)
@_rules.register(nn.BatchNorm2d)
def _(layer: nn.BatchNorm1d | nn.BatchNorm2d, box: Interval) -> Interval:
    if layer.running_mean is None:
        raise NotCovered(
            "there is no interval rule for a BatchNorm that keeps no running statistics: in it "
            "each example depends on the others; build it with track_running_stats=True"
        )

    def per_channel(values: Tensor) -> Tensor:
        return values.to(box.lower).reshape(-1, *[1] * (box.lower.dim() - 2))

    mean = per_channel(layer.running_mean)
    scale, shift = per_channel(layer.running_var).add(layer.eps).rsqrt(), torch.zeros_like(mean)
    if layer.affine:
        scale, shift = scale * per_channel(layer.weight), per_channel(layer.bias)
    return _elementwise(box, scale, mean, shift)


@_rules.register(nn.Flatten)
@_rules.register(nn.MaxPool2d)
def _(layer: nn.Module, box: Interval) -> Interval:
    # They rise with each input, and do not round.
    return Interval(layer(box.lower), layer(box.upper), box.rounding)


@_rules.register(nn.AvgPool2d)
@_rules.register(nn.AdaptiveAvgPool2d)
def _(layer: nn.Module, box: Interval) -> Interval:
    size = layer(torch.maximum(box.lower.abs(), box.upper.abs()))
    slack = _slack(box, size, terms=math.prod(box.lower.shape[-2:]))
    return Interval(layer(box.lower) - slack, layer(box.upper) + slack, box.rounding)


_IDLE = (nn.Identity, nn.Dropout, nn.Dropout2d, models._PlainDropout)  # in eval mode
_LINEAR = {nn.Linear, TwoLogits, Affine, nn.Flatten, *_IDLE}
_TABLE: dict[type, Callable[[Any, Interval], Interval]] = {
    nn.ReLU: lambda _, box: Interval(box.lower.relu(), box.upper.relu(), box.rounding),
    **dict.fromkeys(
        (nn.Linear, TwoLogits), lambda layer, box: _affine(F.linear, *_weights(layer), box)
    ),
    **dict.fromkeys(_IDLE, lambda _, box: box),
}
for _class, _rule in _TABLE.items():
    _rules.register(_class, _rule)


def _weights(layer: nn.Module) -> tuple[Tensor, Tensor]:
    """The weights and biases of a Linear or a TwoLogits."""
    if isinstance(layer, TwoLogits):
        return torch.tensor([[-0.5], [0.5]]), torch.zeros(2)
    weight, bias = layer.weight, layer.bias
    return weight, weight.new_zeros(len(weight)) if bias is None else bias


def _chain(model: Any) -> list[nn.Module]:
    """The layers that `model` applies one after the other."""
    forward = getattr(type(model), "forward", None)
    if forward is Network.forward:
        return _chain(model.layers)
    if forward is nn.DataParallel.forward:
        return _chain(model.module)
    if forward is nn.Sequential.forward:
        return [layer for part in model for layer in _chain(part)]
    return [model]


def _propagate(layers: Sequence[nn.Module], box: Interval) -> Interval:
    for layer in layers:
        box = interval(layer, box)
    return box


_kind = parametrize.type_before_parametrizations  # the class whose rule a layer has


def _refuse_hidden(model: nn.Module) -> None:
    """TypeError if something that the layers' rules do not see changes what they compute."""
    check_model(model)
    if not isinstance(model, nn.Module):
        raise TypeError(
            f"model is a {type(model).__name__}; a certificate looks at layers: give an nn.Module"
        )
    if _module._global_forward_hooks or _module._global_forward_pre_hooks:
        raise NotCovered("a global forward hook may change each layer's output; remove it")
    for path, module in model.named_modules():
        shadowed = [n for n, v in vars(module).items() if callable(v) and hasattr(type(module), n)]
        for hook in (*module._forward_hooks.values(), *module._forward_pre_hooks.values()):
            shadowed.append(f"the forward hook {getattr(hook, '__name__', type(hook).__name__)}")
        if type(module).__call__ is not _CALL:
            shadowed.append("__call__")
        if shadowed:
            raise NotCovered(
                f"the layer {path or 'model'} ({type(module).__name__}) has "
                f"{', '.join(shadowed)} of its own, which may change its output and is not in the "
                "proof; remove it"
            )


_CALL = nn.Module.__call__


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
    check_data(x, y)
    check_count("batch_size", batch_size)
    parts = zip(x.split(batch_size), y.split(batch_size), strict=True)
    proved = sum(int(_proved(model, *part, eps, clip).sum()) for part in parts)
    return 1 - proved / len(x)


def certified(
    model: nn.Module, x: Tensor, y: Tensor, eps: float, *, clip: Clip = (0.0, 1.0)
) -> Tensor:
    """Whether each example is proved right for every image within `eps`: `[N]` booleans.

    None is, and a CertificateWarning says why, where the proof does not cover the model.
    """
    try:
        return _proved(model, x, y, eps, clip)
    except NotCovered as error:
        warn_caller(f"nothing is proved: {error}", CertificateWarning)
        return torch.zeros_like(y, dtype=torch.bool)


def _proved(model: nn.Module, x: Tensor, y: Tensor, eps: float, clip: Clip) -> Tensor:
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
    with eval_mode(model):
        layers, x, y, rounding = _asked(model, x, y, clip)
        return _advantages(layers, _ball(x, eps, clip, tolerance=1e-6, rounding=rounding), y)


def _asked(
    model: nn.Module, x: Tensor, y: Tensor, clip: Clip
) -> tuple[list[nn.Module], Tensor, Tensor, float]:
    """The layers, `x` in float64 and `y` where the model is, and the spacing of its numbers at 1.

    The model is in eval mode. TypeError for what the proof does not cover.
    """
    _refuse_hidden(model)
    x = check_images(x, clip)
    check_labels(x, y, anywhere=True)
    numbers = [n for n in (*model.parameters(), *model.buffers()) if n.is_floating_point()] or [x]
    dtypes, device = {number.dtype for number in numbers}, numbers[0].device
    if len(dtypes) > 1 or not dtypes <= {torch.float32, torch.float64}:
        names = ", ".join(sorted(map(str, dtypes)))
        raise NotCovered(f"model computes in {names}; certify it in float32: model.float()")
    (dtype,) = dtypes
    layers, rounding = _chain(model), torch.finfo(dtype).eps
    if len(x):
        if any(module.training for module in model.modules()):
            raise NotCovered("a layer stays in train mode whatever its `training` is set to")
        logits = answer(model, x.to(device, dtype, copy=True), y.to(device))
        here = doubled(x.to(device, dtype))
        rules = _propagate(layers, Interval(here, here, rounding))
        logits = logits.to(rules.lower)
        if not ((rules.lower <= logits) & (logits <= rules.upper)).all():
            raise NotCovered(
                "the model's logits are not those that its layers compute: autocast or TF32, "
                "weights that change from call to call, or code that the layers do not show; "
                "certify it without"
            )
    x = doubled(x.to(device))
    return layers, x, y.to(x.device), rounding


def _ball(
    x: Tensor, eps: float, clip: Clip, *, tolerance: float = 0.0, rounding: float = 0.0
) -> Interval:
    """The box of all images within `eps` of `x` and inside `clip`, wider by `tolerance`."""
    low, high = clip or (-math.inf, math.inf)
    lower, upper = (x - eps).clamp(min=low), (x + eps).clamp(max=high)
    return Interval(lower - tolerance, upper + tolerance, rounding)


def _advantages(layers: Sequence[nn.Module], box: Interval, y: Tensor) -> Tensor:
    """The upper bounds of `logit_j - logit_y` over the box: `[N, K]`, 0 at `j = y`."""
    last = layers[-1]
    if _kind(last) not in (nn.Linear, TwoLogits):
        logits = _propagate(layers, box)
        advantage = logits.upper - logits.lower.gather(1, y[:, None])
        return advantage.scatter(1, y[:, None], 0.0)
    # The difference of two logits is one linear function of the last hidden layer. Bounded as
    # one, it is tighter than the difference of two bounds, in which the layer takes two values.
    box = _propagate(layers[:-1], box)
    weight, bias = (tensor.to(box.lower) for tensor in _weights(last))
    centre, radius = box.centre, box.radius
    difference = weight - weight[y][:, None]  # [N, K, hidden]
    advantage = (difference @ centre[:, :, None] + difference.abs() @ radius[:, :, None]).squeeze(2)
    advantage = advantage + bias - bias[y][:, None]
    if box.rounding:
        size = F.linear(centre.abs() + radius, weight.abs(), bias.abs())
        size = size + size.gather(1, y[:, None])
        advantage = advantage + _slack(box, size, terms=weight.shape[1])
    return advantage.scatter(1, y[:, None], 0.0)


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
    progress: float = field(default=1.0, repr=False, compare=False)

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        _refuse_hidden(model)
        grown = warmed(self.progress, self.warm_up)
        proved = (1 - self.kappa) * grown
        worst = _advantages(_chain(model), _ball(x, self.eps * grown, self.clip), y)
        clean = F.cross_entropy(model(x), y)
        return (1 - proved) * clean + proved * F.cross_entropy(worst, y)
