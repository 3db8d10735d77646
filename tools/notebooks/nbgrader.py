"""Write an nbgrader course folder, with one assignment for each notebook that has exercises.

python -m tools.notebooks.nbgrader   into build/nbgrader/, which is replaced
"""

import argparse
import re
import shutil
import sys
from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode

from advtutor import checks
from advtutor.progress import EXERCISES
from tools.notebooks.source import ROOT, read_source, solved, source_path

FOLDER = ROOT / "build" / "nbgrader"
POINTS = 2
LINK_TO_NEIGHBOUR = re.compile(r"\[([^\]]+)\]\(\w+\.ipynb\)")  # which is not handed out

CONFIG = '''# Written by `make nbgrader`. See docs/grading.md.
from nbgrader.preprocessors import (
    AssignLatePenalties,
    CheckCellMetadata,
    NbGraderPreprocessor,
    SaveAutoGrades,
)

from advtutor.checks import grading


class Judge(NbGraderPreprocessor):
    """Runs each answer in a process of its own, and writes the grades into the tests' outputs."""

    def preprocess(self, notebook, resources):
        grading.mark(notebook)
        return notebook, resources


c = get_config()
c.CourseDirectory.course_id = "advtutor"
c.ClearSolutions.code_stub = {"python": "..."}
# In the place of Execute: no submission runs in a kernel, and none gives itself points.
c.Autograde.autograde_preprocessors = [
    Judge, SaveAutoGrades, AssignLatePenalties, CheckCellMetadata
]
'''

INTRODUCTION = """# Exercises: {title}

Write each function in the place of the `...`. The line below it checks your answer and names the
mistake that it finds, as in the notebook. Before you hand in, choose *Kernel → Restart Kernel and
Run All Cells*."""

SETUP = """import torch
import torch.nn.functional as F

from advtutor import attacks, checks"""

# No code of a submission gives points: nbgrader_config.py's Judge replaces this cell's output.
TEST = """# Your answer to `{name}` is graded here: {points} points.
### BEGIN HIDDEN TESTS
raise AssertionError("not graded: use the course's nbgrader_config.py, or `advtutor grade`")
### END HIDDEN TESTS"""


def assignment(notebook: str) -> NotebookNode:
    """The exercises of one notebook, with nbgrader's marks: text, answer and test of each."""
    cells = jupytext.reads(read_source(source_path(notebook)), fmt="py:percent").cells
    title = cells[0].source.partition("\n")[0].removeprefix("# ")
    made = [
        marked(nbformat.v4.new_markdown_cell(INTRODUCTION.format(title=title)), "introduction"),
        marked(nbformat.v4.new_code_cell(SETUP), "setup"),
    ]
    for name in EXERCISES[notebook]:
        place = next(i for i, cell in enumerate(cells) if solves(cell, name))
        text = LINK_TO_NEIGHBOUR.sub(r"\1", cells[place - 1].source)
        made.append(marked(nbformat.v4.new_markdown_cell(text), f"{name}-text"))
        made.append(marked(answer_cell(cells[place].source, name), name, solution=True))
        test = nbformat.v4.new_code_cell(TEST.format(name=name, points=POINTS))
        made.append(marked(test, f"{name}-test", points=POINTS))
    page = nbformat.v4.new_notebook(cells=made)
    page.metadata["kernelspec"] = {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    }
    return page


def solves(cell: NotebookNode, name: str) -> bool:
    """Whether this cell of a source is the exercise `name`."""
    return f"\n{name} = checks.{name}({name})" in cell.source


def answer_cell(source: str, name: str) -> NotebookNode:
    """The exercise's cell, whose check only speaks: the answer stays what was handed in."""
    spoken, found = re.subn(
        rf"(?m)^{name} = checks\.{name}\(", f"checks.{name}.tell(", solved(source)
    )
    if found != 1:
        raise SystemExit(f"nbgrader: the cell of {name} has {found} check lines, not one")
    body = getattr(checks, name).body
    return nbformat.v4.new_code_cell(
        spoken.replace(body, f"    ### BEGIN SOLUTION\n{body}    ### END SOLUTION\n")
    )


def marked(
    cell: NotebookNode, grade_id: str, *, solution: bool = False, points: int | None = None
) -> NotebookNode:
    """`cell` with nbgrader's metadata: an answer, a graded test, or text that is locked."""
    cell.metadata["nbgrader"] = {
        "schema_version": 3,
        "grade_id": grade_id,
        "solution": solution,
        "grade": points is not None,
        "locked": not solution,
        "task": False,
    } | ({} if points is None else {"points": points})
    cell.id = grade_id
    return cell


def write_course(folder: Path) -> None:
    """Write the course folder anew."""
    shutil.rmtree(folder, ignore_errors=True)
    for notebook in EXERCISES:
        path = folder / "source" / notebook / f"{notebook}.ipynb"
        path.parent.mkdir(parents=True)
        nbformat.write(assignment(notebook), path)
    (folder / "nbgrader_config.py").write_text(CONFIG, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=FOLDER)
    folder = parser.parse_args().folder
    if folder.exists() and not (folder / "nbgrader_config.py").exists() and any(folder.iterdir()):
        sys.exit(f"nbgrader: {folder} holds something else; name a new folder")
    write_course(folder)
    print(f"wrote {len(EXERCISES)} assignments to {folder}; next: docs/grading.md")


if __name__ == "__main__":
    main()
