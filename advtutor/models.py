"""The course's networks: small modules that take images in [0, 1] and return logits."""

import contextlib
from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Draw initial weights from `seed` and leave the caller's random state as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


class Network(nn.Module):
    """A chain of layers, `layers`, whose `repr` ends in its number of parameters."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Logits `[N, classes]` of images `[N, C, H, W]`."""
        return self.layers(x)

    def probabilities(self, logits: Tensor) -> Tensor:
        """How sure the network is of each class: `[N, classes]`; the largest is its confidence."""
        return logits.softmax(dim=1)

    def __repr__(self) -> str:
        count = sum(p.numel() for p in self.parameters())
        return f"{super().__repr__()}  # {count:,} parameters"


class SoftmaxRegression(Network):
    """One linear layer: the shallow softmax classifier of the paper's section 4.

    Takes `[N, C, H, W]` with `inputs` numbers in each example, returns logits `[N, classes]`.
    """

    def __init__(self, inputs: int = 784, classes: int = 10, *, seed: int = 0) -> None:
        with _seeded(seed):
            super().__init__(nn.Flatten(), nn.Linear(inputs, classes))

    @property
    def linear(self) -> nn.Linear:
        """The layer that holds the weights `[classes, inputs]`."""
        return self.layers[1]


class LogisticRegression(Network):
    """One unit `w.x + b` for two classes: the 3-against-7 classifier of the paper's section 5.

    Takes `[N, C, H, W]`, returns logits `[N, 2]` that are `(-score/2, score/2)`, so that their
    softmax is `sigmoid(score)` and class 1 stands for `score > 0`.
    """

    def __init__(self, inputs: int = 784, *, seed: int = 0) -> None:
        with _seeded(seed):
            super().__init__(nn.Flatten(), nn.Linear(inputs, 1), TwoLogits())

    @property
    def linear(self) -> nn.Linear:
        """The layer that holds the weights `[1, inputs]`."""
        return self.layers[1]

    def score(self, x: Tensor) -> Tensor:
        """`w.x + b`, one number for each example: `[N]`."""
        return self.linear(x.flatten(1)).squeeze(1)


class TwoLogits(nn.Module):
    """A score `[N, 1]` as the logits `(-score/2, score/2)` of two classes: `[N, 2]`."""

    def forward(self, score: Tensor) -> Tensor:
        return torch.cat([-score / 2, score / 2], dim=1)


class MLP(Network):
    """Dense layers with ReLU between them.

    Takes `[N, C, H, W]` with `inputs` numbers in each example, returns logits `[N, classes]`;
    `hidden` holds the number of units of each hidden layer.
    """

    def __init__(
        self,
        hidden: Sequence[int] = (200, 200),
        *,
        inputs: int = 784,
        classes: int = 10,
        seed: int = 0,
    ) -> None:
        with _seeded(seed):
            layers = []
            for before, after in pairwise([inputs, *hidden]):
                layers += [nn.Linear(before, after), nn.ReLU()]
            super().__init__(nn.Flatten(), *layers, nn.Linear([inputs, *hidden][-1], classes))


class ConvNet(Network):
    """Two strided convolutions and 100 hidden units: small enough to train while you watch.

    Takes `[N, 1, 28, 28]`, returns logits `[N, classes]`.
    """

    def __init__(self, classes: int = 10, *, seed: int = 0) -> None:
        with _seeded(seed):
            super().__init__(
                nn.Conv2d(1, 16, kernel_size=4, stride=2, padding=1),
                nn.ReLU(),
                nn.Conv2d(16, 32, kernel_size=4, stride=2, padding=1),
                nn.ReLU(),
                nn.Flatten(),
                nn.Linear(32 * 7 * 7, 100),
                nn.ReLU(),
                nn.Linear(100, classes),
            )


class Maxout(Network):
    """Maxout units with dropout: the network of the paper's sections 4 and 6.

    `layers` hidden layers of `units` units, each the largest of `pieces` linear functions;
    `dropout` is the share that is dropped from the input and from each hidden layer. The paper
    names 240 units, and 1600 for its large network; the rest is the recipe of pylearn2's MNIST
    network (Goodfellow et al., Maxout Networks, arXiv 1302.4389): initial weights uniform within
    0.005, and `constrain()` after each step of the optimiser.

    Takes `[N, C, H, W]` with `inputs` numbers in each example, returns logits `[N, classes]`.
    """

    def __init__(
        self,
        units: int = 240,
        pieces: int = 5,
        *,
        dropout: Sequence[float] = (0.2, 0.5, 0.5),
        inputs: int = 784,
        classes: int = 10,
        seed: int = 0,
    ) -> None:
        *before_hidden, before_top = dropout
        sizes = [inputs, *[units] * len(before_hidden)]
        layers = []
        for share, size in zip(before_hidden, sizes, strict=False):
            layers += [nn.Dropout(share), MaxoutLayer(size, units, pieces)]
        top = nn.Linear(sizes[-1], classes)
        super().__init__(nn.Flatten(), *layers, nn.Dropout(before_top), top)
        with _seeded(seed), torch.no_grad():
            for name, parameter in self.named_parameters():
                parameter.uniform_(-0.005, 0.005) if name.endswith("weight") else parameter.zero_()

    @torch.no_grad()
    def constrain(self) -> None:
        """Shorten the incoming weights of each linear function to a length of at most 1.9365.

        Call it after each step of the optimiser; it changes the weights in place.
        """
        for module in self.modules():
            if isinstance(module, nn.Linear):
                module.weight.renorm_(p=2, dim=0, maxnorm=1.9365)


class MaxoutLayer(nn.Module):
    """`units` numbers, each the largest of `pieces` linear functions: `[N, inputs]` to `[N, units]`.

    One product computes all functions; row `piece * units + unit` of `linear.weight` holds one.
    """

    def __init__(self, inputs: int, units: int, pieces: int) -> None:
        super().__init__()
        self.units, self.pieces = units, pieces
        self.linear = nn.Linear(inputs, units * pieces)

    def forward(self, x: Tensor) -> Tensor:
        return self.largest(self.linear(x))

    def largest(self, values: Tensor) -> Tensor:
        """The largest piece of each unit: `[N, pieces * units]` to `[N, units]`."""
        return values.unflatten(1, (self.pieces, self.units)).amax(dim=1)
