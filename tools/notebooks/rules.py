"""What a stored notebook has to be: each rule is a function that returns the faults it finds."""

import re
from collections.abc import Iterator
from pathlib import Path

from nbformat import NotebookNode
from nbval.plugin import metadata_tags

from advtutor._say import TOLD
from tools.notebooks.source import LINK, ROOT, Kind, digest, public_address, unexecuted

MAX_BYTES = 600 * 1024
MAX_SECONDS = 60
MAX_LINES = 25

NBVAL_COMMENT = re.compile(r"^\s*#+\s*(NBVAL|PYTEST_VALIDATE)_[A-Z_]+\s*$", re.MULTILINE)
EXPECTED_MARK = {"learner": "○", "solution": "✓"}


def all_faults(notebook: NotebookNode, source: str, name: str, kind: Kind, size: int) -> list[str]:
    """Every fault of one stored notebook of `size` bytes; an empty list where it is sound."""
    version = notebook.metadata.get("advtutor", {}).get("version", "")
    return [
        *source_faults(notebook, source, name, kind, version),
        *count_faults(notebook),
        *tag_faults(notebook),
        *budget_faults(notebook, size),
        *length_faults(notebook),
        *output_faults(notebook),
        *mark_faults(notebook, kind),
    ]


def source_faults(
    notebook: NotebookNode, source: str, name: str, kind: Kind, version: str
) -> list[str]:
    """The notebook is the one that its source makes, for this version: run `make notebooks`."""
    stamp = notebook.metadata.get("advtutor", {})
    made = unexecuted(source, name, kind, version, public_address())
    wanted = {"kind": kind, "version": version, "source_sha256": digest(source)}
    faults = [
        f"its {key} is {stamp.get(key)!r}, and should be {value!r}"
        for key, value in wanted.items()
        if stamp.get(key) != value
    ]
    if len(notebook.cells) != len(made.cells):
        faults.append(f"it has {len(notebook.cells)} cells, and its source makes {len(made.cells)}")
    for index, (cell, twin) in enumerate(zip(notebook.cells, made.cells, strict=False)):
        for key in ("cell_type", "source", "id"):
            if cell.get(key) != twin.get(key):
                faults.append(f"cell {index}: its {key} is not what its source makes")
        if cell.metadata.get("tags") != twin.metadata.get("tags"):
            faults.append(f"cell {index}: its tags are not those of its source")
    return faults


def count_faults(notebook: NotebookNode) -> list[str]:
    """Every code cell was run, in order: nbval accepts a cell without stored outputs unread."""
    faults = []
    for count, (index, cell) in enumerate(code_cells(notebook), start=1):
        if cell.execution_count != count:
            faults.append(f"cell {index}: its count is {cell.execution_count}, not {count}")
        if cell.metadata.get("execution"):
            faults.append(f"cell {index}: it stores when it was run")
    if "widgets" in notebook.metadata:
        faults.append("it stores the state of widgets")
    return faults


def tag_faults(notebook: NotebookNode) -> list[str]:
    """Only tags that somebody reads: nbval passes over an unknown one in silence."""
    faults = []
    for index, cell in enumerate(notebook.cells):
        unknown = set(cell.metadata.get("tags", [])) - metadata_tags.keys()
        faults += [f"cell {index}: unknown tag {tag!r}" for tag in sorted(unknown)]
        if cell.cell_type == "code" and NBVAL_COMMENT.search(cell.source):
            faults.append(f"cell {index}: a comment steers nbval; use a tag")
    return faults


def budget_faults(notebook: NotebookNode, size: int) -> list[str]:
    """Small enough for git and quick enough for a lesson."""
    faults = []
    seconds = notebook.metadata.get("advtutor", {}).get("seconds")
    if size > MAX_BYTES:
        faults.append(f"it takes {size / 1024:.0f} KB, more than {MAX_BYTES // 1024} KB")
    if seconds is None:
        faults.append("it does not record its seconds of computing")
    elif seconds > MAX_SECONDS:
        faults.append(f"it computes for {seconds} s, more than {MAX_SECONDS} s")
    return faults


