"""What an attack refuses, and how it warns."""

import math
import operator
import sys
import warnings
from types import FrameType

import torch
from torch import Tensor

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


def check_arguments(x: Tensor, y: Tensor, eps: float, clip: Clip) -> float:
    """`eps` as a float; TypeError or ValueError for what does not fit."""
    eps = check_size("eps", eps)
    check_images(x, clip)
    check_labels(x, y)
    return eps


def check_images(x: Tensor, clip: Clip) -> None:
    """TypeError or ValueError unless `x` is a finite float tensor `[N, ...]` inside `clip`."""
    if not isinstance(x, Tensor) or not x.is_floating_point():
        kind = f"{x.dtype} tensor" if isinstance(x, Tensor) else type(x).__name__
        raise TypeError(f"x is a {kind}; give a float tensor [N, C, H, W], e.g. x.float() / 255")
    if x.dim() < 2:
        raise ValueError(f"x has the shape {tuple(x.shape)}; give a batch [N, ...], e.g. x[None]")
    if clip is not None and not (len(clip) == 2 and clip[0] < clip[1]):
        raise ValueError(f"clip is {clip}; give (lowest, highest) pixel value, or None")
    if x.numel() == 0:
        return
    low, high = torch.aminmax(x.detach())
    if not (low.isfinite() and high.isfinite()):
        raise ValueError("x holds NaN or infinite pixels; find them with x.isfinite()")
    # The range as x's dtype writes it: 0.1 is not a float32.
    if clip is not None and not (
        low >= low.new_tensor(clip[0]) and high <= low.new_tensor(clip[1])
    ):
        raise ValueError(
            f"x has pixels from {low.item():g} to {high.item():g}, outside clip={clip}; give "
            "images in that range (normalisation belongs inside the model), the right clip, or "
            "clip=None"
        )


def check_labels(x: Tensor, y: Tensor) -> None:
    """TypeError or ValueError unless `y` has an int64 class number for each example of `x`."""
    if not isinstance(y, Tensor) or y.dtype != torch.int64:
        kind = f"{y.dtype} tensor" if isinstance(y, Tensor) else type(y).__name__
        raise TypeError(f"y is a {kind}; give class numbers as an int64 tensor [N], e.g. y.long()")
    if y.shape != x.shape[:1]:
        raise ValueError(
            f"y has the shape {tuple(y.shape)}, x has {len(x)} examples; give one class number "
            f"for each: [{len(x)}]"
        )
    if y.device != x.device:
        raise ValueError(f"y is on {y.device}, x on {x.device}; move one: y.to(x.device)")


def check_logits(logits: Tensor, x: Tensor, y: Tensor) -> None:
    """TypeError or ValueError unless these are numbers `[N, K]` and `y` names K classes at most."""
    if not isinstance(logits, Tensor):
        raise TypeError(
            f"model returned a {type(logits).__name__}; it must return a tensor of logits [N, K]: "
            "wrap it in a module whose forward picks them out"
        )
    if logits.dim() != 2 or len(logits) != len(x) or logits.shape[1] < 2:
        raise ValueError(
            f"model returned the shape {tuple(logits.shape)} for {len(x)} examples; it must "
            f"return logits [{len(x)}, K] with K >= 2 classes"
        )
    low, high = (bound.item() for bound in torch.aminmax(y))
    if low < 0 or high >= logits.shape[1]:
        raise ValueError(
            f"y has labels from {low} to {high}, but the model has the classes 0 to "
            f"{logits.shape[1] - 1}; check which model and labels belong together"
        )
    if logits.isnan().any():
        bad = int(logits.isnan().any(dim=1).sum())
        raise ValueError(
            f"model returned NaN for {bad} of {len(x)} examples; look at its weights "
            "(did training diverge?) before you attack it"
        )


def warn_caller(message: str) -> None:
    """Warn of the line that called into this package."""
    level = 1
    frame: FrameType | None = sys._getframe()
    while frame and frame.f_globals.get("__name__", "").startswith("advtutor."):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, AttackWarning, stacklevel=level)
