"""Figures: functions that take data and return a `Figure` that can describe itself."""

import io
from collections.abc import Mapping, Sequence

import matplotlib as mpl
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure as _MatplotlibFigure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from PIL import Image
from torch import Tensor

# Okabe and Ito's palette: told apart with every common form of colour blindness.
BLUE, ORANGE, GREEN, PURPLE, GREY = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#6b6b6b"
_CYCLE = [BLUE, ORANGE, GREEN, PURPLE, "#56B4E9", "#D55E00"]
_DASHES = ["-", "--", "-.", ":", (0, (5, 1)), (0, (1, 1))]
_MARKERS = ["o", "s", "^", "D", "v", "P"]
# Symmetric and diverging: purple down, orange up, white where nothing moves.
_SIGNED = LinearSegmentedColormap.from_list("signed", ["#5e3c99", "#ffffff", "#e66101"])
_STYLE = {
    "font.size": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "legend.frameon": False,
    "lines.linewidth": 2.2,
    "lines.markersize": 6,
}
_DPI, _COLOURS = 72, 64  # small files that are the same bytes on every run


class Figure(_MatplotlibFigure):
    """A matplotlib figure with a sentence, `alt`, that says what is to be seen.

    As the last line of a cell it shows itself. Viewers that know alt text receive the sentence.
    """

    alt: str = ""
    title: str = "figure"

    def png(self) -> bytes:
        """The picture as PNG: 72 dpi, 64 colours."""
        raw, small = io.BytesIO(), io.BytesIO()
        self.savefig(raw, format="png", dpi=_DPI, facecolor="white")
        picture = Image.open(raw).convert("RGB")
        picture.quantize(_COLOURS, dither=Image.Dither.NONE).save(small, "png", optimize=True)
        return small.getvalue()

    def __repr__(self) -> str:
        return f"<Figure: {self.title}>"

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, object], dict[str, object]]:
        data = {"text/plain": repr(self), "image/png": self.png()}
        return data, {"image/png": {"alt": self.alt}}


def images(
    x: Tensor,
    titles: Sequence[str] | None = None,
    *,
    columns: int = 8,
    title: str = "images",
) -> Figure:
    """Images `[N, C, H, W]` in [0, 1] in rows of `columns`, each under its title."""
    titles = [""] * len(x) if titles is None else list(titles)
    if len(titles) != len(x):
        raise ValueError(f"titles has {len(titles)} entries for {len(x)} images; give one for each")
    side, columns = 7 / columns, min(columns, len(x))
    rows = -(-len(x) // columns)
    figure, axes = _grid(rows, columns, cell=(side, side + 0.35))
    for axis, image, words in zip(axes, x, titles, strict=False):
        _show(axis, image, words)
    for axis in axes[len(x) :]:
        axis.set_axis_off()
    return _described(figure, title, f"{len(x)} {title}: " + "; ".join(t for t in titles if t))


def step(
    x: Tensor,
    x_adv: Tensor,
    before: str,
    after: str,
    *,
    eps: float,
    title: str = "image, step and result",
) -> Figure:
    """One image `[C, H, W]`, the step magnified until it is seen, and the result.

    The step is shown on a scale from `-eps` (purple) over 0 (white) to `eps` (orange), summed over
    the colours by the one that moves most.
    """
    figure, (left, middle, right) = _grid(1, 3, cell=(7 / 3, 7 / 3 + 0.6))
    moved = (x_adv - x).detach().cpu()
    strongest = moved.gather(0, moved.abs().argmax(dim=0, keepdim=True))[0]
    _show(left, x, before)
    middle.imshow(strongest.numpy(), cmap=_SIGNED, vmin=-eps, vmax=eps, interpolation="nearest")
    middle.set_title(f"the step\nmagnified {1 / (2 * eps):.0f} times", fontsize=12)
    middle.set_axis_off()
    _show(right, x_adv, after)
    alt = f"Left: {before}. Middle: the step, at most {eps:g} in each pixel. Right: {after}."
    return _described(figure, title, alt.replace("\n", " "))


def curves(
    x: Sequence[float],
    series: Mapping[str, Sequence[float]],
    *,
    xlabel: str,
    ylabel: str,
    percent: bool = False,
    log: bool = False,
    title: str = "curves",
) -> Figure:
    """One line for each named series of numbers over `x`, told apart by colour, dash and mark.

    `percent` says that the numbers are fractions to be shown as percentages; `log` sets both axes
    to logarithmic scales.
    """
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(7, 4), layout="constrained")
        axis = figure.add_subplot()
        for i, (name, values) in enumerate(series.items()):
            look = {"color": _CYCLE[i], "linestyle": _DASHES[i], "marker": _MARKERS[i]}
            every = -(-len(values) // 10)
            axis.plot(x, [float(v) for v in values], label=name, markevery=every, **look)
        axis.set_xlabel(xlabel)
        axis.set_ylabel(ylabel)
        if all(float(v).is_integer() for v in x):
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        if log:
            axis.set_xscale("log")
            axis.set_yscale("log")
        if percent:
            axis.yaxis.set_major_formatter(PercentFormatter(1.0))
            axis.set_ylim(-0.03, 1.03)
        room = 60 // (max(map(len, series)) + 6)  # in letters, with the sample of the line
        figure.legend(loc="outside upper center", ncols=max(1, min(len(series), room, 3)))
    shown = "{:.0%}" if percent else "{:.3g}"
    alt = "; ".join(
        f"{name} from {shown.format(float(v[0]))} at {x[0]:g} to {shown.format(float(v[-1]))} "
        f"at {x[-1]:g}"
        for name, v in series.items()
    )
    return _described(figure, title, f"{ylabel} over {xlabel}: {alt}.")


def weights(
    w: Tensor, titles: Sequence[str], *, columns: int = 5, title: str = "weights"
) -> Figure:
    """Weights `[N, H, W]` as pictures, each on its own symmetric scale around zero (white)."""
    figure, axes = _grid(-(-len(w) // columns), columns, cell=(7 / columns, 7 / columns + 0.35))
    for axis in axes:
        axis.set_axis_off()
    for axis, picture, words in zip(axes, w.detach().cpu(), titles, strict=False):
        most = picture.abs().max().item() or 1.0
        axis.imshow(picture.numpy(), cmap=_SIGNED, vmin=-most, vmax=most, interpolation="nearest")
        axis.set_title(words, fontsize=12)
    return _described(figure, title, f"{title}, orange where positive, purple where negative.")


def _grid(rows: int, columns: int, cell: tuple[float, float]) -> tuple[Figure, list]:
    with mpl.rc_context(_STYLE):
        size = (columns * cell[0], rows * cell[1])
        figure = Figure(figsize=size, layout="constrained")
        return figure, list(figure.subplots(rows, columns, squeeze=False).flat)


def _show(axis, image: Tensor, words: str) -> None:
    picture = image.detach().cpu().float().numpy()
    if picture.shape[0] == 1:
        axis.imshow(picture[0], cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    else:
        axis.imshow(picture.transpose(1, 2, 0).clip(0, 1), interpolation="nearest")
    axis.set_title(words, fontsize=12)
    axis.set_axis_off()


def _described(figure: Figure, title: str, alt: str) -> Figure:
    figure.title, figure.alt = title, alt
    return figure
