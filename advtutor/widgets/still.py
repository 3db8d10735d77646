"""What the stored pictures of the widgets have in common."""

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter
from torch import Tensor

from advtutor.plots import BLUE, GREY


def image(axis: Axes, x: Tensor, title: str) -> None:
    """An image `[1 or 3, H, W]` in a frame, under its title."""
    shown = x.expand(3, -1, -1).permute(1, 2, 0).clamp(0, 1)
    axis.imshow(shown.numpy(), interpolation="nearest")
    axis.set(xticks=[], yticks=[])
    axis.set_title(title, fontsize=11)
    for side in axis.spines.values():
        side.set_color(GREY)


def bars(axis: Axes, series: Mapping[str, Tensor]) -> None:
    """Probabilities `[K]`: of two, the first wide and pale, the second narrow and dark upon it."""
    looks = [{"color": "#c4c4c4", "linewidth": 15}, {"color": BLUE, "linewidth": 6}]
    for (name, p), look in zip(series.items(), looks[-len(series) :], strict=True):
        axis.vlines(range(len(p)), 0, p.tolist(), label=name, **look)
    axis.set(xticks=range(len(p)), yticks=[0, 0.5, 1], xlim=(-0.6, len(p) - 0.4), ylim=(0, 1.02))
    axis.yaxis.set_major_formatter(PercentFormatter(1.0))
    axis.spines[["top", "right"]].set_visible(False)


def short(value: float | Tensor) -> str:
    """Three significant digits, as the page's `short` writes them: 0.0798, 5.59, 37,600."""
    return f"{float(f'{float(value):.3g}'):,.15g}"
