"""The one base of the widgets: controls above the picture that a plotting function makes."""

import base64
import html
import warnings
from collections.abc import Callable

import ipywidgets as W

from advtutor.attacks import AttackWarning
from advtutor.plots import Figure

_STILL = "A still picture: in JupyterLab with ipywidgets, run the cell to move it."
# A white card, also on a dark theme: the figures have a white face.
_CARD = "max-width:100%;height:auto;background:white;border-radius:6px"


def picture_html(figure: Figure) -> str:
    """The figure as an `<img>` with its sentence; its size is said, so that nothing jumps."""
    width, height = figure.displayed
    data = base64.b64encode(figure.png()).decode()
    alt = html.escape(figure.alt, quote=True)
    return (
        f'<img alt="{alt}" width="{width}" height="{height}" style="{_CARD}" '
        f'src="data:image/png;base64,{data}">'
    )


def sentence_html(error: Exception | str) -> str:
    """What stands in a picture's place: a sentence, read out by screen readers."""
    words = str(error)
    if isinstance(error, Exception) and not isinstance(error, ValueError):
        words = f"{type(error).__name__}: {words}"
    return f'<p role="alert">No picture for these values. {html.escape(words)}</p>'


def still(figure: Figure) -> tuple[dict[str, object], dict[str, object]]:
    """What is saved beside a widget, as data and metadata: shown where no widget can be."""
    data: dict[str, object] = {"image/png": figure.png(note=_STILL)}
    return data, {"image/png": figure.png_metadata(note=_STILL)}


class Explorer(W.VBox):
    """Controls above the picture that `draw(**values)` makes of their values.

    `draw` returns a `plots.Figure`; its sentence is the picture's alt text and follows the
    controls. The picture is replaced in place, without flicker. Saved notebooks carry it as a PNG,
    so that it is also seen without a kernel. What goes wrong in `draw` is told in the picture's
    place, and the controls stay alive. What an attack warns of stands under the picture.

    Redraws do not queue up: the page sends a control's next value when the last one has been
    drawn, and leaves out those in between; a value that is drawn already is not drawn again.

    A ValueError of the first picture is told in its place, too; any other error is raised, where
    it can be mended.
    """

    def __init__(self, draw: Callable[..., Figure], **controls: W.Widget) -> None:
        self._draw, self._named = draw, controls
        self._picture = W.HTML()
        self._figure: Figure | None = None
        self._drawn: dict[str, object] | None = None
        try:
            self._redraw()
        except ValueError as error:
            self._picture.value = sentence_html(error)
        for control in controls.values():
            control.observe(self._on_change, names="value")
        super().__init__([*controls.values(), self._picture])

    def _redraw(self) -> None:
        values = {name: control.value for name, control in self._named.items()}
        if values == self._drawn:
            return
        self._drawn = None
        with warnings.catch_warnings(record=True) as caught:
            figure = self._draw(**values)
        told: list[str] = []
        for warning in caught:
            if not issubclass(warning.category, AttackWarning):
                warnings.warn_explicit(
                    warning.message, warning.category, warning.filename, warning.lineno
                )
            elif str(warning.message) not in told:
                told.append(str(warning.message))
        words = "".join(
            f'<p role="note" style="max-width:36rem">{html.escape(text)}</p>' for text in told
        )
        self._picture.value = picture_html(figure) + words
        self._figure, self._drawn = figure, values

    def _on_change(self, _change: object) -> None:
        try:
            self._redraw()
        except Exception as error:
            self._picture.value = sentence_html(error)

    def __repr__(self) -> str:
        return f"<Explorer: {self._figure.title if self._figure else 'no picture'}>"

    def _repr_mimebundle_(self, **kwargs: object) -> tuple[dict[str, object], dict[str, object]]:
        data = {**super()._repr_mimebundle_(**kwargs), "text/plain": repr(self)}
        if self._figure is None:
            return data, {}
        saved, metadata = still(self._figure)
        return data | saved, metadata
