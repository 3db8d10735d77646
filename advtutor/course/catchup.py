"""Catch up: what a learner who is behind needs to start a notebook; what they wrote stays.

Each notebook imports what the ones before it built, so any of them can start alone. What a learner
misses is the notebook itself, where theirs is lost, and the answers to the exercises before it.
"""

import ast
import contextlib
import difflib
import importlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from IPython.core.inputtransformer2 import TransformerManager

from advtutor.course import workspace
from advtutor.course.doctor import Finding, classifier, digits, photo

FOLDER = "catch-up"
NAME = re.compile(r"\d\d_\w+")
CHECKED = re.compile(r"^(\w+) = checks\.\1\(\1\)$", re.MULTILINE)
LINK = re.compile(r"(?<=\]\()(\d\d_\w+)(?=\.ipynb\))")
BACK = re.compile(r" \(solved\)\n\n\*The exercises are filled in here\.[^\n]*\*\n")
PROGRESS_OFF = """\
# The answers in here are not yours: running them leaves your own progress as it is.
import os

os.environ["ADVTUTOR_PROGRESS"] = "off"
"""

Notebook = dict[str, Any]


class CatchUpError(Exception):
    """No state can be made to start from; the text says why and what to do."""


@dataclass
class Outcome:
    """The notebook to open, and what was done and found, a plain line each."""

    start: Path
    lines: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def catch_up(wanted: str, notebooks: Path | None = None) -> Outcome:
    """Make a state in which the notebook `wanted` can start: "03", "3" or its whole name.

    notebooks: the learner's folder; None looks in this folder, then in the clone. Nothing that
    lies there is overwritten. Raises CatchUpError where there is no such notebook, no notebooks,
    or no way to write.
    """
    folder = learners_folder(notebooks)
    solutions = solved_notebooks(folder)
    name = choose(wanted, sorted(solutions))
    solved = _read(solutions[name])
    if solved is None:
        raise CatchUpError(f"{solutions[name]} cannot be read. Get the course again.")
    fresh = unfilled(solved)
    try:
        outcome = _startable(name, folder, fresh)
        _copy_answers(name, folder, solutions, outcome)
    except OSError as fault:
        raise CatchUpError(
            f"cannot write {fault.filename or folder}: {fault.strerror or fault}. Name a folder of "
            f"your own: advtutor catch-up {name[:2]} --notebooks DIR"
        ) from None
    for finding in needed(fresh):
        if finding.state == "problem":
            outcome.faults.append(f"{finding.name}: {finding.found}. {finding.remedy}")
    return outcome


def learners_folder(given: Path | None = None) -> Path:
    """The folder of the learner's notebooks: the given one, this one, its notebooks/, the clone's.

    Raises CatchUpError where there is none.
    """
    if given is not None:
        if not given.is_dir():
            raise CatchUpError(f"there is no folder {given}. Make it, or name another.")
        return given
    places = [Path(), Path("notebooks"), Path(workspace.FOLDER)]
    if (root := workspace.clone()) is not None:
        places.append(root / "notebooks")
    for place in places:
        if _notebooks_in(place):
            return place
    raise CatchUpError(
        "there are no notebooks of the course in this folder. Go to the folder that holds them, or "
        "name it: advtutor catch-up 03 --notebooks DIR"
    )


def solved_notebooks(folder: Path) -> dict[str, Path]:
    """The solved notebooks by name: those beside the learner's, or else the course's own.

    Raises CatchUpError where there are none.
    """
    places = [folder / "solutions"]
    with contextlib.suppress(workspace.CourseError):
        places.append(workspace.notebooks() / "solutions")
    for place in places:
        if found := _notebooks_in(place):
            return found
    raise CatchUpError(
        f"there are no solved notebooks in {places[0]}, and a catch-up is made from them. Get the "
        "course's clone and name its folder: advtutor catch-up 03 --notebooks CLONE/notebooks"
    )


