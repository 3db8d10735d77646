"""Small networks for the audit's tests: sound ones, and ones with a planted fault.

Digits are MNIST's; colour pictures are gratings, whose class is their angle. Base networks are
trained once; a fault is a wrapper around one, or a change of the pictures, the labels or eps.
"""

import copy
import functools
import itertools
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from advtutor import attacks, certify, models, training
from advtutor.data import mnist

DIGITS_EPS, COLOUR_EPS = 0.15, 8 / 255


def gratings(n: int, seed: int) -> tuple[Tensor, Tensor]:
    """Colour pictures `[n, 3, 12, 12]` of stripes at one of five angles."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator)

    y = torch.randint(0, 5, (n,), generator=generator)
    angle = (y + 0.3 * (draw(n) - 0.5)) * math.pi / 5
    place = torch.arange(12.0)
    along = angle.cos()[:, None, None] * place[:, None] + angle.sin()[:, None, None] * place
    wave = ((0.9 + 0.4 * draw(n, 1, 1)) * along + 6.3 * draw(n, 1, 1)).sin()[:, None]
    colour = F.normalize(draw(n, 3, 1, 1) - 0.5, dim=1)
    grain = 0.05 * torch.randn(n, 3, 12, 12, generator=generator)
    x = 0.5 + (0.2 + 0.2 * draw(n, 1, 1, 1)) * wave * colour + grain
    return (x + 0.3 * (draw(n, 3, 1, 1) - 0.5)).clamp(0, 1), y


def pictures(kind: str, n: int, seed: int) -> tuple[Tensor, Tensor]:
    """Pictures that no network of the zoo was trained on."""
    if kind == "colour":
        return gratings(n, 100 + seed)
    x, y = mnist().test
    return x[seed * n : (seed + 1) * n], y[seed * n : (seed + 1) * n]


def _conv(*, norm: bool = False, dropout: float = 0.0) -> nn.Sequential:
    torch.manual_seed(0)
    normed = [nn.BatchNorm2d(12)] if norm else []
    dropped = [nn.Dropout(dropout)] if dropout else []
    first = nn.Conv2d(3, 12, 5, stride=2, padding=2)
    return nn.Sequential(first, *normed, nn.ReLU(), nn.Flatten(), *dropped, nn.Linear(432, 5))


def _dense(*, norm: bool = False, dropout: float = 0.0) -> nn.Sequential:
    torch.manual_seed(0)
    normed = [nn.BatchNorm1d(48)] if norm else []
    dropped = [nn.Dropout(dropout)] if dropout else []
    layers = [nn.Flatten(), nn.Linear(784, 48), *normed, nn.ReLU(), *dropped]
    return nn.Sequential(*layers, nn.Linear(48, 10))


@functools.cache
def base(kind: str, recipe: str) -> nn.Module:
    """A trained network, the same one at each call."""
    digits = kind == "digits"
    make: Callable = _dense if digits else _conv
    eps = DIGITS_EPS if digits else COLOUR_EPS
    objective = {"pgd": training.PGD(eps, steps=3), "certified": certify.IntervalBound(0.1)}
    model = {
        "norm": lambda: make(norm=True),
        "dropout": lambda: make(dropout=0.3),
        "linear": models.SoftmaxRegression,
    }.get(recipe, make)()
    x, y = mnist().train if digits else gratings(3000, 0)
    epochs = 3 if digits else 8
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", attacks.AttackWarning)
        training.fit(
            model,
            x[:4000],
            y[:4000],
            objective=objective.get(recipe, training.clean),
            epochs=2 * epochs if recipe in objective else epochs,
            lr=1e-2,
            progress=False,
        )
    return model


class Wrapped(nn.Module):
    """`model` behind a function of the model and the pictures."""

    def __init__(self, model: nn.Module, forward: Callable[[nn.Module, Tensor], Tensor]) -> None:
        super().__init__()
        self.model, self.function = model, forward

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self.model, x)


def gradient_of(change: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """A layer that leaves the pictures alone and changes their gradient."""

    class Layer(torch.autograd.Function):
        @staticmethod
        def forward(context, x):
            return x.clone()

        @staticmethod
        def backward(context, gradient):
            return change(gradient)

    return Layer.apply


@dataclass(frozen=True)
class Animal:
    """A network of the zoo, and what the audit has to find."""

    faults: frozenset[str]
    model: Callable[[], nn.Module]
    kind: str
    change: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] | None = None
    eps: float | None = None


def sound() -> dict[str, Animal]:
    """Networks at which nothing is to be found."""
    recipes = [("digits", r) for r in ("usual", "pgd", "certified", "linear", "norm")]
    recipes += [("colour", r) for r in ("usual", "pgd", "norm")]
    animals = {
        f"{kind}-{recipe}": Animal(frozenset(), functools.partial(base, kind, recipe), kind)
        for kind, recipe in recipes
    }

    def unswitched() -> nn.Module:
        return copy.deepcopy(base("digits", "usual")).train()

    animals["digits-train-mode-without-effect"] = Animal(frozenset(), unswitched, "digits")

    def log_softmax() -> nn.Module:
        return Wrapped(base("digits", "usual"), lambda m, x: m(x).log_softmax(1))

    for kind in ("digits", "colour"):
        usual = functools.partial(base, kind, "usual")
        ones = Animal(frozenset(), usual, kind, lambda x, y: (x[y == 1], y[y == 1]))
        straight = functools.partial(lambda u: Wrapped(u(), lambda m, x: m(_straight(x))), usual)
        animals |= {f"{kind}-one-class": ones}
        animals |= {f"{kind}-straight-through": Animal(frozenset(), straight, kind)}

    animals["digits-log-softmax"] = Animal(frozenset(), log_softmax, "digits")
    return animals


_reversed = gradient_of(torch.neg)
_scrambled = gradient_of(torch.randn_like)
_stopped = gradient_of(torch.zeros_like)


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(1)


def _other_gradient(model: nn.Module, x: Tensor) -> Tensor:
    logits, pixels = model(x), x.flatten(1)
    directions = torch.randn(pixels.shape[1], logits.shape[1], generator=_generator())
    return logits.detach() + pixels @ directions - (pixels @ directions).detach()


def _straight(x: Tensor) -> Tensor:
    return x + ((8 * x).round() / 8 - x).detach()


class _Borrowed(torch.autograd.Function):
    """The answers of one network with the gradient of another."""

    @staticmethod
    def forward(context, x, model, other):
        context.save_for_backward(x)
        context.other = other
        return model(x)

    @staticmethod
    def backward(context, gradient):
        with torch.enable_grad():
            x = context.saved_tensors[0].detach().requires_grad_()
            return torch.autograd.grad(context.other(x), x, gradient)[0], None, None


def _borrowed(model: nn.Module, x: Tensor) -> Tensor:
    return _Borrowed.apply(x, model, _dense() if x.shape[1] == 1 else _conv())


def _blocks(model: nn.Module, x: Tensor) -> Tensor:
    """Rounds the cosines of blocks of 4 x 4 pixels, as JPEG does with 8 x 8."""
    place = torch.arange(4.0)
    waves = (math.pi * (2 * place + 1) * place[:, None] / 8).cos()
    waves = F.normalize(waves, dim=1)
    parts = x.unflatten(3, (-1, 4)).unflatten(2, (-1, 4)).transpose(3, 4)
    rounded = waves.T @ ((waves @ parts @ waves.T / 0.15).round() * 0.15) @ waves
    return model(rounded.transpose(3, 4).flatten(4, 5).flatten(2, 3).clamp(0, 1))


def _resized(model: nn.Module, x: Tensor) -> Tensor:
    size = x.shape[-1]
    small = F.interpolate(x, size - int(torch.randint(0, 4, ())), mode="bilinear")
    left = int(torch.randint(0, size - small.shape[-1] + 1, ()))
    rest = size - small.shape[-1] - left
    return model(F.pad(small, (left, rest, rest, left)))


def _nan_for_some(model: nn.Module, x: Tensor) -> Tensor:
    odd = (x.flatten(1)[:, ::7].sum(dim=1, keepdim=True) * 1000).round() % 5 == 0
    return torch.where(odd, torch.nan, model(x))


def _rippled(model: nn.Module, x: Tensor) -> Tensor:
    height = 0.01 if x.shape[1] == 1 else 0.003
    return model(x + height * (9 / height * x).sin())


def _shattered(model: nn.Module, x: Tensor) -> Tensor:
    return model(x + 0.02 * (400 * x).sin())


def _nan_gradient(model: nn.Module, x: Tensor) -> Tensor:
    outside = (x - x.clamp(0, 1)).square().flatten(1).sum(dim=1, keepdim=True)
    return model(x) + outside.sqrt()


def _thermometer(model: nn.Module, x: Tensor) -> Tensor:
    levels = torch.stack([(x > (i + 0.5) / 8).float() for i in range(8)])
    return model(levels.mean(dim=0))


# What is done to a network, by the fault that it is.
FORWARD: dict[str, tuple[set[str], Callable[[nn.Module, Tensor], Tensor]]] = {
    "softmax": ({"probabilities"}, lambda m, x: m(x).softmax(1)),
    "sigmoid": ({"probabilities"}, lambda m, x: m(x).sigmoid()),
    "per cent": ({"probabilities"}, lambda m, x: 100 * m(x).softmax(1)),
    "x 400": ({"vanishing-gradients"}, lambda m, x: 400 * m(x)),
    "log-softmax x 100": ({"vanishing-gradients"}, lambda m, x: 100 * m(x).log_softmax(1)),
    "squashed": ({"vanishing-gradients"}, lambda m, x: (100 * m(x)).tanh() + m(x).detach()),
    "quantised pixels": ({"no-gradient"}, lambda m, x: m((8 * x).round() / 8)),
    "rounded blocks": ({"no-gradient"}, _blocks),
    "thermometer": ({"no-gradient"}, _thermometer),
    "rounded logits": ({"no-gradient"}, lambda m, x: (4 * m(x)).round() / 4),
    "one-hot": ({"no-gradient"}, lambda m, x: F.one_hot(m(x).argmax(1), m(x).shape[1]).float()),
    "detached": ({"no-gradient"}, lambda m, x: m(x.detach())),
    "through numpy": ({"no-gradient"}, lambda m, x: m(torch.from_numpy(x.numpy()))),
    "zero gradient": ({"no-gradient"}, lambda m, x: m(_stopped(x))),
    "reversed gradient": ({"masked-gradients"}, lambda m, x: m(_reversed(x))),
    "scrambled gradient": ({"masked-gradients"}, lambda m, x: m(_scrambled(x))),
    "another's gradient": ({"masked-gradients"}, _other_gradient),
    "borrowed gradient": ({"masked-gradients"}, _borrowed),
    "ripples": ({"masked-gradients"}, _rippled),
    "shattered": ({"masked-gradients"}, _shattered),
    "ranks": ({"no-gradient"}, lambda m, x: m(x).argsort(1).argsort(1).float()),
    "noise layer": ({"random"}, lambda m, x: m(x + 0.1 * torch.randn_like(x))),
    "noise on logits": ({"random"}, lambda m, x: m(x) + 0.05 * torch.randn(len(x), 1) * m(x)),
    "dropout for ever": ({"random"}, lambda m, x: m(F.dropout(x, 0.1, True))),
    "random size": ({"random"}, _resized),
    "one class": ({"chance"}, lambda m, x: m(x) + 100 * F.one_hot(torch.tensor(2), m(x).shape[1])),
    "constant": ({"chance"}, lambda m, x: 0 * m(x) + torch.arange(m(x).shape[1])),
    "NaN for some": ({"nan"}, _nan_for_some),
    "NaN gradient": ({"nan"}, _nan_gradient),
    "NaN": ({"nan"}, lambda m, x: m(x) * torch.nan),
    "softmax, temperature": (
        {"probabilities", "vanishing-gradients"},
        lambda m, x: (400 * m(x)).softmax(1),
    ),
    "noise, softmax": (
        {"random", "probabilities"},
        lambda m, x: m(x + 0.1 * torch.randn_like(x)).softmax(1),
    ),
}


ROUNDED: dict[str, tuple[set[str], Callable[[nn.Module, Tensor], Tensor]]] = {
    "softmax in half precision": ({"probabilities"}, lambda m, x: m(x).half().softmax(1)),
    "whole per cents": (
        {"probabilities", "no-gradient"},
        lambda m, x: (100 * m(x).softmax(1)).round(),
    ),
}


def _some_other(x: Tensor, factor: float) -> Tensor:
    x = x.clone()
    x[3] *= factor
    return x


def _nan_pixel(x: Tensor) -> Tensor:
    x = x.clone()
    x[5, 0, 3, 3] = torch.nan
    return x


def _swapped(x: Tensor, y: Tensor, a: int = 1, b: int = 2) -> tuple[Tensor, Tensor]:
    return x, torch.where(y == a, b, torch.where(y == b, a, y))


def _shuffled(y: Tensor) -> Tensor:
    return y[torch.randperm(len(y), generator=_generator())]


def _some_wrong(y: Tensor) -> Tensor:
    odd = torch.rand(len(y), generator=_generator()) < 1 / 4
    return torch.where(odd, (y + 1 + torch.arange(len(y)) % int(y.max())) % (int(y.max()) + 1), y)


DATA: dict[str, tuple[str, Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]]] = {
    "bytes": ("range", lambda x, y: (255 * x, y)),
    "-1 to 1": ("range", lambda x, y: (2 * x - 1, y)),
    "normalised": ("range", lambda x, y: ((x - 0.1307) / 0.3081, y)),
    "one in bytes": ("range", lambda x, y: (_some_other(x, 255.0), y)),
    "one divided twice": ("range", lambda x, y: (_some_other(x, 1 / 255), y)),
    "all divided twice": ("range", lambda x, y: (x / 255, y)),
    "two swapped": ("labels", _swapped),
    "shuffled": ("labels", lambda x, y: (x, _shuffled(y))),
    "shifted": ("labels", lambda x, y: (x, (y + 1) % (int(y.max()) + 1))),
    "from 1": ("labels", lambda x, y: (x, y + 1)),
    "backwards": ("labels", lambda x, y: (x, int(y.max()) - y)),
    "other classes": ("labels", lambda x, y: (x, y % 2)),
    "hundreds": ("labels", lambda x, y: (x, 100 * y)),
    "NaN pixel": ("nan", lambda x, y: (_nan_pixel(x), y)),
}


def faulty() -> dict[str, Animal]:
    """Networks with a planted fault or two, on digits and on colour pictures."""
    linear, fours_as_nines = (
        functools.partial(base, "digits", "linear"),
        functools.partial(_swapped, a=4, b=9),
    )
    swapped = Animal(frozenset({"labels"}), linear, "digits", fours_as_nines)
    some = Animal(
        frozenset({"labels"}),
        functools.partial(base, "digits", "usual"),
        "digits",
        lambda x, y: (x, _some_wrong(y)),
    )
    animals = {"digits, linear, 4 and 9 swapped": swapped, "digits, one in four wrong": some}
    for kind in ("digits", "colour"):
        usual = functools.partial(base, kind, "usual")
        for name, (faults, forward) in FORWARD.items():
            if (kind, name) == ("colour", "shattered"):
                continue  # at this eps its waves are longer than the steps
            wrapped = functools.partial(lambda f, u: Wrapped(u(), f), forward, usual)
            animals[f"{kind}, {name}"] = Animal(frozenset(faults), wrapped, kind)
        for name, (fault, change) in DATA.items():
            animals[f"{kind}, {name}"] = Animal(frozenset({fault}), usual, kind, change)
        for name, eps in {"eps 8": 8.0, "eps 0": 0.0, "eps / 255 twice": 8 / 255 / 255}.items():
            animals[f"{kind}, {name}"] = Animal(frozenset({"eps-units"}), usual, kind, eps=eps)
        for recipe in ("norm", "dropout"):
            left_on = functools.partial(
                lambda k, r: copy.deepcopy(base(k, r)).train(), kind, recipe
            )
            animals[f"{kind}, {recipe} left on"] = Animal(frozenset({"train-mode"}), left_on, kind)

        def forgetful(kind: str = kind) -> nn.Module:
            model = copy.deepcopy(base(kind, "norm"))
            for layer in model:
                if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
                    layer.running_mean = layer.running_var = None
            return model

        animals[f"{kind}, batch statistics"] = Animal(frozenset({"train-mode"}), forgetful, kind)

        def untrained(kind: str = kind) -> nn.Module:
            return _dense() if kind == "digits" else _conv()

        animals[f"{kind}, untrained"] = Animal(frozenset({"chance"}), untrained, kind)
        quantised = functools.partial(
            lambda u: Wrapped(u(), lambda m, x: m((8 * x).round() / 8)), usual
        )
        shifted = DATA["shifted"][1]
        two = frozenset({"labels", "no-gradient"})
        animals[f"{kind}, shifted and quantised"] = Animal(two, quantised, kind, shifted)
        sure = functools.partial(lambda u: Wrapped(u(), lambda m, x: 400 * m(x)), usual)
        two = frozenset({"range", "vanishing-gradients"})
        animals[f"{kind}, bytes and x 400"] = Animal(two, sure, kind, DATA["bytes"][1])
        turned = functools.partial(lambda u: Wrapped(u(), lambda m, x: m(_reversed(x))), usual)
        two = frozenset({"eps-units", "masked-gradients"})
        animals[f"{kind}, eps 8 and reversed"] = Animal(two, turned, kind, eps=8.0)
    for kind, (name, (faults, forward)) in itertools.product(("digits", "colour"), ROUNDED.items()):
        rounded = functools.partial(lambda k, f: Wrapped(base(k, "usual"), f), kind, forward)
        animals[f"{kind}, {name}"] = Animal(frozenset(faults), rounded, kind)
    return animals
