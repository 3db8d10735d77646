"""Figures: functions that take data and return a `Figure` that can describe itself."""

import contextlib
import io
import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import matplotlib as mpl
import torch
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure as _MatplotlibFigure
from matplotlib.font_manager import FontProperties, findfont
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator, PercentFormatter
from matplotlib.transforms import Bbox
from PIL import Image, ImageDraw, ImageFont, ImageOps
from scipy.optimize import isotonic_regression
from torch import Tensor

from advtutor._say import TOLD

# Okabe and Ito's palette: told apart with every common form of colour blindness.
BLUE, ORANGE, GREEN, PURPLE, GREY = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#6b6b6b"
_CYCLE = [BLUE, ORANGE, GREEN, PURPLE, "#56B4E9", "#D55E00"]
_DASHES = ["-", "--", "-.", ":", (0, (5, 1)), (0, (1, 1))]
_MARKERS = ["o", "s", "^", "D", "v", "P"]
# One colour for one model, one dash for one attack, in every figure that names them.
_COLOUR_OF = {"usual": BLUE, "hardened": ORANGE}
_DASH_OF = {"clean": "-", "noise": ":", "one step": "--", "ten steps": "-.", "20 steps": "-."}
# Symmetric and diverging: purple down, orange up, white where nothing moves.
SIGNED = LinearSegmentedColormap.from_list("signed", ["#5e3c99", "#ffffff", "#e66101"])
_STYLE = {
    "font.size": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "legend.frameon": False,
    "lines.linewidth": 2.2,
    "lines.markersize": 6,
}
_DPI, _COLOURS = 72, 128  # 128 colours: small files that are the same bytes on every run
_SHARP = 2  # pixels of the file for each pixel on the page
_BAND = 28  # pixels on the page for a line of words above or below a figure


class Figure(_MatplotlibFigure):
    """A matplotlib figure with a sentence, `alt`, that says what is to be seen.

    As the last line of a cell it shows itself. Viewers that know alt text receive the sentence.
    """

    alt: str = ""
    title: str = "figure"

    @property
    def displayed(self) -> tuple[int, int]:
        """Width and height on the page, in CSS pixels, with the line of its title."""
        width, height = (round(_DPI * inches) for inches in self.get_size_inches())
        return width, height + _BAND

    def png(self, note: str = "") -> bytes:
        """The picture as PNG, twice as sharp as it is displayed, with its title above.

        It has 128 colours; `note` stands in a line of its own below it.
        """
        raw, small = io.BytesIO(), io.BytesIO()
        self.savefig(raw, format="png", dpi=_SHARP * _DPI, facecolor="white")
        picture = Image.open(raw).convert("RGB")
        band = _SHARP * _BAND
        picture = ImageOps.expand(picture, (0, band, 0, band if note else 0), "white")
        draw = ImageDraw.Draw(picture)
        heading = self.title[:1].upper() + self.title[1:]
        draw.text((_SHARP * 8, _SHARP * 7), heading, "black", _font("bold", heading, picture.width))
        if note:
            draw.text((_SHARP * 8, picture.height - _SHARP * 20), note, GREY, _font("normal"))
        picture.quantize(_COLOURS, dither=Image.Dither.NONE).save(small, "png", optimize=True)
        return small.getvalue()

    def __repr__(self) -> str:
        return f"<Figure: {self.title}>"

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, Any], dict[str, Any]]:
        told = {"figure": self.title}
        data = {TOLD: told, "text/plain": repr(self), "image/png": self.png()}
        return data, {"image/png": self.png_metadata()}

    def png_metadata(self, note: str = "") -> dict[str, Any]:
        """What a viewer is told beside the PNG: its sentence, and its size on the page."""
        width, height = self.displayed
        alt = f"{self.alt} {note}".strip()
        return {"alt": alt, "width": width, "height": height + (_BAND if note else 0)}