def choose(wanted: str, names: list[str]) -> str:
    """The name that "3", "03", or the name itself stands for; otherwise CatchUpError."""
    key = Path(wanted).stem if wanted.endswith(".ipynb") else wanted
    if key in names:
        return key
    if key.isdecimal():
        found = [name for name in names if int(name[:2]) == int(key)]
        if found:
            return found[0]
        nearest = min(names, key=lambda name: abs(int(name[:2]) - int(key)))
    else:
        nearest = (difflib.get_close_matches(key, names, n=1, cutoff=0) or names)[0]
    raise CatchUpError(
        f"there is no notebook {wanted}. The nearest is {nearest}: advtutor catch-up {nearest[:2]}"
    )


def unfilled(solved: Notebook) -> Notebook:
    """The learner's notebook that belongs to a solved one: the stubs empty, the rest as it is."""
    made: Notebook = json.loads(json.dumps(solved))
    for cell in made["cells"]:
        text = _source(cell)
        if cell["cell_type"] == "markdown":
            cell["source"] = BACK.sub("\n", text).replace("](../", "](")
            continue
        for exercise in CHECKED.findall(text):
            text = _emptied(text, exercise)
        if text != _source(cell) or text.startswith("progress.show("):
            cell["outputs"], cell["execution_count"] = [], None
        cell["source"] = text
    made["metadata"].setdefault("advtutor", {})["kind"] = "learner"
    return made


def fault_of(path: Path, fresh: Notebook) -> str:
    """Why the learner's notebook at `path` cannot be worked in; nothing where it can."""
    stored = _read(path)
    if stored is None:
        return "cannot be read as a notebook"
    there = {cell.get("id") for cell in stored["cells"]}
    lost = sum(cell["id"] not in there for cell in fresh["cells"])
    if lost:
        return f"lacks {lost} of its {len(fresh['cells'])} cells"
    transform = TransformerManager().transform_cell
    for number, cell in enumerate(stored["cells"], start=1):
        if cell["cell_type"] == "code":
            try:
                ast.parse(transform(_source(cell)))
            except SyntaxError as fault:
                return f"stops at its cell {number}: {fault.msg}"
    return ""


def needed(notebook: Notebook) -> Iterator[Finding]:
    """What the notebook needs, as findings: its modules, its data and its weights."""
    code = "\n\n".join(_source(cell) for cell in notebook["cells"] if cell["cell_type"] == "code")
    for node in ast.walk(ast.parse(TransformerManager().transform_cell(code))):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules = [node.module]
        else:
            continue
        for module in modules:
            yield from _import_of(module)
    looked_at: dict[str, Callable[[], Iterator[Finding]]] = {
        "mnist()": digits,
        "imagenet_classifier(": classifier,
        "data.photo(": photo,
        "checks.break_": _defences,
        "pretrained(": _maxout,
    }
    for word, look in looked_at.items():
        if word in code:
            yield from look()


def _import_of(module: str) -> Iterator[Finding]:
    try:
        importlib.import_module(module)
    except Exception as fault:
        remedy = "Run `advtutor doctor`; it says what to install."
        yield Finding(module, "problem", f"{type(fault).__name__}: {fault}", remedy)


def _defences() -> Iterator[Finding]:
    from advtutor.checks.defences import WEIGHTS

    yield from _weights("the defences' weights", lambda: WEIGHTS.read_bytes())


def _maxout() -> Iterator[Finding]:
    from advtutor.claims.weights import pretrained

    yield from _weights("the maxout weights", lambda: pretrained("maxout"))


def _weights(name: str, load: Callable[[], object]) -> Iterator[Finding]:
    try:
        load()
    except Exception as fault:
        text = f"{type(fault).__name__}: {fault}"
        yield Finding(name, "problem", text, "Install the course again.")


