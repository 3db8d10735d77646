"""Predictions: what the reader expects, said before the run and compared after it."""

from collections.abc import Sequence
from typing import Any

import ipywidgets as W

from advtutor._say import say
from advtutor.widgets.number import Number

_ANSWERS: dict[str, Any] = {}  # answers by name, so that a cell run again keeps them


class Prediction(W.VBox):
    """A question with choices or a bounded number; never required, never right or wrong."""

    def __init__(self, name: str, control: W.ValueWidget, offer: str) -> None:
        self._name, self._offer = name, offer
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
        if self.value is None and not reveal:
            pass
        elif isinstance(measured, str):
            say(f"it came out: {measured}")
        else:
            say(f"measured {_shown(float(measured), unit)}")
        if self.value is None:
            say("you made no prediction: choose one above and run this cell again")
        elif isinstance(measured, str):
            same = self.value == measured
            say(f"you predicted: {self.value}" + (" (as it came out)" if same else ""))
        else:
            gap = float(self.value) - float(measured)
            say(f"you predicted {_shown(float(self.value), unit)}, off by {_shown(gap, unit)}")

    def __repr__(self) -> str:
        return f"Your prediction: {self._offer}"

    def _repr_mimebundle_(self, **kwargs: object) -> dict[str, object]:
        return {**super()._repr_mimebundle_(**kwargs), "text/plain": repr(self)}


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
        return Prediction(name, control, " / ".join(choices))
    if low is None or high is None or not low < high:
        raise ValueError(f"low is {low}, high {high}; give choices, or two bounds with low < high")
    start = float(_ANSWERS.get(name, low))
    control = Number(start, low, high, percent=unit == "%")
    offer = f"a number from {_shown(low, unit)} to {_shown(high, unit)}"
    return Prediction(name, control, offer)


def _shown(value: float, unit: str) -> str:
    return f"{100 * value:.1f} %" if unit == "%" else f"{value:.3g} {unit}".strip()
