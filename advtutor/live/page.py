"""The website's first page: an attack on two networks that the visitor makes, in one script."""

import base64
import json
import zlib
from importlib.resources import files
from typing import Any

from advtutor.data import mnist
from advtutor.live import engine, networks

_EACH = 3  # digits of each class, the first of the test set


def html() -> str:
    """The page's part of the document."""
    return _text("attack.html")


def css() -> str:
    """How it looks."""
    return _text("attack.css")


def script() -> str:
    """One classic script: the engine, the networks and digits that ship, and the page's own."""
    shipped = f"const SHIPPED = {json.dumps(_shipped())};"
    parts = ['"use strict";', engine(), shipped, shared(), _text("attack.js")]
    return "(() => {\n" + "\n".join(parts) + "\n})();\n"


def shared() -> str:
    """What this page and the widgets have in common: pictures, and a drawing area."""
    return _text("shared.js") + _text("drawing.js")


def _text(name: str) -> str:
    return files("advtutor").joinpath("live", "page", name).read_text("utf-8")


def _shipped() -> dict[str, Any]:
    index = _index()
    digits = mnist().test
    of_class = [(digits.y == k).nonzero()[:_EACH, 0].tolist() for k in range(10)]
    chosen = [numbers[row] for row in range(_EACH) for numbers in of_class]  # 0 to 9, three times
    pixels = (255 * digits.x[chosen]).round().byte().numpy().tobytes()
    return {
        "networks": {
            name: {
                "bytes": base64.b64encode(packed).decode(),
                "sum": zlib.crc32(packed),
                "recipe": f"trained on {index[name]['trained on']}",
            }
            for name, packed in networks().items()
        },
        "digits": {
            "index": chosen,
            "labels": digits.y[chosen].tolist(),
            "pixels": base64.b64encode(pixels).decode(),
        },
    }


def table() -> str:
    """What was measured of the networks, as a table in Markdown."""
    columns = {"clean": "as they are", "FGSM": "one step", "20 steps": "20 steps"}
    columns["sign noise"] = "noise"
    lines = [f"| network | {' | '.join(columns.values())} |", "|---" * (len(columns) + 1) + "|"]
    for name, entry in _index().items():
        errors = [f"{entry['error'][kind]:.1%}" for kind in columns]
        lines.append(f"| {name} | {' | '.join(errors)} |")
    return "\n".join(lines)


def _index() -> dict[str, Any]:
    text = files("advtutor").joinpath("assets", "live", "index.json").read_text("utf-8")
    return json.loads(text)
