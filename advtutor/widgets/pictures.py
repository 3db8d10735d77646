"""The pictures of the explorers: plain functions of their settings, each a static `Figure`.

Images `x` are `[1, C, H, W]` in [0, 1], labels `y` `[1]`, `eps` in the units of the pixels. A model
whose logits are not finite is a ValueError that says so.
"""

import csv
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from importlib.resources import files
from typing import Any, NamedTuple

import matplotlib as mpl
import torch
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator, PercentFormatter
from torch import Tensor, nn

from advtutor import attacks, plots
from advtutor.evaluation import evaluate, predict
from advtutor.plots import BLUE, GREY, ORANGE, Figure, described

_STYLE = {
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 2.2,
}
_LINES = [(BLUE, "-", "o"), (ORANGE, "--", "s"), ("#009E73", "-.", "^"), ("#CC79A7", ":", "D")]


def _rgb(image: Tensor) -> Tensor:
    """`[1 or 3, H, W]` as `[H, W, 3]` in [0, 1]."""
    return image.expand(3, -1, -1).permute(1, 2, 0).clamp(0, 1)


class Plane(NamedTuple):
    """The plane through a digit along two sign vectors `u` and `v`: what is read where.

    classes `[G, G]`: the class at `x + t[j] * u + t[i] * v`, unclipped.
    """

    x: Tensor
    u: Tensor
    v: Tensor
    t: Tensor
    classes: Tensor


def plane(
    model: nn.Module, x: Tensor, y: Tensor, *, reach: float = 0.4, grid: int = 31, seed: int = 0
) -> Plane:
    """The plane spanned by the sign of the gradient (`u`) and a random sign (`v`), around `x`."""
    u = (attacks.fgsm(model, x, y, 1.0, clip=None) - x).sign()
    coin = torch.rand(x.shape, generator=torch.Generator().manual_seed(seed))
    v = torch.where(coin < 0.5, -1.0, 1.0)
    t = torch.linspace(-reach, reach, grid)
    points = x + t.reshape(1, -1, 1, 1, 1) * u + t.reshape(-1, 1, 1, 1, 1) * v
    return Plane(x, u, v, t, predict(model, points.flatten(0, 1)).classes.view(grid, grid))


def direction_picture(model: nn.Module, plane: Plane, along: float, across: float) -> Figure:
    """Where one stands in a `plane`, `along` the gradient's sign and `across` it, and the image."""
    here = plane.x + along * plane.u + across * plane.v
    sure, read = predict(model, here).probabilities[0].max(dim=0)
    figure = _figure(7, 4.2)
    axis = figure.add_axes((0.11, 0.15, 0.47, 0.75))
    present = plane.classes.unique().tolist()
    index = torch.tensor([present.index(k) for k in plane.classes.flatten().tolist()])
    shades = mpl.colormaps["cividis"].resampled(max(2, len(present)))(range(len(present)))
    shades[:, :3] = 0.45 + 0.55 * shades[:, :3]  # light enough for black letters
    reach = float(plane.t[-1])
    box = (-reach, reach, -reach, reach)
    look: dict[str, Any] = {
        "origin": "lower",
        "extent": box,
        "aspect": "auto",
        "interpolation": "nearest",
    }
    axis.imshow(index.view_as(plane.classes).numpy(), cmap=ListedColormap(shades), **look)
    for k in present:
        row, column = _middle(plane.classes == k)
        place = (float(plane.t[column]), float(plane.t[row]))
        axis.text(*place, str(k), ha="center", va="center", fontsize=15, weight="bold")
    axis.axhline(0, color="white", linewidth=1)
    axis.axvline(0, color="white", linewidth=1)
    axis.plot(along, across, "o", ms=11, mfc="white", mec="black", mew=2.2, clip_on=False)
    axis.set(xlabel="along the gradient's sign", ylabel="along a random sign")
    axis.set_title("which class is read where", fontsize=11)
    picture = figure.add_axes((0.64, 0.2, 0.34, 0.62))
    _image(picture, here[0].clamp(0, 1))
    _frame(picture)
    picture.set_title(f"here: read as {read}\n({sure:.0%} sure)", fontsize=11)
    part = (plane.classes == read).float().mean()
    alt = (
        f"At {along:.3g} along the gradient's sign and {across:.3g} along a random sign the digit "
        f"is read as {read}, {sure:.0%} sure; the plane, to {reach:.3g} each way, holds regions of "
        f"{', '.join(map(str, present))}, and {read} fills {part:.0%} of it."
    )
    return described(figure, "class regions around a digit", alt)


