"""The defended networks that a break is tried on: fixed weights, so that it is the same anywhere.

`tools/ledger/weights.py` makes the weights. The networks are of the kind that notebook 04 trains;
a break that works on those works on these.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from advtutor import models
from advtutor.checks.sandbox import OwnDraws
from advtutor.checks.watch import Probe
from advtutor.data import mnist

WEIGHTS = Path(__file__).parent.parent / "assets" / "defences.safetensors"
POOL = 600  # of the first test digits; those that a defence reads rightly are attacked


class Sure(nn.Module):
    """Multiplies the logits by 400: the softmax saturates, and cross-entropy's gradient is 0."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        return 400 * self.model(x)


class Staircase(nn.Module):
    """Rounds the pixels to eighths before the network sees them: no gradient gets through."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        return self.model((x * 8).round() / 8)


def sure() -> nn.Module:
    """The first defence: a network trained as usual, with logits that are very sure."""
    return Sure(network("usual")).eval()


def staircase() -> nn.Module:
    """The second one: the same network behind a staircase."""
    return Staircase(network("usual")).eval()


def hardened() -> nn.Module:
    """The third one: a network trained on its own FGSM examples, and made very sure as well."""
    return Sure(network("hardened")).eval()


def network(name: str) -> nn.Module:
    """The stored network `name`, "usual" or "hardened", in eval mode, behind a probe."""
    net = models.ConvNet()
    net.load_state_dict({key: value.clone() for key, value in _weights(name).items()})
    net.layers.insert(0, Probe())
    return net.eval()


@cache
def _weights(name: str) -> dict[str, Tensor]:
    stored = load_file(WEIGHTS)
    start = f"{name}."
    return {k.removeprefix(start): v.float() for k, v in stored.items() if k.startswith(start)}


@cache
def read_rightly(defence: Callable[[], nn.Module]) -> tuple[Tensor, Tensor]:
    """The digits to attack: of the first of the test set, those that `defence()` reads rightly."""
    x, y = (each[:POOL].clone() for each in mnist().test)
    with torch.no_grad(), OwnDraws(0):
        right = defence()(x).argmax(dim=1) == y
    return x[right], y[right]
