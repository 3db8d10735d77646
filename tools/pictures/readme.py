"""Take README's picture out of notebook 00, so that it shows what the notebook makes."""

import base64
from pathlib import Path

import nbformat

from tools.notebooks.source import NOTEBOOKS, ROOT, notebook_path

TITLE = "<Figure: the photo, what was added to it, and the sum>"


def picture(path: Path) -> bytes:
    """The PNG of the figure TITLE in the notebook at `path`; LookupError where there is none."""
    for cell in nbformat.read(path, as_version=4).cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if data.get("text/plain") == TITLE:
                return base64.b64decode(data["image/png"])
    raise LookupError(f"{path} holds no {TITLE}; build it: make notebooks")


if __name__ == "__main__":
    target = ROOT / "docs" / "images" / "start.png"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(picture(notebook_path("00_start_here", "learner", NOTEBOOKS)))
    print(f"wrote {target.relative_to(ROOT)}")