def _font(weight: str, text: str = "", room: int = 0) -> ImageFont.FreeTypeFont:
    """DejaVu Sans at 12 px on the page, smaller where `text` would not fit into `room` pixels."""
    path = findfont(FontProperties(family="DejaVu Sans", weight=weight))
    for size in range(12 * _SHARP, 7 * _SHARP, -1):
        font = ImageFont.truetype(path, size)
        if font.getlength(text) <= room - 16 * _SHARP or not text:
            break
    return font


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
    return described(figure, title, f"{len(x)} {title}: " + "; ".join(t for t in titles if t))


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

    The step of a grey image is shown from `-eps` (purple) over 0 (white) to `eps` (orange). That of
    a colour image is shown in its own three colours, with grey where nothing moves.
    """
    figure, (left, middle, right) = _grid(1, 3, cell=(7 / 3, 7 / 3 + 1.15))
    moved = (x_adv - x).detach().cpu()
    _show(left, x, before)
    if len(moved) == 1:
        look: dict[str, Any] = {"cmap": SIGNED, "vmin": -eps, "vmax": eps}
        middle.imshow(moved[0].numpy(), interpolation="nearest", **look)
        _signed_key(figure, f"darker by {eps:g}", "unchanged", f"lighter by {eps:g}")
    else:
        middle.imshow((0.5 + moved / (2 * eps)).clamp(0, 1).permute(1, 2, 0).numpy())
        words = f"red, green and blue each move up or down by at most {eps:g}; grey: unchanged"
        figure.supxlabel(words, fontsize=11)
    middle.set_title(f"the step\nmagnified {1 / (2 * eps):.0f} times", fontsize=12)
    middle.set_axis_off()
    _show(right, x_adv, after)
    alt = f"Left: {before}. Middle: the step, at most {eps:g} in each pixel. Right: {after}."
    return described(figure, title, alt.replace("\n", " "))


def curves(
    x: Sequence[float],
    series: Mapping[str, Sequence[float]],
    *,
    xlabel: str,
    ylabel: str,
    percent: bool | Literal["fine"] = False,
    log: Literal["x", "xy"] | None = None,
    spread: Mapping[str, Sequence[float]] | None = None,
    mark: float | None = None,
    title: str = "curves",
) -> Figure:
    """One line for each named series of numbers over `x`, told apart by colour, dash and mark.

    A line's name stands at its end. A name that begins with a model's ("usual", "hardened") has
    that model's colour, one that ends in an attack's ("clean", "noise", "one step", "20 steps")
    that attack's dash. `spread` holds, for some of the series, how far the numbers reach to both
    sides, say over seeds: a band around the line. `mark` is a place of `x` at which each line's
    value is written, of lines of one colour that meet there the highest one's. ValueError for a
    spread without its series or of other length.

    `percent` says that the numbers are fractions to be shown as percentages, of an axis from 0 to
    100 % or, if it is "fine", from 0 to a little above the largest; `log` names the axes
    with a logarithmic scale.
    """
    spread = spread or {}
    for name, reach in spread.items():
        if len(reach) != len(series.get(name, ())):
            raise ValueError(f"spread[{name!r}] has {len(reach)} numbers, its series another count")
    numbers = {name: [float(v) for v in values] for name, values in series.items()}
    shown = {True: "{:.0%}", "fine": "{:.2%}", False: "{:.3g}"}[percent]
    with _axes() as (figure, axis):
        looks = _looks(list(numbers))
        for name, values in numbers.items():
            look = looks[name]
            if name in spread:
                pairs = [(v, float(s)) for v, s in zip(values, spread[name], strict=True)]
                low, high = [v - s for v, s in pairs], [v + s for v, s in pairs]
                axis.fill_between(x, low, high, color=look["color"], alpha=0.2, linewidth=0)
            axis.plot(x, values, label=name, markevery=-(-len(values) // 10), **look)
        axis.set(xlabel=xlabel, ylabel=ylabel)
        whole = all(float(v).is_integer() for v in x)
        axis.xaxis.set_major_locator(
            MaxNLocator("auto" if whole else 6, steps=[1, 2, 2.5, 5, 10], integer=whole)
        )
        if log:
            axis.set_xscale("log")
            if x[0] > 0 and x[-1] < 100 * x[0]:  # too short for powers of ten
                axis.set_xticks(list(x), [f"{v:g}" for v in x])
                axis.minorticks_off()
        if log == "xy":
            axis.set_yscale("log")
        if percent:
            axis.yaxis.set_major_formatter(PercentFormatter(1.0))
            top = 1.1 * max(v for values in numbers.values() for v in values)
            axis.set_ylim(*((0, top) if percent == "fine" else (-0.03, 1.03)))
        _name_the_ends(figure, axis, x, numbers, looks)
        if mark is not None:
            there = {name: row[list(x).index(mark)] for name, row in numbers.items()}
            _mark(figure, axis, mark, there, looks, shown)
    alt = "; ".join(
        f"{name} from {shown.format(v[0])} at {x[0]:g} to {shown.format(v[-1])} at {x[-1]:g}"
        + (f", within {shown.format(float(max(spread[name])))}" if name in spread else "")
        for name, v in numbers.items()
    )
    return described(figure, title, f"{ylabel} over {xlabel}: {alt}.")


def _looks(names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Colour, dash and mark of each series; a known model's colour is nobody else's.

    Where some of the names share what stands before their last comma, as "usual, noise" and
    "usual, one step" do, that part has the colour and the rest has the dash.
    """
    parts = {name: tuple(name.rsplit(", ", 1)) for name in names}
    heads = [part[0] for part in parts.values()]
    if len(set(heads)) == len(heads):  # nothing is shared: each name stands for itself
        parts = {name: (name, name) for name in names}
    heads, tails = ([*dict.fromkeys(part[end] for part in parts.values())] for end in (0, -1))
    models = {h: c for h in heads for known, c in _COLOUR_OF.items() if h.startswith(known)}
    kept = _COLOUR_OF.values() if models else ()
    others = iter([c for c in _CYCLE if c not in kept])
    colours = {head: models.get(head) or next(others) for head in heads}
    known = {t: d for t in tails for attack, d in _DASH_OF.items() if t.endswith(attack)}
    free = iter([d for d in _DASHES if d not in known.values()])
    dashes = {tail: known.get(tail) or next(free) for tail in tails}
    return {
        name: {"color": colours[head], "linestyle": dashes[tail], "marker": _MARKERS[i]}
        for i, (name, (head, *_, tail)) in enumerate((n, (*p, p[-1])) for n, p in parts.items())
    }