def _middle(mask: Tensor) -> tuple[int, int]:
    """A cell deep inside the cells that are true: where a label can stand."""
    left = mask.clone()
    while True:
        inner = nn.functional.max_pool2d(1 - left[None, None].float(), 3, 1, 1)[0, 0] == 0
        inner[0] = inner[-1] = inner[:, 0] = inner[:, -1] = False
        if not inner.any():
            row, column = left.nonzero()[len(left.nonzero()) // 2].tolist()
            return row, column
        left = inner


def dimension_picture(n: int, eps: float) -> Figure:
    """How far a unit with `n` standard normal weights is moved: aligned signs against a coin's.

    The expected sizes, `eps * n * sqrt(2 / pi)` and `eps * sqrt(2 * n / pi)` (paper, section 3).
    """
    sizes = torch.logspace(0, 5, 40)

    def aligned(m: Any) -> Any:
        return eps * m * (2 / torch.pi) ** 0.5

    def coin(m: Any) -> Any:
        return eps * (2 * m / torch.pi) ** 0.5

    with mpl.rc_context(_STYLE):
        figure = _figure(7, 3.8)
        axis = figure.add_axes((0.12, 0.16, 0.85, 0.7))
        series = {"signs of the weights": aligned, "signs from a coin": coin}
        for (name, f), (colour, dash, mark) in zip(series.items(), _LINES, strict=False):
            axis.plot(sizes.numpy(), f(sizes).numpy(), color=colour, linestyle=dash, label=name)
            axis.plot(n, f(n), mark, color=colour, ms=10, mec="black")
            axis.annotate(f"  {f(n):.3g}", (n, f(n)), ha="left", va="top", fontsize=12)
        axis.axvline(n, color=GREY, linewidth=1)
        axis.set(xscale="log", yscale="log", xlim=(1, 3e5), ylim=(5e-3, 2e5))
        axis.set(xlabel="number of inputs n", ylabel="how far the unit moves")
        axis.grid(color="#dddddd")
        axis.minorticks_off()  # hundreds of them cost half of the redraw
        _legend(figure, axis)
    alt = (
        f"With {n:,} inputs and eps {eps:.3g}, signs of the weights move the unit by "
        f"{aligned(n):.3g}, signs from a coin by {coin(n):.3g}: {aligned(n) / coin(n):.2g} times."
    )
    return described(figure, "a unit with n inputs", alt)


def path(
    model: nn.Module, x: Tensor, y: Tensor, eps: float, *, steps: int = 12, seed: int = 0
) -> Tensor:
    """The points of PGD with a random start and steps of `eps / 4`: `[steps + 1, C, H, W]`."""
    start = attacks.uniform_noise(None, x, y, eps, generator=torch.Generator().manual_seed(seed))
    points = [start]
    for _ in range(steps):
        stepped = attacks.fgsm(model, points[-1], y, eps / 4)
        points.append(torch.clamp(stepped, x - eps, x + eps))
    return torch.cat(points)


def stepper_picture(
    model: nn.Module, x: Tensor, y: Tensor, points: Tensor, eps: float, step: int
) -> Figure:
    """PGD at one `step` of its path `points`: the image, the walls of the ball, and the loss."""
    p = predict(model, points).probabilities
    loss = -p[:, y.item()].clamp(min=1e-12).log()
    read, sure = int(p[step].argmax()), float(p[step].max())
    figure = _figure(7, 3.5)
    picture = figure.add_axes((0.01, 0.17, 0.27, 0.6))
    _image(picture, points[step])
    _frame(picture)
    picture.set_title(f"step {step}: read as {read}\n({sure:.0%} sure)", fontsize=11)

    walk = (points - x).flatten(1)
    first, second = _two_pixels(x.flatten(), walk, eps)
    walls = figure.add_axes((0.37, 0.17, 0.26, 0.6))
    low, high = (-x).flatten().clamp(min=-eps), (1 - x).flatten().clamp(max=eps)
    corner = (float(low[first]), float(low[second]))
    size = (float(high[first] - low[first]), float(high[second] - low[second]))
    walls.add_patch(Rectangle(corner, *size, fc="#f0f0f0", ec="black", lw=2.2))
    pair = walk[:, [first, second]].numpy()
    walls.plot(*pair.T, color="#56B4E9", lw=2, clip_on=False)
    walls.plot(*pair[: step + 1].T, "o-", color=BLUE, ms=4, clip_on=False)
    walls.plot(*pair[step], "o", ms=11, mfc=ORANGE, mec="black", mew=2, clip_on=False)
    walls.set(xlim=(-1.15 * eps, 1.15 * eps), ylim=(-1.15 * eps, 1.15 * eps))
    walls.set(xticks=[-eps, 0, eps], yticks=[-eps, 0, eps])
    walls.set_title("two of its pixels,\nand the walls", fontsize=11)
    walls.set_xlabel("change of one")

    curve = figure.add_axes((0.73, 0.17, 0.25, 0.6))
    curve.plot(loss.numpy(), "o-", color=BLUE, ms=4)
    curve.plot(step, float(loss[step]), "o", ms=11, mfc=ORANGE, mec="black", mew=2, clip_on=False)
    curve.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    curve.set_title("the loss,\nstep by step", fontsize=11)
    curve.set_xlabel("step")
    on_walls = ((points[step] - x).abs() > eps - 1e-6).float().mean()
    alt = (
        f"Step {step} of {len(points) - 1} inside eps {eps:.3g}: digit {y.item()} is read as "
        f"{read}, {sure:.0%} sure; the loss went from {loss[0]:.3g} to {loss[step]:.3g}, and "
        f"{on_walls:.0%} of the pixels stand at a wall of the ball."
    )
    return described(figure, "PGD step by step", alt)


def _two_pixels(x: Tensor, walk: Tensor, eps: float) -> tuple[int, int]:
    """Two pixels worth watching: one that moves about inside, and one that does otherwise."""
    inside = (walk.abs() < 0.95 * eps).float().mean(dim=0)
    free = ((x > eps) & (x < 1 - eps)).float()  # no wall of [0, 1] inside the ball
    travelled = walk.diff(dim=0).abs().sum(dim=0)
    worth = (1 + free) * inside
    first = int((travelled * worth).argmax())
    other = (travelled + (walk - walk[:, first : first + 1]).abs().sum(dim=0)) * worth
    other[first] = -1
    return first, int(other.argmax())


class _Run(NamedTuple):
    step: float
    epoch: int
    clean: float
    fgsm: float
    pgd: float


@cache
def overfitting_runs() -> tuple[_Run, ...]:
    """What `tools/ledger/overfitting.py` measured: accuracies on 1,000 digits at eps 0.25."""
    text = files("advtutor").joinpath("assets/overfitting.csv").read_text(encoding="utf-8")
    rows = csv.reader(text.splitlines()[1:])
    return tuple(_Run(float(s), int(e), *map(float, rest)) for s, e, *rest in rows)


OVERFITTING_STEPS = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
"""The step sizes of fast training that were measured, in units of eps."""


def overfitting_picture(step: float) -> Figure:
    """Fast training with a `step` of so many eps: what FGSM and PGD leave of the accuracy.

    Measured beforehand, one run for each step size: 3 epochs of a `ConvNet` on 60,000 digits
    (Wong, Rice, Kolter, arXiv 2001.03994, section 5). ValueError for a step not measured.
    """
    if step not in OVERFITTING_STEPS:
        raise ValueError(f"step is {step}; these were measured: {OVERFITTING_STEPS}")
    runs = overfitting_runs()
    last = {r.step: r for r in runs}  # the last epoch of each
    mine = [r for r in runs if r.step == step]
    names = {"clean": "clean", "one step (FGSM)": "fgsm", "20 steps (PGD)": "pgd"}
    with mpl.rc_context(_STYLE):
        figure = _figure(7, 3.8)
        left, right = (figure.add_axes((at, 0.16, 0.38, 0.62)) for at in (0.11, 0.59))
        for (name, key), (colour, dash, mark) in zip(names.items(), _LINES, strict=False):
            look: dict[str, Any] = {
                "color": colour,
                "linestyle": dash,
                "marker": mark,
                "label": name,
            }
            left.plot(list(last), [getattr(r, key) for r in last.values()], **look)
            right.plot([r.epoch for r in mine], [getattr(r, key) for r in mine], **look)
        left.axvline(step, color=GREY, linewidth=6, alpha=0.35)
        left.set(xlabel="step size / eps", ylabel="accuracy")
        left.set_title("after the last epoch", fontsize=11)
        right.set(xlabel="epoch", xticks=[r.epoch for r in mine])
        right.set_title(f"step of {step:g} eps", fontsize=11)
        for axis in (left, right):
            axis.set_ylim(-0.03, 1.03)
            axis.yaxis.set_major_formatter(PercentFormatter(1.0))
            axis.grid(color="#dddddd")
        _legend(figure, left)
    end = last[step]
    alt = (
        f"Fast training with a step of {step:g} eps ends at {end.clean:.0%} clean accuracy, "
        f"{end.fgsm:.0%} under one step and {end.pgd:.0%} under 20 steps, at eps 0.25."
    )
    return described(figure, "step size against accuracy", alt)


def photo_picture(
    model: nn.Module, names: Sequence[str], x: Tensor, y: Tensor, eps: float
) -> Figure:
    """A photo `[1, 3, H, W]`, one gradient-sign step, and the sum, with what `model` reads."""

    def read(image: Tensor) -> str:
        sure, k = predict(model, image).probabilities[0].max(dim=0)
        return f"{names[k]}\n({sure:.0%} sure)"

    x_adv = attacks.fgsm(model, x, y, eps)
    title = "a photo and its step"
    return plots.step(x[0], x_adv[0], read(x), read(x_adv), eps=eps or 1e-3, title=title)


def training_picture(
    batches: Sequence[int], loss: Sequence[float], clean: Sequence[float], fgsm: Sequence[float]
) -> Figure:
    """How a training went: the loss, and the clean and the FGSM error, after so many batches."""
    with mpl.rc_context(_STYLE):
        figure = _figure(7, 3.4)
        left, right = (figure.add_axes((at, 0.16, 0.38, 0.64)) for at in (0.09, 0.59))
        left.plot(batches, loss, color=BLUE)
        for name, row, (colour, dash, mark) in [
            ("clean error", clean, _LINES[0]),
            ("FGSM error", fgsm, _LINES[1]),
        ]:
            every = max(1, len(row) // 8)
            right.plot(batches, row, dash, color=colour, marker=mark, markevery=every, label=name)
        left.set_title("loss of the batches", fontsize=11)
        left.set_ylim(0, 1.1 * max(loss, default=1.0))
        right.set_ylim(-0.03, 1.03)
        right.yaxis.set_major_formatter(PercentFormatter(1.0))
        for axis in (left, right):
            axis.set_xlim(0, 1.03 * max(batches, default=100))
            axis.set_xlabel("batches")
            axis.grid(color="#dddddd")
        _legend(figure, right)
        if not batches:
            left.text(0.5, 0.5, "not started yet", transform=left.transAxes, ha="center")
    if not batches:
        return described(figure, "a training", "Two empty panels: no training has run yet.")
    alt = (
        f"After {batches[-1]} batches the loss went from {loss[0]:.3g} to {loss[-1]:.3g}, the "
        f"clean error from {clean[0]:.0%} to {clean[-1]:.0%}, the FGSM error from {fgsm[0]:.0%} to "
        f"{fgsm[-1]:.0%}."
    )
    return described(figure, "a training", alt)


def drawn_picture(
    models: Mapping[str, nn.Module],
    x: Tensor,
    found: Mapping[str, tuple[Tensor, float]],
    eps: float,
) -> Figure:
    """What one or two models read in a drawn digit, and what an attack at `eps` makes of it.

    `found[name]` is the attacked digit like `x` and the smallest eps that changes the model's
    mind; empty before an attack.
    """
    height = 2.5 * len(models)
    figure = _figure(7, height)
    words = []
    for row, (name, model) in enumerate(models.items()):
        top = 1 - (0.4 + 2.4 * row) / height
        series = {"as drawn": predict(model, x).probabilities[0]}
        shown, (sure, read) = x, series["as drawn"].max(dim=0)
        text = f"{name} reads {read}, {sure:.0%} sure"
        if name in found:
            shown, least = found[name]
            series["attacked"] = predict(model, shown).probabilities[0]
            sure, read = series["attacked"].max(dim=0)
            text += f"; attacked: {read}, {sure:.0%} sure (smallest eps {least:.3f})"
        words.append(text)
        picture = figure.add_axes((0.01, top - 1.65 / height, 0.27, 1.65 / height))
        _image(picture, shown[0])
        _frame(picture)
        figure.text(0.01, top + 0.1 / height, text, fontsize=10.5)
        bars = figure.add_axes((0.37, top - 1.65 / height, 0.61, 1.5 / height))
        _bars(bars, series, legend=False)
    alt = ". ".join(words) + (f". The attack's eps is {eps:.3g}." if found else ".")
    return described(figure, "a drawn digit and what is read", alt)


DEFENCE_ATTACKS: dict[str, Callable[..., Tensor]] = {
    "noise": attacks.sign_noise,
    "one step (FGSM)": attacks.fgsm,
    "20 steps (PGD)": partial(attacks.pgd, steps=20, random_start=False, early_stop=True),
}
"""The attacks of `defence_picture`, by the names of its control."""

RADII = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3)


def error_curves(
    models: Mapping[str, nn.Module], x: Tensor, y: Tensor, attack: str
) -> dict[str, list[float]]:
    """The error of each model on `x` `[N, C, H, W]`, at each of `RADII`, under `attack`."""
    made = DEFENCE_ATTACKS[attack]
    return {
        name: [evaluate(model, x, y, partial(made, eps=e)).error for e in RADII]
        for name, model in models.items()
    }


def defence_picture(
    models: Mapping[str, nn.Module],
    x: Tensor,
    y: Tensor,
    curves: Mapping[str, Sequence[float]],
    attack: str,
    eps: float,
) -> Figure:
    """One digit attacked at `eps` for each of up to four models, over their `error_curves`."""
    with mpl.rc_context(_STYLE):
        figure = _figure(7, 5)
        words = []
        for i, (name, model) in enumerate(models.items()):
            x_adv = DEFENCE_ATTACKS[attack](model, x, y, eps)
            sure, read = predict(model, x_adv).probabilities[0].max(dim=0)
            middle = (i + 0.5) / len(models)
            axis = figure.add_axes((middle - 0.11, 0.58, 0.22, 0.308))
            _image(axis, x_adv[0])
            _frame(axis)
            axis.set_title(f"{name}\nread as {read} ({sure:.0%})", fontsize=10)
            words.append(f"{name} reads {read}, {sure:.0%} sure")
        axis = figure.add_axes((0.11, 0.12, 0.86, 0.34))
        for (name, errors), (colour, dash, mark) in zip(curves.items(), _LINES, strict=False):
            axis.plot(RADII, errors, color=colour, linestyle=dash, marker=mark, label=name)
        axis.axvline(eps, color=GREY, linewidth=6, alpha=0.35)
        axis.set(xlabel="eps", ylabel="error", ylim=(-0.03, 1.03))
        axis.yaxis.set_major_formatter(PercentFormatter(1.0))
        axis.grid(color="#dddddd")
        words_at = {"loc": "lower center", "bbox_to_anchor": (0.47, 1.0)}
        axis.legend(ncols=4, columnspacing=1.2, fontsize=10, frameon=False, **words_at)
    near = min(range(len(RADII)), key=lambda i: abs(RADII[i] - eps))
    found = ", ".join(f"{name} {row[near]:.0%}" for name, row in curves.items())
    alt = (
        f"Digit {y.item()} under {attack} at eps {eps:.3g}: {'; '.join(words)}. "
        f"Error at eps {RADII[near]:g}: {found}."
    )
    return described(figure, f"defences under {attack}", alt)


def _figure(width: float, height: float) -> Figure:
    return Figure(figsize=(width, height))  # axes are placed by hand: several times faster


def _image(axis: Axes, image: Tensor) -> None:
    if len(image) == 1:
        axis.imshow(image[0].numpy(), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    else:
        axis.imshow(_rgb(image).numpy(), interpolation="nearest")


def _frame(axis: Axes) -> None:
    axis.set(xticks=[], yticks=[])
    for side in axis.spines.values():
        side.set(visible=True, color=GREY, linewidth=1)


def _bars(axis: Axes, series: Mapping[str, Tensor], *, legend: bool) -> None:
    """Probabilities `[K]`: of two, the first wide and pale, the second narrow and dark upon it."""
    looks = [{"color": "#c4c4c4", "linewidth": 15}, {"color": BLUE, "linewidth": 6}]
    for (name, p), look in zip(series.items(), looks[-len(series) :], strict=True):
        axis.vlines(range(len(p)), 0, p.tolist(), label=name, **look)
    axis.set(xticks=range(len(p)), yticks=[0, 0.5, 1], xlim=(-0.6, len(p) - 0.4), ylim=(0, 1.02))
    axis.yaxis.set_major_formatter(PercentFormatter(1.0))
    axis.spines[["top", "right"]].set_visible(False)
    if legend:
        words = {"loc": "lower left", "bbox_to_anchor": (-0.05, 1.0), "columnspacing": 1.2}
        axis.legend(ncols=2, frameon=False, handlelength=1.2, fontsize=10, **words)


def _legend(figure: Figure, axis: Axes) -> None:
    handles, labels = axis.get_legend_handles_labels()
    figure.legend(handles, labels, loc="upper center", ncols=3, frameon=False)
