"""The gate: what images, labels, models and their answers have to be, in one wording."""

import math
import operator
import sys
import warnings
from collections.abc import Callable, Mapping
from types import FrameType

import torch
from torch import Tensor, nn

Clip = tuple[float, float] | None


class AttackWarning(UserWarning):
    """The attack ran, but its result should not be trusted as it is."""


def check_size(name: str, value: float) -> float:
    """`value` as a float; ValueError if it is not a finite number of at least 0."""
    try:
        number = float(value)
    except (TypeError, ValueError, RuntimeError):  # RuntimeError: a tensor of several numbers
        raise TypeError(f"{name} is {value!r}; it must be one number of at least 0") from None
    if not (number >= 0 and math.isfinite(number)):
        raise ValueError(f"{name} is {number}; it must be a finite number of at least 0")
    return number


def check_count(name: str, value: int) -> int:
    """`value` as an int; ValueError if it is not at least 1."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} is {value!r}; it must be a whole number of at least 1") from None
    if number < 1:
        raise ValueError(f"{name} is {number}; it must be at least 1")
    return number


def check_arguments(
    model: object, x: Tensor, y: Tensor, eps: float, clip: Clip
) -> tuple[Tensor, float]:
    """`x` as `check_images` gives it and `eps` as a float; TypeError or ValueError as it may be."""
    eps = check_size("eps", eps)
    check_model(model)
    x = check_images(x, clip)
    check_labels(x, y)
    return x, eps


def check_model(model: object) -> None:
    """TypeError unless `model` can be asked: an nn.Module with a forward, or another callable."""
    if isinstance(model, Mapping):
        raise TypeError(
            f"model is a {type(model).__name__} of weights; build the network and load them into "
            "it: network.load_state_dict(...)"
        )
    if isinstance(model, type):
        raise TypeError(f"model is the class {model.__name__}; build one: {model.__name__}()")
    no_forward = isinstance(model, nn.Module) and (
        getattr(type(model), "forward", None) is nn.Module.forward and "forward" not in vars(model)
    )
    if no_forward or not callable(model):
        raise TypeError(
            f"model is a {type(model).__name__}, which cannot be called; give an nn.Module, or a "
            "function, that takes images [N, ...] and returns logits [N, K]"
        )


def check_images(x: Tensor, clip: Clip) -> Tensor:
    """`x`, detached, and rounding beyond `clip` cut off.

    TypeError or ValueError unless `x` is a finite float tensor `[N, ...]`, and inside `clip` but
    for the 1e-6, or the millionth of a larger bound, that rounding may add.
    """
    if not isinstance(x, Tensor) or not x.is_floating_point():
        kind = f"{x.dtype} tensor" if isinstance(x, Tensor) else type(x).__name__
        raise TypeError(f"x is a {kind}; give a float tensor [N, C, H, W], e.g. x.float() / 255")
    if x.dim() < 2:
        raise ValueError(f"x has the shape {tuple(x.shape)}; give a batch [N, ...], e.g. x[None]")
    if clip is not None and not (len(clip) == 2 and clip[0] < clip[1]):
        raise ValueError(f"clip is {clip}; give (lowest, highest) pixel value, or None")
    x = x.detach()
    ends = None if clip is None or x.numel() == 0 else torch.stack(torch.aminmax(x))
    if not _finite(x if ends is None else ends):
        raise ValueError(
            f"x holds NaN or infinite pixels in {_broken(x)} of {len(x)} examples; find them with "
            "x.isfinite()"
        )
    if clip is None or ends is None:
        return x
    low, high = ends.tolist()
    # The range as x's dtype writes it: 0.1 is not a float32.
    lowest, highest = x.new_tensor(clip).tolist()
    rounding = 1e-6 * max([1.0, *(abs(edge) for edge in clip if math.isfinite(edge))])
    if low < lowest - rounding or high > highest + rounding:
        raise ValueError(
            f"x has pixels from {low:g} to {high:g}, outside clip={clip}; give "
            "images in that range (normalisation belongs inside the model), the right clip, or "
            "clip=None"
        )
    return x if low >= lowest and high <= highest else x.clamp(*clip)


def check_labels(x: Tensor, y: Tensor, *, anywhere: bool = False) -> None:
    """TypeError or ValueError unless `y` has an int64 class number for each example of `x`.

    It lies where `x` lies, or `anywhere`.
    """
    if not isinstance(y, Tensor) or y.dtype != torch.int64:
        kind = f"{y.dtype} tensor" if isinstance(y, Tensor) else type(y).__name__
        how = "y.long()" if isinstance(y, Tensor) else "torch.as_tensor(y)"
        raise TypeError(f"y is a {kind}; give class numbers as an int64 tensor [N], e.g. {how}")
    if y.shape != x.shape[:1]:
        how = ""
        if y.dim() == 2 and len(y) == len(x):
            how = ", y.squeeze(1)" if y.shape[1] == 1 else ", from one-hot rows by y.argmax(dim=1)"
        raise ValueError(
            f"y has the shape {tuple(y.shape)}, x has {len(x)} examples; give one label for "
            f"each, a class number: [{len(x)}]{how}"
        )
    if y.is_meta or not (anywhere or y.device == x.device):
        raise ValueError(f"y is on {y.device}, x on {x.device}; move one: y.to(x.device)")


def check_data(x: Tensor, y: Tensor) -> Tensor:
    """Images of any range and their labels, at least one: `x`, detached.

    TypeError or ValueError for others, as `check_images` and `check_labels`.
    """
    x = check_images(x, None)
    check_labels(x, y, anywhere=True)
    if x.numel() == 0:
        raise ValueError(
            f"x has {len(x)} examples, the shape {tuple(x.shape)}; give at least one, with pixels"
        )
    return x


def check_output(output: Tensor, x: Tensor, y: Tensor | None = None) -> None:
    """TypeError or ValueError unless a model answered `x` with finite logits `[N, K]`.

    `y`, if given, must name some of these K classes.
    """
    if not isinstance(output, Tensor):
        raise TypeError(
            f"model returned a {type(output).__name__}; it must return a tensor of logits [N, K]: "
            "wrap it in a module whose forward picks them out"
        )
    if not output.is_floating_point():
        raise TypeError(
            f"model returned a {output.dtype} tensor; it must return logits [N, K] as floats, not "
            "classes"
        )
    if output.dim() != 2 or len(output) != len(x) or output.shape[1] < 2:
        raise ValueError(
            f"model returned the shape {tuple(output.shape)} for {len(x)} examples; it must "
            f"return logits [{len(x)}, K] with K >= 2 classes"
        )
    if not _finite(output):
        what = "NaN" if output.isnan().any() else "infinite logits"
        raise ValueError(
            f"model returned {what} for {_broken(output)} of {len(x)} examples; look at its "
            "weights (did training diverge?) and at logarithms, roots and divisions in it"
        )
    if y is not None and len(y):
        low, high = (bound.item() for bound in torch.aminmax(y))
        if low < 0 or high >= output.shape[1]:
            raise ValueError(
                f"y has labels from {low} to {high}, but the model has the classes 0 to "
                f"{output.shape[1] - 1}; check which model and labels belong together"
            )


def losses_of(
    loss: Callable[[Tensor, Tensor], Tensor], logits: Tensor, y: Tensor, *, each: bool = False
) -> Tensor:
    """What `loss(logits, y)` returns.

    TypeError or ValueError unless that is a float tensor made of the logits: a number for each
    example, `[N]`, or, unless `each` has to be known, one for all of them.
    """
    if not callable(loss):
        raise TypeError(
            f"loss is {loss!r}; give a function of the logits [N, K] and the labels [N], such as "
            "attacks.margin_loss"
        )
    losses = loss(logits, y)
    if not isinstance(losses, Tensor) or not losses.is_floating_point():
        kind = f"{losses.dtype} tensor" if isinstance(losses, Tensor) else type(losses).__name__
        raise TypeError(
            f"loss returned a {kind}; it must return a float tensor with one number for each "
            "example, [N]"
        )
    if losses.shape != y.shape and (each or losses.dim()):
        raise ValueError(
            f"loss returned the shape {tuple(losses.shape)} for {len(y)} examples; it must return "
            f"one number for each example, [{len(y)}]: reduction='none', or a sum over the classes"
        )
    if logits.requires_grad and not losses.requires_grad:
        raise ValueError(
            "loss returned numbers that no longer depend on the logits; leave out .item(), "
            ".detach(), argmax and torch.no_grad() on the way"
        )
    return losses


def check_result(x_adv: Tensor, x: Tensor) -> Tensor:
    """How far the furthest pixel of each example moved, `[N]`.

    TypeError or ValueError unless an attack made finite images like `x`.
    """
    if not isinstance(x_adv, Tensor):
        raise TypeError(
            f"the attack returned a {type(x_adv).__name__}; it must return the images, a tensor "
            f"{list(x.shape)}"
        )
    if x_adv.shape != x.shape:
        raise ValueError(
            f"the attack returned the shape {tuple(x_adv.shape)} for images of {tuple(x.shape)}; "
            "it must keep the shape"
        )
    if (x_adv.dtype, x_adv.device) != (x.dtype, x.device):
        raise TypeError(
            f"the attack returned {x_adv.dtype} on {x_adv.device} for images in {x.dtype} on "
            f"{x.device}; it must keep both: x_adv.to(x)"
        )
    moved = (x_adv.detach() - x).abs_().flatten(1).amax(dim=1)
    if not _finite(moved) and not _finite(x_adv):
        raise ValueError(
            f"the attack returned NaN or infinite pixels in {_broken(x_adv)} of {len(x_adv)} "
            "images; look for a division by zero, such as a gradient divided by its length"
        )
    return moved


def _finite(x: Tensor) -> bool:
    if x.is_meta:
        raise ValueError("x, or the model, is on the device meta, where there are no numbers")
    # The sum shows it in a small part of the time, unless it overflows.
    return math.isfinite(x.detach().sum()) or bool(x.isfinite().all())


def _broken(x: Tensor) -> int:
    return int((~x.isfinite()).flatten(1).any(dim=1).sum())


def warn_caller(message: str, category: type[Warning] = AttackWarning) -> None:
    """Warn of the line that called into this package."""
    level = 1
    frame: FrameType | None = sys._getframe()
    while frame and frame.f_globals.get("__name__", "").startswith("advtutor."):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)
