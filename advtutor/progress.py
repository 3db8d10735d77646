"""Progress: which exercises are done, kept in a small file that holds their names and no code."""

import contextlib
import json
import os
import re
from datetime import date
from pathlib import Path

from platformdirs import user_data_dir

from advtutor._files import users_path, whole_file
from advtutor._say import tell


def _of_notebooks() -> dict[str, tuple[str, ...]]:
    """For each notebook its exercises, in the course's order, read from the exercises' files.

    Read and not imported: an exercise brings torch, and stands on a higher floor.
    """
    found: list[tuple[str, int, str]] = []
    for path in (Path(__file__).parent / "exercises").glob("[a-z]*.py"):
        text = path.read_text(encoding="utf-8")
        if place := re.search(r'notebook="(\w+)",\s+number=(\d+)', text):
            found.append((place[1], int(place[2]), path.stem))
    return {
        notebook: tuple(name for other, _, name in sorted(found) if other == notebook)
        for notebook in sorted({notebook for notebook, _, _ in found})
    }


EXERCISES = _of_notebooks()

_here: set[str] = set()  # done in this process, whether or not a file can be written


def progress_file() -> Path | None:
    """Where progress is kept; None if `ADVTUTOR_PROGRESS=off`, or if the user has no home.

    `ADVTUTOR_PROGRESS` may also name another file.
    """
    if os.environ.get("ADVTUTOR_PROGRESS", "").lower() in ("off", "0", "no"):
        return None
    return users_path(
        "ADVTUTOR_PROGRESS", lambda: f"{user_data_dir('advtutor', 'advtutor')}/progress.json"
    )


def record(exercise: str) -> None:
    """Note that `exercise` is done. A file that cannot be written costs the note and no more."""
    _here.add(exercise)
    path = progress_file()
    if path is None or exercise in (known := _stored(path)):
        return
    text = json.dumps({"done": known | {exercise: date.today().isoformat()}}, indent=1)
    with contextlib.suppress(OSError), whole_file(path) as new:
        new.write_text(text, encoding="utf-8")


def done() -> set[str]:
    """The names of the exercises that are done, now or in an earlier session."""
    path = progress_file()
    return _here | (set(_stored(path)) if path else set())


def show(notebook: str) -> None:
    """Print one line with the exercises of `notebook`: ✓ where done, ○ where not.

    Raises ValueError for a notebook that the course does not have.
    """
    if notebook not in EXERCISES:
        raise ValueError(f"there is no notebook {notebook!r}; there are {', '.join(EXERCISES)}")
    finished = done()
    marks = {name: "✓" if name in finished else "○" for name in EXERCISES[notebook]}
    tell(
        "exercises of this notebook   "
        + "   ".join(f"{mark} {name}" for name, mark in marks.items()),
        {"progress": marks},
    )


def _stored(path: Path) -> dict[str, str]:
    """What the file says; nothing if it is missing or spoilt."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))["done"]
        return {str(name): str(day) for name, day in stored.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