def _mark(
    figure: Figure,
    axis: Axes,
    x: float,
    values: Mapping[str, float],
    looks: Mapping[str, dict[str, Any]],
    shown: str,
) -> None:
    """A line through `x`, with the value of each series beside it, where no line runs."""
    figure.draw_without_rendering()
    lines = [line.get_transform().transform_path(line.get_path()) for line in axis.lines]
    axis.axvline(x, color=GREY, linewidth=1)
    taken: list[Bbox] = []
    before, colour = math.inf, None
    for name in sorted(values, key=values.__getitem__, reverse=True):
        height = float(axis.transData.transform((x, values[name]))[1])
        if (before - height) * _DPI / figure.dpi < 5 and looks[name]["color"] == colour:
            continue
        before, colour = height, looks[name]["color"]
        text = axis.annotate(
            shown.format(values[name]),
            (x, values[name]),
            (0, 0),
            textcoords="offset points",
            color=_ink(colour),
            fontweight="bold",
            path_effects=[withStroke(linewidth=3, foreground="white")],
        )
        for right, up in ((-6, 5), (6, -14), (6, 5), (-6, -14)):
            text.set(ha="left" if right > 0 else "right", position=(right, up))
            box = text.get_window_extent()
            met = any(line.intersects_bbox(box, filled=False) for line in lines)
            if not met and not box.count_overlaps(taken) and box.y0 > axis.bbox.y0:
                break
        taken.append(box)


def _name_the_ends(
    figure: Figure,
    axis: Axes,
    x: Sequence[float],
    series: Mapping[str, list[float]],
    looks: Mapping[str, dict[str, Any]],
) -> None:
    """Write each line's name to the right of its last point, moved apart where they would meet."""
    words = {name: textwrap.fill(name, 23) for name in series}
    figure.draw_without_rendering()
    line = 15 * figure.dpi / _DPI  # pixels of one line of words
    ends = {}
    for name, values in series.items():
        last = max((i for i, v in enumerate(values) if v == v), default=0)
        ends[name] = axis.transData.transform((x[last], values[last]))[1]
    low, high = axis.bbox.y0, axis.bbox.y1
    order = sorted(ends, key=ends.__getitem__)
    heights = [line * (words[name].count("\n") + 1) for name in order]
    below = [sum(heights[:i]) + heights[i] / 2 for i in range(len(order))]  # of those underneath
    free = [ends[name] - under for name, under in zip(order, below, strict=True)]
    stacked = isotonic_regression(free).x.clip(low - line, high + line - sum(heights))
    places = dict(zip(order, stacked + below, strict=True))
    for name in series:
        at = (1.03, (places[name] - low) / (high - low))
        ink = _ink(looks[name]["color"])
        axis.text(*at, words[name], transform=axis.transAxes, va="center", color=ink, fontsize=11)


