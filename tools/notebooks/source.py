"""One percent script, two notebooks: the learner's with stubs, and the solved one."""

import ast
import re
import tomllib
from pathlib import Path
from typing import Literal

import jupytext
import nbformat
from nbformat import NotebookNode

from advtutor import checks
from advtutor.course.workspace import CHECKED, digest

Kind = Literal["learner", "solution"]

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"
LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#|/)[^)\s]+(?=\))")


class SourceError(ValueError):
    """A percent script from which no notebook can be made; the message says where."""


def source_path(name: str, notebooks: Path = NOTEBOOKS) -> Path:
    """The percent script of the notebook `name`."""
    return notebooks / "source" / f"{name}.py"


def notebook_path(name: str, kind: Kind, notebooks: Path = NOTEBOOKS) -> Path:
    """Where the notebook `name` of that kind lies."""
    folder = notebooks if kind == "learner" else notebooks / "solutions"
    return folder / f"{name}.ipynb"


def read_source(path: Path) -> str:
    """The text of a percent script, with `\\n` between lines wherever it was checked out."""
    return path.read_text(encoding="utf-8")


def solved(code: str) -> str:
    """`code` with the answer of `advtutor/exercises/` in the place of each exercise's `...`."""
    if "### BEGIN SOLUTION" in code:
        raise SourceError("a marked solution: an answer stands in advtutor/exercises/, once")
    for name in CHECKED.findall(code):
        code = _filled(code, name)
    return code


def _filled(code: str, name: str) -> str:
    exercise, lines = getattr(checks, name), code.split("\n")
    stub = next((n for n in ast.parse(code).body if getattr(n, "name", None) == name), None)
    if not isinstance(stub, ast.FunctionDef):
        raise SourceError(f"the check of {name} stands where no {name} is defined")
    first, head = lines[stub.lineno - 1], exercise.answer.split("\n")[0]
    if first != head:
        raise SourceError(f"{first!r} is answered by {head!r} in advtutor/exercises/{name}.py")
    gap = stub.body[-1].lineno - 1
    if lines[gap].strip() != "..." or len(stub.body) > 1 + (ast.get_docstring(stub) is not None):
        raise SourceError(
            f"{name} is no stub, a docstring and '...': its answer is in advtutor/exercises/"
        )
    return "\n".join([*lines[:gap], exercise.body.rstrip("\n"), *lines[gap + 1 :]])


def public_address(root: Path = ROOT) -> str | None:
    """Where the course can be had by everybody, from pyproject.toml; None as long as it cannot."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project.get("urls", {}).get("Source")


def unexecuted(
    source: str, name: str, kind: Kind, version: str, address: str | None = None
) -> NotebookNode:
    """The notebook that a source text describes, before it has been run.

    With a public `address`, its first code cell installs the course from there, in Colab only.
    Raises SourceError with the notebook, the cell and the reason where the text is no good source.
    """
    cells = jupytext.reads(source, fmt="py:percent").cells
    if not cells or cells[0].cell_type != "markdown" or not cells[0].source.startswith("# "):
        raise SourceError(f"{name}: the first cell has to be Markdown that begins '# Title'")
    made = [_cell(cell, index, name, kind) for index, cell in enumerate(cells)]
    if kind == "solution":
        made[0].source = solved_title(made[0].source, name)
    if address:
        made.insert(1, _colab_cell(address))
    notebook = nbformat.v4.new_notebook(cells=made)
    notebook.nbformat_minor = 5
    notebook.metadata = NotebookNode(
        kernelspec={"display_name": "Python 3", "language": "python", "name": "python3"},
        language_info={"name": "python"},
        advtutor={
            "kind": kind,
            "source_sha256": digest(source),
            "version": version,
            "address": address,
        },
    )
    return notebook


def _colab_cell(address: str) -> NotebookNode:
    """Colab opens a notebook alone: there, and nowhere else, the package is installed first."""
    text = f'''import sys

if "google.colab" in sys.modules:
    %pip install --quiet "advtutor @ git+{address}"'''
    cell = nbformat.v4.new_code_cell(text, metadata={"tags": ["nbval-skip"]})
    cell.id = "colab"
    return cell


def _cell(cell: NotebookNode, index: int, name: str, kind: Kind) -> NotebookNode:
    text = cell.source
    if cell.cell_type == "code":
        try:
            full = solved(text)  # of a learner's notebook, too: its stubs have to have answers
            text = full if kind == "solution" else text
        except SourceError as error:
            raise SourceError(f"{name}, cell {index}: {error}") from None
        made = nbformat.v4.new_code_cell(text)
    else:
        text = relinked(text) if kind == "solution" else text
        made = nbformat.v4.new_markdown_cell(text)
    made.id = f"cell-{index:03d}"
    if tags := cell.metadata.get("tags"):
        made.metadata["tags"] = list(tags)
    return made


def solved_title(text: str, name: str) -> str:
    """The first cell of a solved notebook: a title that says so, and the way to the learner's."""
    title, _, rest = text.partition("\n")
    link = f"[{name}](../{name}.ipynb)"
    back = f"*The solved copy. The notebook to work in: {link}.*"
    return f"{title} (solved)\n\n{back}\n{rest}".rstrip("\n")


def relinked(text: str) -> str:
    """`text` with its relative links as they read from `solutions/`, one folder further down.

    A link to a neighbour stays: the solved notebook then points at the solved neighbour.
    """

    def from_solutions(link: re.Match[str]) -> str:
        target = link[0]
        if target.startswith("../"):
            return "../" + target
        if target.startswith("solutions/"):
            return target.removeprefix("solutions/")
        return target if target.split("#")[0].endswith(".ipynb") else "../" + target

    return LINK.sub(from_solutions, text)
