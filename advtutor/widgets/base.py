"""What the widgets share: Python draws the stored picture, the browser does what moves."""

import base64
import copy
import html
import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import anywidget
import torch
import traitlets
from torch import Tensor, nn

from advtutor import live
from advtutor._say import TOLD
from advtutor.attacks import AttackWarning
from advtutor.live import page
from advtutor.plots import Figure

_HERE = Path(__file__).parent
_STILL = "A still picture: in JupyterLab with ipywidgets, run the cell to move it."
_VIEW = "application/vnd.jupyter.widget-view+json"
KINDS = (
    *("eps", "direction", "dimension", "stepper", "defence", "overfitting"),
    *("photo", "draw", "training", "number"),
)
MOST = 100  # digits that a slider offers


def script() -> str:
    """The engine and the widgets on it, which `render({model, el})` puts into a page."""
    own = [f"{name}.js" for name in ("parts", *KINDS, "page")]
    return "\n".join([live.engine(), page.shared(), *map(_text, own)])


def css() -> str:
    """How the widgets look."""
    return _text("widgets.css")


def _text(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


class Explorer(anywidget.AnyWidget):
    """A picture whose controls live in the page: moving them asks the kernel nothing.

    `draw` makes the picture that is stored, at the controls' first values; `networks` and `state`
    go to the page once. A network with a layer that the engine in the browser does not know is
    shown by the stored picture alone, and a ValueError of `draw` by its sentence.
    """

    _esm = script() + "\nexport default { render };"
    _css = css()
    kind = traitlets.Unicode().tag(sync=True)
    state = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        kind: str,
        draw: Callable[[], Figure],
        networks: Mapping[str, nn.Module] | None = None,
        **state: Any,
    ) -> None:
        self._figure: Figure | None = None
        self._fault, packed = "", []
        models = networks or {}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", AttackWarning)
                self._figure = draw()
            for model in models.values():  # in half precision where that loses nothing
                short = all(torch.equal(w, w.half().to(w.dtype)) for w in model.parameters())
                packed.append(live.pack(model, state["shape"], half=short))
        except live.UnknownLayer as error:
            self._fault = f"A still picture: the engine in the browser has no layer {error.layer}."
        except ValueError as error:
            self._fault = f"No picture for these values. {error}"
        known = {} if self._fault else {**state, "names": list(models), "networks": packed}
        super().__init__(kind=kind, state=known)

    def __repr__(self) -> str:
        return f"<Explorer: {self._figure.title if self._figure else 'no picture'}>"

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        told = {"widget": self.kind, "figure": self._figure.title if self._figure else ""}
        data: dict[str, Any] = {TOLD: told, "text/plain": repr(self)}
        metadata = {}
        if not self._fault:
            data[_VIEW] = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        if self._figure is not None:
            data["image/png"] = self._figure.png(note=_STILL)
            metadata["image/png"] = self._figure.png_metadata(note=_STILL)
        if self._fault:
            data["text/html"] = self._told()
        return data, metadata

    def _told(self) -> str:
        """The sentence of what is wrong, under the picture if there is one."""
        words = f'<p role="note">{html.escape(self._fault)}</p>'
        if self._figure is None:
            return words
        (width, height), alt = self._figure.displayed, html.escape(self._figure.alt, quote=True)
        data = base64.b64encode(self._figure.png()).decode()
        look = "max-width:100%;height:auto;background:white"
        size = f'width="{width}" height="{height}" style="{look}"'
        return f'<img alt="{alt}" {size} src="data:image/png;base64,{data}">{words}'


def place(kind: str, *, instead: bool = False) -> str:
    """Where a widget goes in a page without a kernel; `instead` of the stored picture before it."""
    return f'<div class="advtutor-mount" data-kind="{kind}" data-instead="{instead}"></div>'


def network_script(name: str, packed: bytes) -> str:
    """A network for such a page, as a script; the states of several widgets can name it."""
    letters = json.dumps(base64.b64encode(packed).decode())
    return f'(window.advtutorNetworks ??= {{}})["{name}"] = {letters};\n'


def state_script(widget: Explorer, networks: Sequence[str] = ()) -> str:
    """What `widget` shows, as a script that precedes `script()`; its `networks` by name."""
    state = widget.state
    if networks:
        state = {**state, "networks": [{"network": name} for name in networks]}
    text = json.dumps({"kind": widget.kind, "state": state}, default=_in_letters)
    return f'(window.advtutorStates ??= {{}})["{widget.kind}"] = {json.dumps(text)};\n'


def mount() -> str:
    """Shows the widgets of a page at their places: after `script()`, in one classic script."""
    return _text("mount.js")


def _in_letters(content: bytes) -> dict[str, str]:
    return {"base64": base64.b64encode(content).decode()}


def exact(model: nn.Module) -> nn.Module:
    """A copy in float64 and eval mode: the engine's sums of probabilities are as fine."""
    return copy.deepcopy(model).double().eval()


def handed_over(x: Tensor, y: Tensor) -> dict[str, Any]:
    """Images `[N, C, H, W]`, labels `[N]` and noise for the page, no more than a slider offers."""
    x, y = x[:MOST], y[:MOST]
    floats = {"x": x, "chance": chance(x)}
    given = {name: v.detach().cpu().float().numpy().tobytes() for name, v in floats.items()}
    return {"shape": list(x.shape[1:]), "y": y.tolist(), **given}


def chance(x: Tensor) -> Tensor:
    """Numbers from -1 to 1 like one of the images `x`: the noise of a widget, on both sides."""
    return 2 * torch.rand(x[:1].shape, generator=torch.Generator().manual_seed(0)) - 1
