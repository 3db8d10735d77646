"""Controls with a name for screen readers that follow the keyboard: slider, list and button."""

from collections.abc import Callable
from pathlib import Path

import anywidget
import traitlets

_HERE = Path(__file__).parent


def together(*names: str) -> str:
    """The files of these `names` beside this module, as one text."""
    return "\n".join((_HERE / name).read_text(encoding="utf-8") for name in names)


class Answering(anywidget.AnyWidget):
    """A widget that answers what the page sends; where no answer comes, the page says so."""

    sent = traitlets.Int().tag(sync=True)  # by the page
    heard = traitlets.Int().tag(sync=True)  # here

    @traitlets.observe("sent")
    def _answer(self, change: dict[str, int]) -> None:
        self.heard = change["new"]


class _Control(Answering):
    """What a slider, a list and a button share: a name, and their page's side."""

    _esm = together("answer.js", "controls.js")
    _css = together("answer.css", "controls.css")
    description = traitlets.Unicode().tag(sync=True)


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


class Button(_Control):
    """A button; `on_click` says what it does. A disabled one cannot be pressed."""

    clicks = traitlets.Int().tag(sync=True)
    disabled = traitlets.Bool().tag(sync=True)
    primary = traitlets.Bool().tag(sync=True)  # the one that a reader is to press first

    def on_click(self, act: Callable[[], object]) -> None:
        """Call `act()` at each click from now on."""
        self.observe(lambda _: act(), "clicks")

    def click(self) -> None:
        """What a press in the page does; nothing while it is disabled."""
        if not self.disabled:
            self.clicks += 1


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
