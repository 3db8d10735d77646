"""Other forms of the paper's networks than those of `models`: it leaves several things open."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from advtutor.models import RBF, Maxout, Network, seeded


class IsotropicRBF(Network):
    """One width for each class: `p(class k | x) = exp(-b_k ||x - mu_k||^2)`.

    Takes and returns what `models.RBF` does.
    """

    def __init__(self, inputs: int = 784, classes: int = 10, *, seed: int = 0) -> None:
        with seeded(seed):
            super().__init__(nn.Flatten(), _LowRank(inputs, classes, rank=0))

    probabilities = RBF.probabilities


class LowRankRBF(Network):
    """A width and a matrix for each class: `-log p = b_k ||x-mu_k||^2 + ||A_k (x-mu_k)||^2`.

    `A_k` has `rank` rows.

    Takes and returns what `models.RBF` does.
    """

    def __init__(
        self, rank: int = 20, inputs: int = 784, classes: int = 10, *, seed: int = 0
    ) -> None:
        with seeded(seed):
            super().__init__(nn.Flatten(), _LowRank(inputs, classes, rank))

    probabilities = RBF.probabilities


class SoftmaxRBF(RBF):
    """The diagonal form, with classes that share a softmax."""

    def forward(self, x: Tensor) -> Tensor:
        """The negative distances `[N, classes]`, as logits of a softmax."""
        p = super().forward(x)
        return F.logsigmoid(p)

    def probabilities(self, logits: Tensor) -> Tensor:
        """The softmax of the logits: `[N, classes]`."""
        return logits.softmax(dim=1)


class _PlainDropout(nn.Dropout):
    """Dropout that makes up for nothing: what it keeps, it keeps as it is."""

    def forward(self, x: Tensor) -> Tensor:
        kept = super().forward(x)
        return (1 - self.p) * kept if self.training else kept


class BrighterMaxout(Maxout):
    """`models.Maxout`, trained on dimmer pictures than it reads afterwards.

    Dropout divides what it keeps by the share kept, so that a unit gets as much in training as
    later, on average. pylearn2's example for MNIST does so in the hidden layers and leaves the
    pixels as they are (`input_scales: {'h0': 1.}`): with a fifth of them dropped, the network
    sees four fifths of the light in training. Takes and returns what `models.Maxout` does.
    """

    pixel_dropout = _PlainDropout


class _LowRank(nn.Module):
    def __init__(self, inputs: int, classes: int, rank: int) -> None:
        super().__init__()
        self.centres = nn.Parameter(torch.rand(classes, inputs) / 4)
        self.log_width = nn.Parameter(torch.full((classes,), -4.0))
        self.factors = nn.Parameter(torch.randn(classes, rank, inputs) / 100)

    def forward(self, x: Tensor) -> Tensor:
        squares = x.square().sum(dim=1, keepdim=True) + self.centres.square().sum(dim=1)
        distance = (squares - 2 * F.linear(x, self.centres)) * self.log_width.exp()
        if self.factors.shape[1]:
            seen = torch.einsum("ni,kri->nkr", x, self.factors)
            of_centre = torch.einsum("ki,kri->kr", self.centres, self.factors)
            distance = distance + (seen - of_centre).square().sum(dim=2)
        distance = distance.clamp(min=1e-6)
        return -distance - (-torch.expm1(-distance)).log()
