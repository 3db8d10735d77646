"""The learner's own copy of the notebooks: what was written in it is never overwritten."""

import hashlib
import json
from pathlib import Path

import advtutor

FOLDER = "advtutor-course"
STATE = ".advtutor-course.json"


class CourseError(Exception):
    """The notebooks cannot be copied; the text says why and what to do."""


def clone() -> Path | None:
    """The folder of the clone that this package lies in; None for a package installed as a wheel.

    A clone is known by the pyproject.toml beside the package.
    """
    root = Path(advtutor.__file__).resolve().parent.parent
    return root if (root / "pyproject.toml").is_file() else None


def notebooks() -> Path:
    """The folder of the notebooks that belong to this installation, `solutions/` in it.

    Raises CourseError where there are none.
    """
    root = clone()
    here = root or Path(advtutor.__file__).resolve().parent
    if (here / "notebooks" / "00_start_here.ipynb").is_file():
        return here / "notebooks"
    if root is None:
        raise CourseError(
            "there are no notebooks in this installation. Install it again: pip install "
            "--force-reinstall --no-deps advtutor"
        )
    raise CourseError(
        f"{here / 'notebooks'} lacks them. Bring them back: git checkout -- notebooks"
    )


def copy_into(folder: Path) -> list[str]:
    """Bring the notebooks of this version into `folder`, and say what was done, a line for each.

    A notebook that is not there is copied. One that still is as it was copied makes way for a
    newer one; one that was changed stays, and the newer one is put beside it, under a name with its
    version. Raises CourseError where the folder cannot be written.
    """
    source = notebooks()
    try:
        known = _read_state(folder)
        said = [
            line
            for path in sorted([*source.glob("*.ipynb"), *source.glob("solutions/*.ipynb")])
            for line in _bring(path.relative_to(source), path.read_bytes(), folder, known)
        ]
        _write(folder / STATE, json.dumps(known, indent=1).encode())
    except OSError as fault:
        raise CourseError(
            f"cannot write {fault.filename or folder}: {fault.strerror or fault}. Name a folder of "
            "your own, as in advtutor lab ~/course"
        ) from None
    return said


def _bring(name: Path, new: bytes, folder: Path, known: dict[str, str]) -> list[str]:
    """Bring one notebook; `known` holds the sums of the copies that were made, and is brought up
    to date."""
    mine, key = folder / name, name.as_posix()
    was, now = known.get(key), _sum(new)
    known[key] = now
    if not mine.exists():
        _write(mine, new)
        return [] if was is None else [f"{key} was gone: copied again"]
    there = _sum(mine.read_bytes())
    if now in (there, was):
        return []
    if there == was:
        _write(mine, new)
        return [f"{key} brought to version {advtutor.__version__}; you had not changed it"]
    beside = mine.with_name(f"{mine.stem}-{advtutor.__version__}.ipynb")
    if not beside.exists():
        _write(beside, new)
    return [f"{key} stays as you have it; that of this version is {beside.name}, beside it"]


def _sum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _read_state(folder: Path) -> dict[str, str]:
    try:
        known = json.loads((folder / STATE).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}  # then each notebook that differs counts as changed, which loses nothing
    return known if isinstance(known, dict) else {}


def _write(path: Path, content: bytes) -> None:
    """The whole file, or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.new")
    try:
        new.write_bytes(content)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