def _startable(name: str, folder: Path, fresh: Notebook) -> Outcome:
    """The learner's notebook where it can be worked in, or a fresh one beside what is there."""
    path = folder / f"{name}.ipynb"
    if not path.exists():
        _write_new(path, fresh)
        return Outcome(path, [f"wrote {path}: it was missing"])
    fault = fault_of(path, fresh)
    if not fault:
        return Outcome(path, [f"kept {path} as it is"])
    beside, state = _beside(folder, f"{name}-fresh", fresh)
    return Outcome(beside, [f"kept {path}, which {fault}", f"{state} {beside}: a fresh one"])


def _copy_answers(name: str, folder: Path, solutions: dict[str, Path], outcome: Outcome) -> None:
    """Copies of the solved notebooks before `name`, into catch-up/, marked as nobody's progress."""
    answers = folder / FOLDER
    written = 0
    earlier = [each for each in sorted(solutions) if each < name]
    if earlier:
        answers.mkdir(exist_ok=True)
    for each in earlier:
        solved = _read(solutions[each])
        if solved is None:
            outcome.faults.append(f"{solutions[each]} cannot be read. Get the course again.")
            continue
        copy = _as_answers(solved, set(earlier))
        path = answers / f"{each}.ipynb"
        if not path.exists():
            _write_new(path, copy)
            written += 1
        elif _read(path) != copy:
            outcome.lines.append(f"kept {path}, which was changed")
    if earlier:
        span = earlier[0][:2] if len(earlier) == 1 else f"{earlier[0][:2]} to {earlier[-1][:2]}"
        state = f"wrote {written} of them now" if written else "they were there"
        outcome.lines.append(f"the answers of {span} lie in {answers}: {state}")


def _as_answers(solved: Notebook, beside: set[str]) -> Notebook:
    """A solved notebook for catch-up/: it records no progress, and its links lead on."""
    made: Notebook = json.loads(json.dumps(solved))
    for cell in made["cells"]:
        text = _source(cell)
        if cell["cell_type"] == "markdown":
            text = LINK.sub(lambda link: link[0] if link[0] in beside else "../" + link[0], text)
        cell["source"] = text
    off = {"cell_type": "code", "id": "progress-off", "metadata": {}, "outputs": []}
    made["cells"].insert(1, off | {"execution_count": None, "source": PROGRESS_OFF.rstrip()})
    return made


def _beside(folder: Path, stem: str, notebook: Notebook) -> tuple[Path, str]:
    """The first of stem, stem-2, … that is free or holds a sound copy; and how it got there."""
    number = 1
    while True:
        path = folder / (f"{stem}.ipynb" if number == 1 else f"{stem}-{number}.ipynb")
        if not path.exists():
            _write_new(path, notebook)
            return path, "wrote"
        if not fault_of(path, notebook):
            return path, "found"
        number += 1


def _emptied(code: str, function: str) -> str:
    """`code` with the body of `function` replaced by `...`, its docstring kept."""
    lines = code.split("\n")
    for node in ast.parse(code).body:
        if isinstance(node, ast.FunctionDef) and node.name == function:
            has_docstring = ast.get_docstring(node) is not None
            first = node.body[1] if has_docstring else node.body[0]
            # A comment above the first statement belongs to the answer.
            begin = (node.body[0].end_lineno or 0) if has_docstring else first.lineno - 1
            return "\n".join([*lines[:begin], "    ...", *lines[node.end_lineno or 0 :]])
    return code


def _notebooks_in(folder: Path) -> dict[str, Path]:
    """The course's notebooks in one folder, by name."""
    return {path.stem: path for path in sorted(folder.glob("*.ipynb")) if NAME.fullmatch(path.stem)}


def _source(cell: Notebook) -> str:
    return "".join(cell["source"])  # a list of lines, or one text


def _read(path: Path) -> Notebook | None:
    """The notebook stored at path, or None if it is none: empty, cut off, or something else."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        for cell in stored["cells"]:
            cell["source"], cell["cell_type"]
        return stored if stored["cells"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write_new(path: Path, notebook: Notebook) -> None:
    """Write to a path where nothing lies; FileExistsError where something does."""
    text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
    with path.open("x", encoding="utf-8", newline="\n") as file:
        file.write(text)
