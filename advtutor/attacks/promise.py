"""What every attack does before its search begins: it looks at what it got and minds the model."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from torch import Tensor, nn

from advtutor.attacks.inputs import Clip, check_arguments
from advtutor.attacks.query import differentiable, eval_mode_with_grad

Search = TypeVar("Search", bound=Callable[..., Tensor])


def attack(search: Search) -> Search:
    """Give `search` arguments that are checked, labels of its own, and the model in eval mode."""
    usual = inspect.signature(search).parameters["clip"].default

    @functools.wraps(search)
    def attack(
        model: nn.Module,
        x: Tensor,
        y: Tensor,
        eps: float,
        *,
        clip: Clip = usual,
        **settings: Any,
    ) -> Tensor:
        x, eps = check_arguments(model, x, y, eps, clip)
        if x.numel() == 0:
            return x.clone()
        with eval_mode_with_grad(model):
            return search(model, differentiable(x), y.clone(), eps, clip=clip, **settings)

    return attack  # type: ignore[return-value]
