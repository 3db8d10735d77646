"""Controls that have a name for screen readers and follow the keyboard: a slider and a list."""

from pathlib import Path

import anywidget
import traitlets

_HERE = Path(__file__).parent


class _Control(anywidget.AnyWidget):
    """What a slider and a list share: a name, and an answer to what the page sends."""

    _esm = _HERE / "controls.js"
    _css = _HERE / "controls.css"
    description = traitlets.Unicode().tag(sync=True)
    sent = traitlets.Int().tag(sync=True)  # by the page
    heard = traitlets.Int().tag(sync=True)  # here; where it stays behind, the page says so

    @traitlets.observe("sent")
    def _answer(self, change: dict[str, int]) -> None:
        self.heard = change["new"]


class Slider(_Control):
    """A slider from `min` to `max` with a visible name and value.

    It reports while it moves. A value beyond its ends becomes the end.
    """

    min = traitlets.Float().tag(sync=True)
    max = traitlets.Float(1.0).tag(sync=True)
    step = traitlets.Float(0.1).tag(sync=True)
    digits = traitlets.Int(2).tag(sync=True)
    percent = traitlets.Bool().tag(sync=True)
    value = traitlets.Float().tag(sync=True)

    @traitlets.validate("value")
    def _within(self, proposal: dict[str, float]) -> float:
        return max(self.min, min(self.max, proposal["value"]))


class WholeSlider(Slider):
    """A `Slider` of whole numbers."""

    min = traitlets.Int().tag(sync=True)
    max = traitlets.Int(10).tag(sync=True)
    step = traitlets.Int(1).tag(sync=True)
    digits = traitlets.Int(0).tag(sync=True)
    value = traitlets.Int().tag(sync=True)


class Choice(_Control):
    """A list to choose one `value` from; `options` are its pairs of a text and a value."""

    labels = traitlets.List(traitlets.Unicode()).tag(sync=True)
    index = traitlets.Int().tag(sync=True)
    value = traitlets.Any()

    def __init__(self, options: list[tuple[str, object]], value: object, **words: object) -> None:
        self.options = options
        index = [each for _, each in options].index(value)
        super().__init__(labels=[text for text, _ in options], index=index, value=value, **words)

    @traitlets.observe("index")
    def _follow_the_page(self, change: dict[str, int]) -> None:
        self.value = self.options[change["new"]][1]

    @traitlets.observe("value")
    def _follow_the_program(self, change: dict[str, object]) -> None:
        self.index = [each for _, each in self.options].index(change["new"])


def slider(
    value: float, low: float, high: float, step: float, *, name: str, digits: int = 3
) -> Slider:
    """A `Slider` from `low` to `high`, its value shown with so many `digits`."""
    ends = {"min": low, "max": high, "step": step}
    return Slider(**ends, digits=digits, description=name, value=value)


def whole_slider(value: int, low: int, high: int, *, name: str) -> WholeSlider:
    """A `slider` for whole numbers."""
    return WholeSlider(min=low, max=high, description=name, value=value)


def choice(options: list, value: object, *, name: str) -> Choice:
    """A list of values, or of pairs of a text and a value, to choose from; it has a visible name.

    ValueError if `value` is none of them.
    """
    pairs = [each if isinstance(each, tuple) else (str(each), each) for each in options]
    return Choice(pairs, value, description=name)
