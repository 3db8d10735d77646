"""Predictions: what the reader expects, said before the run and compared after it."""

import base64
import json
from collections.abc import Sequence
from typing import Any

import anywidget
import ipywidgets as W
import traitlets

from advtutor._say import TOLD, tell
from advtutor.widgets.base import css, script

_ANSWERS: dict[str, Any] = {}  # answers by name, so that a cell run again keeps them


class Number(anywidget.AnyWidget):
    """A slider from `low` to `high`, named "your number"; `percent` shows shares as percentages."""

    _esm = script() + "\nexport default { render };"
    _css = css()
    kind = traitlets.Unicode("number").tag(sync=True)
    state = traitlets.Dict().tag(sync=True)
    value = traitlets.Float().tag(sync=True)

    def __init__(self, value: float, low: float, high: float, *, percent: bool) -> None:
        super().__init__(value=value, state={"low": low, "high": high, "percent": percent})


class Prediction(W.VBox):
    """A question with choices or a bounded number; never required, never right or wrong."""

    def __init__(
        self,
        name: str,
        control: W.ValueWidget,
        offers: list[str],
        bounds: dict[str, object] | None = None,
    ) -> None:
        self._name, self._offers, self._bounds = name, offers, bounds or {}
        self._value = _ANSWERS.get(name)
        control.observe(self._remember, names="value")
        super().__init__([W.HTML("<b>Your prediction</b>"), control])

    @property
    def value(self) -> Any:
        """What was predicted; None before an answer."""
        return self._value

    def _remember(self, change: dict[str, object]) -> None:
        self._value = _ANSWERS[self._name] = change["new"]

    def compare(self, measured: Any, *, unit: str = "", reveal: bool = True) -> None:
        """Print the prediction beside what came out.

        `measured` is one of the choices, or a number; `unit="%"` shows fractions as percentages.
        With `reveal=False` what came out stays hidden until there is a prediction, for a riddle
        whose stored output must not give it away.
        """
        a_choice, hidden = isinstance(measured, str), self.value is None and not reveal
        words = measured if a_choice else _shown(float(measured), unit)
        out = f"{'it came out:' if a_choice else 'measured'} {words}"
        lines = [] if hidden else [out]
        if self.value is None:
            lines.append("you made no prediction: choose one above and run this cell again")
        elif a_choice:
            same = " (as it came out)" if self.value == measured else ""
            lines.append(f"you predicted: {self.value}{same}")
        else:
            gap = _shown(float(self.value) - float(measured), unit)
            lines.append(f"you predicted {_shown(float(self.value), unit)}, off by {gap}")
        came_out = measured if a_choice else float(measured)
        here = {"came out": out, "measured": came_out}
        if hidden:  # sealed, so that a page can tell it to whoever has answered there
            sealed = base64.b64encode(json.dumps(here).encode()).decode()
            here = {"came out": None, "measured": None, "sealed": sealed}
        here["predicted"] = self.value
        tell("\n".join(lines), {"prediction": self._name}, here)

    def __repr__(self) -> str:
        return f"Your prediction: {' / '.join(self._offers)}"

    def _repr_mimebundle_(self, **kwargs: object) -> tuple[dict[str, object], dict[str, object]]:
        told = {"prediction": self._name, "offers": self._offers}
        data = {**super()._repr_mimebundle_(**kwargs), TOLD: told, "text/plain": repr(self)}
        return data, {TOLD: self._bounds}


def predict(
    name: str,
    choices: Sequence[str] | None = None,
    *,
    low: float | None = None,
    high: float | None = None,
    unit: str = "",
) -> Prediction:
    """Ask for a prediction: one of `choices`, or a number between `low` and `high`.

    `name` keeps the answer when the cell is run again. `unit="%"` shows fractions as percentages.

    Raises ValueError unless there are either two choices or more, or both bounds.
    """
    if choices is not None:
        if len(set(choices)) < 2 or len(set(choices)) != len(choices):
            raise ValueError(f"choices is {list(choices)}; give two or more different ones")
        if _ANSWERS.get(name) not in choices:
            _ANSWERS.pop(name, None)
        control = W.RadioButtons(
            options=list(choices),
            value=_ANSWERS.get(name),
            layout=W.Layout(width="auto"),
        )
        return Prediction(name, control, list(choices))
    if low is None or high is None or not low < high:
        raise ValueError(f"low is {low}, high {high}; give choices, or two bounds with low < high")
    start = float(_ANSWERS.get(name, low))
    control = Number(start, low, high, percent=unit == "%")
    offer = f"a number from {_shown(low, unit)} to {_shown(high, unit)}"
    return Prediction(name, control, [offer], {"low": low, "high": high, "unit": unit})


def _shown(value: float, unit: str) -> str:
    return f"{100 * value:.1f} %" if unit == "%" else f"{value:.3g} {unit}".strip()
