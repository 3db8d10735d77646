"""Pictures with controls: every widget is a plotting function whose arguments have sliders."""

import base64
import html
from collections.abc import Callable

import ipywidgets as W

from advtutor.plots import Figure


class Explorer(W.VBox):
    """Controls above the picture that `draw(**values)` makes of their values.

    `draw` returns a `plots.Figure`; its sentence is the picture's alt text and follows the
    controls. The picture is replaced in place, without flicker. Saved notebooks carry it as a PNG,
    so that it is also seen without a kernel. What goes wrong in `draw` is told in the picture's
    place, and the controls stay alive.
    """

    def __init__(self, draw: Callable[..., Figure], **controls: W.Widget) -> None:
        self._draw, self._named = draw, controls
        self._picture = W.HTML()
        self._figure = self._redraw()  # a mistake in `draw` shows here, where it can be mended
        for control in controls.values():
            control.observe(self._on_change, names="value")
        super().__init__([*controls.values(), self._picture])

    def _redraw(self) -> Figure:
        figure = self._draw(**{name: control.value for name, control in self._named.items()})
        data = base64.b64encode(figure.png()).decode()
        alt = html.escape(figure.alt, quote=True)
        self._picture.value = f'<img alt="{alt}" src="data:image/png;base64,{data}">'
        return figure

    def _on_change(self, _change: object) -> None:
        try:
            self._figure = self._redraw()
        except Exception as error:
            words = html.escape(f"{type(error).__name__}: {error}")
            self._picture.value = f'<p role="alert">No picture for these values. {words}</p>'

    def __repr__(self) -> str:
        return f"<Explorer: {self._figure.title}>"

    def _repr_mimebundle_(self, **kwargs: object) -> dict[str, object]:
        data = super()._repr_mimebundle_(**kwargs)
        return {**data, "text/plain": repr(self), "image/png": self._figure.png()}


def slider(
    value: float, low: float, high: float, step: float, *, name: str, digits: int = 3
) -> W.FloatSlider:
    """A slider with a visible name and value; it reports when it is let go or a key is pressed."""
    return W.FloatSlider(
        value=value,
        min=low,
        max=high,
        step=step,
        description=name,
        readout_format=f".{digits}f",
        continuous_update=False,
        layout=W.Layout(width="min(100%, 32rem)"),
        style={"description_width": "initial"},
    )
