"""The dimension explorer: how far n inputs move one unit, with aligned and with random signs."""

from collections.abc import Callable
from functools import partial

import torch

from advtutor.plots import BLUE, ORANGE, Figure, described
from advtutor.widgets.base import Explorer
from advtutor.widgets.still import short

SIZES = [1, 4, 16, 49, 100, 196, 400, 784, 1600, 3072, 12_288, 50_176, 150_528]
CURVES: dict[str, Callable[[float, float], float]] = {
    "signs of the weights": lambda n, eps: eps * n * (2 / torch.pi) ** 0.5,
    "signs from a coin": lambda n, eps: eps * (2 * n / torch.pi) ** 0.5,
}


def dimension_explorer(n: int = 784, eps: float = 0.25) -> Explorer:
    """How far n inputs move one unit, with aligned and with random signs, while n and eps move.

    ValueError for an `n` that the list does not offer.
    """
    if n not in SIZES:
        raise ValueError(f"n is {n}; choose one of {', '.join(map(str, SIZES))}")
    draw = partial(picture, n, eps)
    return Explorer("dimension", draw, sizes=SIZES, start={"n": n, "eps": eps})


def picture(n: int, eps: float) -> Figure:
    """How far a unit with `n` standard normal weights is moved: aligned signs against a coin's.

    The expected sizes, `eps * n * sqrt(2 / pi)` and `eps * sqrt(2 * n / pi)` (paper, section 3).
    """
    figure = Figure(figsize=(7, 3.8), layout="constrained")
    axis = figure.subplots()
    for (name, f), look in zip(CURVES.items(), (f"{BLUE} -", f"{ORANGE} --"), strict=True):
        colour, dash = look.split()
        axis.plot([1, 1e5], [f(1, eps), f(1e5, eps)], dash, color=colour, lw=2.2, label=name)
        axis.plot(n, f(n, eps), "o", color=colour, ms=10, mec="black")
        axis.annotate(f"  {short(f(n, eps))}", (n, f(n, eps)), va="top", fontsize=12)
    axis.set(xscale="log", yscale="log", xlim=(1, 3e5), ylim=(5e-3, 2e5))
    axis.set(xlabel="number of inputs n", ylabel="how far the unit moves")
    axis.grid(color="#dddddd")
    axis.legend(frameon=False)
    aligned, coin = (f(n, eps) for f in CURVES.values())
    alt = (
        f"With {n:,} inputs and eps {eps:.2f}, signs of the weights move the unit by "
        f"{short(aligned)}, signs from a coin by {short(coin)}: {short(aligned / coin)} times."
    )
    return described(figure, "a unit with n inputs", alt)
