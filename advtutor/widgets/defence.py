"""The defence explorer: up to four networks side by side under an attack that you choose."""

from collections.abc import Mapping
from functools import partial

from matplotlib.ticker import PercentFormatter
from torch import Tensor, nn

from advtutor.evaluation import evaluate, predict
from advtutor.plots import BLUE, GREEN, GREY, ORANGE, PURPLE, Figure, described
from advtutor.widgets.base import Explorer, exact, handed_over
from advtutor.widgets.eps import ATTACKS
from advtutor.widgets.still import image, short

RADII = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3)
Curves = dict[str, list[list[float]]]


def defence_explorer(models: Mapping[str, nn.Module], x: Tensor, y: Tensor) -> Explorer:
    """Up to four `models` side by side under an attack that you choose, on digits `x`.

    The error curves take the whole of `x` `[N, 1, H, W]`, a few hundred digits, and are measured
    here, once. ValueError for more than four models.
    """
    if not 1 <= len(models) <= 4:
        raise ValueError(f"there are {len(models)} models; give one to four, by name")
    given = {**handed_over(x, y), "radii": list(RADII)}
    attack, eps = "one step (FGSM)", 0.25
    start = {"digit": 0, "attack": attack, "eps": eps}
    found: Curves = {}

    def draw() -> Figure:
        found.update(error_curves(models, x, y))
        return picture(models, x[:1], y[:1], found, attack, eps)

    return Explorer("defence", draw, models, **given, curves=found, count=len(x), start=start)


def error_curves(models: Mapping[str, nn.Module], x: Tensor, y: Tensor) -> Curves:
    """Under each of the attacks the error of each model at each of `RADII`."""
    return {
        name: [
            [evaluate(model, x, y, partial(attack, eps=eps)).error for eps in RADII]
            for model in models.values()
        ]
        for name, attack in ATTACKS.items()
    }


def picture(
    models: Mapping[str, nn.Module], x: Tensor, y: Tensor, curves: Curves, attack: str, eps: float
) -> Figure:
    """One digit attacked at `eps` for each model, over the error curves of all."""
    figure, words = Figure(figsize=(7, 5), layout="constrained"), []
    grid = figure.add_gridspec(2, len(models))
    for column, (name, model) in enumerate(models.items()):
        fine = exact(model)
        x_adv = ATTACKS[attack](fine, x.double(), y, eps)
        sure, read = predict(fine, x_adv).probabilities[0].max(dim=0)
        axis = figure.add_subplot(grid[0, column])
        image(axis, x_adv[0], f"{name}\nread as {read} ({sure:.0%})")
        words.append(f"{name} reads {read}, {sure:.0%} sure")
    axis = figure.add_subplot(grid[1, :])
    looks = zip((BLUE, ORANGE, GREEN, PURPLE), ("o-", "s--", "^-.", "D:"), strict=True)
    for name, errors, (colour, dash) in zip(models, curves[attack], looks, strict=False):
        axis.plot(RADII, errors, dash, color=colour, label=name)
    axis.axvline(eps, color=GREY, linewidth=6, alpha=0.35)
    axis.set(xlabel="eps", ylabel="error", ylim=(-0.03, 1.03))
    axis.yaxis.set_major_formatter(PercentFormatter(1.0))
    axis.grid(color="#dddddd")
    axis.legend(ncols=4, loc="lower center", bbox_to_anchor=(0.47, 1.0), frameon=False)
    near = min(range(len(RADII)), key=lambda i: abs(RADII[i] - eps))
    at_near = zip(models, curves[attack], strict=True)
    alt = (
        f"Digit {y.item()} under {attack} at eps {eps:.2f}: {'; '.join(words)}. Error at eps "
        f"{short(RADII[near])}: {', '.join(f'{name} {row[near]:.0%}' for name, row in at_near)}."
    )
    return described(figure, f"defences under {attack}", alt)
