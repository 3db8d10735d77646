"""A slider for a number to predict."""

import anywidget
import traitlets

from advtutor.widgets.base import css, script


class Number(anywidget.AnyWidget):
    """A slider from `low` to `high`, named "your number"; `percent` shows shares as percentages."""

    _esm = script() + "\nexport default { render };"
    _css = css()
    kind = traitlets.Unicode("number").tag(sync=True)
    state = traitlets.Dict().tag(sync=True)
    value = traitlets.Float().tag(sync=True)

    def __init__(self, value: float, low: float, high: float, *, percent: bool) -> None:
        super().__init__(value=value, state={"low": low, "high": high, "percent": percent})