def _ink(colour: str) -> tuple[float, ...]:
    """The colour, dark enough for words on white."""
    return tuple(0.72 * part for part in mpl.colors.to_rgb(colour))


def histogram(
    series: Mapping[str, Sequence[float] | Tensor],
    *,
    xlabel: str,
    bins: int = 40,
    title: str = "distribution",
) -> Figure:
    """How often each value occurs: an outline for each named series. Infinite ones are left out."""
    flat = {name: torch.as_tensor(v).detach().cpu().float().flatten() for name, v in series.items()}
    finite = {name: values[values.isfinite()] for name, values in flat.items()}
    low = min(float(values.min()) for values in finite.values())
    high = max(float(values.max()) for values in finite.values())
    with _axes() as (figure, axis):
        for i, (name, values) in enumerate(finite.items()):
            look: dict[str, Any] = {"fc": (_CYCLE[i], 0.3), "ec": _CYCLE[i], "ls": _DASHES[i]}
            look |= {"label": name, "linewidth": 2.2, "histtype": "stepfilled"}
            axis.hist(values.numpy(), bins, range=(low, high), **look)
        axis.set(xlabel=xlabel, ylabel="how many")
        if len(series) > 1:
            room = 60 // (max(map(len, series)) + 6)  # in letters, with the sample of the line
            figure.legend(loc="outside upper center", ncols=max(1, min(len(series), room, 3)))
    alt = "; ".join(
        f"{name} from {float(v.min()):.3g} to {float(v.max()):.3g}, half of them below "
        f"{float(v.median()):.3g}"
        for name, v in finite.items()
    )
    return described(figure, title, f"{title}, by {xlabel}: {alt}.")


def matrix(
    values: Tensor,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    xlabel: str,
    ylabel: str,
    percent: bool = False,
    title: str = "matrix",
) -> Figure:
    """Numbers `[R, C]` as a table, darker where larger; NaN is left blank.

    `percent` says that the numbers are fractions to be shown as percentages.
    """
    values = values.detach().cpu().double()
    if values.shape != (len(rows), len(columns)):
        raise ValueError(
            f"values has the shape {tuple(values.shape)} for {len(rows)} rows and {len(columns)} "
            "columns of names"
        )
    cells = [(r, c, float(values[r, c])) for r, c in values.isfinite().nonzero().tolist()]
    known = values[values.isfinite()]
    low, high = (0.0, 1.0) if percent else (float(known.min()), float(known.max()))
    shown = "{:.0%}" if percent else "{:.3g}"
    with _axes(7, 1.3 + 0.45 * len(rows), grid=False) as (figure, axis):
        axis.imshow(values.numpy(), cmap="Blues", vmin=low, vmax=high, aspect="auto")
        for row, column, value in cells:
            dark = (value - low) > 0.6 * (high - low)
            small = percent and 0 < value < 0.0995  # 1.6 and 2.0 % are not the same
            text = (f"{value:.1%}" if small else shown.format(value)).rstrip("%")
            ink = "white" if dark else "black"
            axis.text(column, row, text, ha="center", va="center", color=ink)
        slanted: dict[str, Any] = {"rotation": 25, "ha": "right", "rotation_mode": "anchor"}
        long = max(map(len, columns)) > 7
        axis.set_xticks(range(len(columns)), columns, **(slanted if long else {}))
        axis.set_yticks(range(len(rows)), rows)
        axis.set_xlabel(xlabel + (", %" if percent else ""))
        axis.set_ylabel(ylabel, labelpad=10)
    ends = [pick(cells, key=lambda cell: cell[2]) for pick in (min, max)]
    words = [f"{shown.format(v)} ({rows[r]}, {columns[c]})" for r, c, v in ends]
    return described(figure, title, f"{title}: from {words[0]} to {words[1]}.")


