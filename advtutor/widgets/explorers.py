"""The explorers: each is a picture of `widgets.pictures` whose settings have controls."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

from torch import Tensor, nn

from advtutor.plots import Figure
from advtutor.widgets import pictures
from advtutor.widgets.controls import WholeSlider, choice, slider, whole_slider
from advtutor.widgets.explorer import Explorer

_KEPT = 16  # planes, paths and curves that an explorer remembers


def direction_explorer(model: nn.Module, x: Tensor, y: Tensor) -> Explorer:
    """The plane of the gradient's sign and a random sign around each digit: what is read where.

    Statically: `pictures.direction_picture(model, pictures.plane(model, x[:1], y[:1]), 0.1, 0)`.
    """

    @lru_cache(_KEPT)
    def plane(digit: int) -> pictures.Plane:
        return pictures.plane(model, x[digit : digit + 1], y[digit : digit + 1])

    def draw(digit: int, along: float, across: float) -> Figure:
        return pictures.direction_picture(model, plane(digit), along, across)

    return Explorer(
        draw,
        digit=_digits(x),
        along=slider(0.0, -0.4, 0.4, 0.02, name="along the gradient's sign", digits=2),
        across=slider(0.0, -0.4, 0.4, 0.02, name="along a random sign", digits=2),
    )


def dimension_explorer(n: int = 784, eps: float = 0.25) -> Explorer:
    """How far n inputs move one unit, with aligned and with random signs, while n and eps move.

    Statically: `pictures.dimension_picture(784, 0.25)`.
    """
    sizes = [1, 4, 16, 49, 100, 196, 400, 784, 1600, 3072, 12_288, 50_176, 150_528]
    return Explorer(
        pictures.dimension_picture,
        n=choice([(f"{size:,}", size) for size in sizes], n, name="inputs n"),
        eps=slider(eps, 0.01, 0.5, 0.01, name="eps", digits=2),
    )


def attack_stepper(model: nn.Module, x: Tensor, y: Tensor, steps: int = 12) -> Explorer:
    """PGD step by step inside the walls of the ball, for digits `x` `[N, 1, H, W]`.

    Statically: `pictures.stepper_picture(model, x[:1], y[:1], points, eps, step)` with the points
    of `pictures.path`.
    """

    @lru_cache(_KEPT)
    def path(digit: int, eps: float) -> Tensor:
        one = slice(digit, digit + 1)
        return pictures.path(model, x[one], y[one], eps, steps=steps)

    def draw(digit: int, eps: float, step: int) -> Figure:
        one = slice(digit, digit + 1)
        return pictures.stepper_picture(model, x[one], y[one], path(digit, eps), eps, step)

    return Explorer(
        draw,
        digit=_digits(x),
        eps=slider(0.1, 0.01, 0.3, 0.01, name="eps", digits=2),
        step=whole_slider(0, 0, steps, name="step"),
    )


def overfitting_explorer(step: float = 1.25) -> Explorer:
    """The step size of fast training against what PGD finds, from measured curves.

    Statically: `pictures.overfitting_picture(1.25)`.
    """
    options = [(f"{size:g} eps", size) for size in pictures.OVERFITTING_STEPS]
    control = choice(options, step, name="step size")
    return Explorer(pictures.overfitting_picture, step=control)


def photo_explorer(
    model: nn.Module, names: Sequence[str], x: Tensor, y: Tensor, eps: float = 0.007
) -> Explorer:
    """A photo `[1, 3, H, W]` of class `y` `[1]` and its gradient-sign step, while eps moves.

    `names` are the classes' names. Statically: `pictures.photo_picture(model, names, x, y, 0.007)`.
    """

    def draw(eps: float) -> Figure:
        return pictures.photo_picture(model, names, x, y, eps)

    return Explorer(draw, eps=slider(eps, 0.0, 0.03, 0.001, name="eps"))


def defence_explorer(models: Mapping[str, nn.Module], x: Tensor, y: Tensor) -> Explorer:
    """Up to four `models` side by side under an attack that you choose, on digits `x`.

    The error curves take the whole of `x`, a few hundred digits, and are measured once for each
    attack. Statically: `pictures.defence_picture`, with the curves of `pictures.error_curves`.
    ValueError for more than four models.
    """
    if not 1 <= len(models) <= 4:
        raise ValueError(f"there are {len(models)} models; give one to four, by name")

    @lru_cache(_KEPT)
    def curves(attack: str) -> dict[str, list[float]]:
        return pictures.error_curves(models, x, y, attack)

    def draw(digit: int, attack: str, eps: float) -> Figure:
        one = slice(digit, digit + 1)
        return pictures.defence_picture(models, x[one], y[one], curves(attack), attack, eps)

    return Explorer(
        draw,
        digit=_digits(x),
        attack=choice(list(pictures.DEFENCE_ATTACKS), "one step (FGSM)", name="attack"),
        eps=slider(0.25, 0.0, 0.3, 0.01, name="eps", digits=2),
    )


def _digits(x: Tensor) -> WholeSlider:
    return whole_slider(0, 0, min(len(x), 100) - 1, name="digit")
