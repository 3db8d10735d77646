"""What an attack climbs: the losses, one number for each example."""

import math
from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

Loss = Callable[[Tensor, Tensor], Tensor]


def cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    """Cross-entropy of each example: `[N]`."""
    return F.cross_entropy(logits, y, reduction="none")


def margin_loss(logits: Tensor, y: Tensor) -> Tensor:
    """The best other logit minus the logit of `y`, for each example: `[N]`.

    Positive where the model errs. Its gradient survives logits so large that the softmax is
    saturated and cross-entropy's gradient rounds to zero (Carlini and Wagner, arXiv 1608.04644).
    """
    others = logits.scatter(1, y[:, None], -math.inf)
    return others.amax(dim=1) - of_class(logits, y)


def of_class(logits: Tensor, y: Tensor) -> Tensor:
    """The logit of class `y`, for each example: `[N]`."""
    return logits.gather(1, y[:, None]).squeeze(1)