def surface(
    x: Sequence[float],
    y: Sequence[float],
    values: Tensor,
    *,
    xlabel: str,
    ylabel: str,
    zlabel: str,
    title: str = "surface",
) -> Figure:
    """Numbers `[len(y), len(x)]` over a plane, as colours with contour lines."""
    values = values.detach().cpu().double().numpy()
    levels = torch.linspace(float(values.min()), float(values.max()), 17).tolist()
    with _axes(6, 4.4, grid=False) as (figure, axis):
        filled = axis.contourf(x, y, values, levels=levels, cmap="cividis", extend="both")
        axis.contour(x, y, values, levels=levels, colors="white", linewidths=0.4)
        if x[0] <= 0 <= x[-1] and y[0] <= 0 <= y[-1]:  # where one stands
            axis.plot(0, 0, marker="o", color="white", markeredgecolor="black", markersize=9)
        inside = MaxNLocator(6).tick_values(levels[0], levels[-1])[1:-1]
        figure.colorbar(filled, label=zlabel, ticks=inside)
        axis.locator_params(nbins=5)  # their labels stay apart
        axis.set(xlabel=xlabel, ylabel=ylabel)
    row, column = divmod(int(values.argmax()), values.shape[1])
    alt = (
        f"{zlabel} from {values.min():.3g} to {values.max():.3g}, largest at "
        f"{xlabel} {x[column]:.3g}, {ylabel} {y[row]:.3g}."
    )
    return described(figure, title, alt)


def ledger(
    names: Sequence[str],
    paper: Sequence[float],
    ours: Sequence[float],
    spread: Sequence[float],
    *,
    title: str = "the paper and the course",
) -> Figure:
    """Shares of the paper (rings) beside the course's (dots), a line for each of `names`.

    All three sequences hold fractions; `spread` is drawn to both sides of `ours`, NaN is none.
    """
    if not len(names) == len(paper) == len(ours) == len(spread):
        raise ValueError("names, paper, ours and spread differ in length; give one of each a row")
    places = range(len(names))
    with _axes(7, 1 + 0.27 * len(names)) as (figure, axis):
        for place, a, b in zip(places, paper, ours, strict=True):
            axis.plot([a, b], [place, place], color=GREY, linewidth=1.5)
        reach = [0.0 if s != s else s for s in spread]
        axis.errorbar(ours, places, xerr=reach, fmt="o", color=BLUE, label="ours", zorder=3)
        ring: dict[str, Any] = {"facecolors": "none", "edgecolors": ORANGE, "linewidths": 2.2}
        axis.scatter(paper, places, s=60, label="the paper's", zorder=4, **ring)
        axis.set_yticks(places, names, fontsize=10)
        axis.set(xlim=(-0.03, 1.03), ylim=(len(names) - 0.4, -0.6))
        axis.xaxis.set_major_formatter(PercentFormatter(1.0))
        figure.legend(loc="outside upper center", ncols=2)
    gaps = [abs(a - b) for a, b in zip(paper, ours, strict=True)]
    far = max(places, key=gaps.__getitem__)
    alt = (
        f"{title}: {len(names)} shares; half of ours lie within "
        f"{sorted(gaps)[len(gaps) // 2]:.1%} of the paper's; furthest apart is {names[far]}, "
        f"{paper[far]:.1%} in the paper and {ours[far]:.1%} here."
    )
    return described(figure, title, alt)


def weights(
    w: Tensor, titles: Sequence[str], *, columns: int = 5, title: str = "weights"
) -> Figure:
    """Weights `[N, H, W]` as pictures, each on its own symmetric scale around zero (white)."""
    rows = -(-len(w) // columns)
    figure, axes = _grid(rows, columns, cell=(7 / columns, 7 / columns + 0.35 + 0.3 / rows))
    for axis in axes:
        axis.set_axis_off()
    for axis, picture, words in zip(axes, w.detach().cpu(), titles, strict=False):
        most = picture.abs().max().item() or 1.0
        axis.imshow(picture.numpy(), cmap=SIGNED, vmin=-most, vmax=most, interpolation="nearest")
        axis.set_title(words, fontsize=12)
    _signed_key(figure, "most negative", "0", "most positive")
    return described(figure, title, f"{title}, orange where positive, purple where negative.")


def _signed_key(figure: Figure, *words: str) -> None:
    """What purple, white and orange mean, below the pictures."""
    patches = [
        Patch(facecolor=SIGNED(at), edgecolor=GREY, label=word)
        for at, word in zip((0.0, 0.5, 1.0), words, strict=True)
    ]
    figure.legend(handles=patches, loc="outside lower center", ncols=3, frameon=False, fontsize=11)


@contextlib.contextmanager
def _axes(
    width: float = 7, height: float = 3.6, *, grid: bool = True
) -> Iterator[tuple[Figure, Axes]]:
    """A figure of one part in the course's style, which holds inside."""
    with mpl.rc_context(_STYLE | {"axes.grid": grid}):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, figure.add_subplot()


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


def described(figure: Figure, title: str, alt: str) -> Figure:
    """The figure with its title and the sentence that says what is to be seen."""
    figure.title, figure.alt = title, alt
    return figure
