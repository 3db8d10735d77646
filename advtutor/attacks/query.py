"""How a model is asked: in eval mode, and its answer is looked at."""

import contextlib
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from advtutor.attacks.ball import widened
from advtutor.attacks.inputs import check_logits


@contextlib.contextmanager
def eval_mode(model: nn.Module) -> Iterator[None]:
    """Put every submodule into eval mode, and back as it was, also after an exception."""
    modules = model.modules() if isinstance(model, nn.Module) else ()
    training = [module for module in modules if module.training]
    for module in training:
        module.training = False
    try:
        yield
    finally:
        for module in training:
            module.training = True


@contextlib.contextmanager
def eval_mode_with_grad(model: nn.Module) -> Iterator[None]:
    """As `eval_mode`, with gradients on whatever the caller has switched off."""
    with torch.inference_mode(False), torch.enable_grad(), eval_mode(model):
        yield


def answer(model: Callable[[Tensor], Tensor], x: Tensor, y: Tensor) -> Tensor:
    """The logits at `x`, `[N, K]`, in float32 or better: half precision rounds losses to 0."""
    logits = model(x)
    check_logits(logits, x, y)
    return widened(logits)