def length_faults(notebook: NotebookNode) -> list[str]:
    """A code cell fits a screen beside what explains it."""
    faults = []
    for index, cell in code_cells(notebook):
        lines = cell.source.count("\n") + 1
        if lines > MAX_LINES:
            faults.append(f"cell {index}: {lines} lines, more than {MAX_LINES}")
    return faults


def output_faults(notebook: NotebookNode) -> list[str]:
    """No error, no warning, no SVG, no stale widget and no path of the machine it was built on."""
    faults = []
    for index, cell in code_cells(notebook):
        may_fail = "raises-exception" in cell.metadata.get("tags", [])
        for output in cell.outputs:
            data = output.get("data", {})
            if output.output_type == "error" and not may_fail:
                faults.append(f"cell {index}: {output.ename}: {output.evalue}")
            if output.get("name") == "stderr":
                faults.append(f"cell {index}: on stderr: {output.text.strip()[:200]}")
            if "image/svg+xml" in data:
                faults.append(f"cell {index}: an SVG, which differs from run to run")
            if "application/vnd.jupyter.widget-view+json" in data:
                faults.append(f"cell {index}: a view of a widget that is gone")
            texts = [output.get("text", ""), *data.values()]
            if any(str(folder) in str(text) for folder in (ROOT, Path.home()) for text in texts):
                faults.append(f"cell {index}: it shows a folder of the machine it was built on")
    return faults


def mark_faults(notebook: NotebookNode, kind: Kind) -> list[str]:
    """A solved notebook passes each check; a learner's has not attempted any."""
    wanted = EXPECTED_MARK[kind]
    return [
        f"cell {index}: the check of {exercise} says {mark}, not {wanted}"
        for index, mark, exercise in check_lines(notebook)
        if mark != wanted
    ]


def pair_faults(learner: NotebookNode, solution: NotebookNode) -> list[str]:
    """The stub has not drifted: each of its lines stands in the solution, and so do its checks."""
    faults = []
    if len(learner.cells) != len(solution.cells):
        faults.append(f"{len(learner.cells)} cells, and {len(solution.cells)} in the solution")
    for index, (stub, full) in enumerate(zip(learner.cells, solution.cells, strict=False)):
        if stub.cell_type == "code":
            rest = iter(full.source.split("\n"))  # one pass over it: the order has to agree too
            wanted = [line for line in stub.source.split("\n") if line.strip() != "..."]
            faults += [
                f"cell {index}: not in the solution: {line!r}"
                for line in wanted
                if not any(line == other for other in rest)
            ]
    exercises = [[line[2] for line in check_lines(notebook)] for notebook in (learner, solution)]
    if exercises[0] != exercises[1]:
        faults.append(f"checks of {exercises[0]}, and of {exercises[1]} in the solution")
    return faults


def link_faults(notebook: NotebookNode, folder: Path) -> list[str]:
    """Every relative link leads to a file, seen from the notebook's own `folder`."""
    return [
        f"cell {index}: a link to {target[0]}, which is not there"
        for index, cell in enumerate(notebook.cells)
        if cell.cell_type == "markdown"
        for target in LINK.finditer(cell.source)
        if not (folder / target[0].split("#")[0]).exists()
    ]


def code_cells(notebook: NotebookNode) -> Iterator[tuple[int, NotebookNode]]:
    """The code cells, each with its place among all cells."""
    return ((i, cell) for i, cell in enumerate(notebook.cells) if cell.cell_type == "code")


def check_lines(notebook: NotebookNode) -> list[tuple[int, str, str]]:
    """What the checks said: (cell, mark, exercise)."""
    return [
        (index, told["mark"], told["check"])
        for index, cell in code_cells(notebook)
        for output in cell.outputs
        if "check" in (told := output.get("data", {}).get(TOLD, {}))
    ]
