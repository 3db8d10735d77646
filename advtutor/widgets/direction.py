"""The direction explorer: which class is read where, in a plane around a digit."""

from functools import partial

import torch
from matplotlib import colormaps
from matplotlib.colors import ListedColormap
from torch import Tensor, nn

from advtutor import attacks
from advtutor.evaluation import predict
from advtutor.plots import Figure, described
from advtutor.widgets.base import Explorer, chance, exact, handed_over
from advtutor.widgets.still import image

REACH, GRID = 0.4, 31


def direction_explorer(model: nn.Module, x: Tensor, y: Tensor) -> Explorer:
    """The plane of the gradient's sign and a random sign around each digit: what is read where.

    `x` are digits `[N, 1, H, W]` of classes `y` `[N]`.
    """
    draw = partial(picture, model, x[:1], y[:1], 0.0, 0.0)
    return Explorer("direction", draw, {"": model}, **handed_over(x, y), start={"digit": 0})


def plane(
    model: nn.Module, x: Tensor, y: Tensor, grid: int = GRID
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The plane around `x` along `u`, the gradient's sign, and `v`, a random sign: `u, v, t, read`.

    `read` `[grid, grid]` is the class at `x + t[j] * u + t[i] * v`, unclipped.
    """
    u = (attacks.fgsm(model, x, y, 1.0, clip=None) - x).sign()
    v, t = chance(x).sign(), torch.linspace(-REACH, REACH, grid, dtype=x.dtype)
    points = x + t.reshape(1, -1, 1, 1, 1) * u + t.reshape(-1, 1, 1, 1, 1) * v
    return u, v, t, predict(model, points.flatten(0, 1)).classes.view(grid, grid)


def picture(model: nn.Module, x: Tensor, y: Tensor, along: float, across: float) -> Figure:
    """Where one stands in the plane of a digit `[1, 1, H, W]`, and the image there."""
    model, x = exact(model), x.double()
    u, v, t, classes = plane(model, x, y)
    here = x + along * u + across * v
    sure, read = predict(model, here).probabilities[0].max(dim=0)
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axis, beside = figure.subplots(1, 2, width_ratios=(3, 2))
    present = classes.unique().tolist()
    index = torch.tensor([present.index(k) for k in classes.flatten().tolist()])
    shades = colormaps["cividis"].resampled(max(2, len(present)))(range(len(present)))
    shades[:, :3] = 0.45 + 0.55 * shades[:, :3]  # light enough for black letters
    axis.imshow(
        index.view_as(classes).numpy(),
        cmap=ListedColormap(shades),
        origin="lower",
        extent=(-REACH, REACH, -REACH, REACH),
        interpolation="nearest",
    )
    for k in present:
        row, column = _middle(classes == k)
        x, y = t[[column, row]].clamp(-0.9 * REACH, 0.9 * REACH).tolist()
        axis.text(x, y, str(k), ha="center", va="center", fontsize=15)
    axis.plot(along, across, "o", ms=11, mfc="white", mec="black", mew=2.2, clip_on=False)
    axis.set(xlabel="along the gradient's sign", ylabel="along a random sign")
    axis.set_title("which class is read where", fontsize=11)
    image(beside, here[0], f"here: read as {read}\n({sure:.0%} sure)")
    part = (classes == read).double().mean()
    alt = (
        f"At {along:.2f} along the gradient's sign and {across:.2f} along a random sign the digit "
        f"is read as {read}, {sure:.0%} sure; the plane, to {REACH} each way, holds regions of "
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
