"""`advtutor grade`: submitted notebooks and files, judged outside their kernels."""

import contextlib
import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from advtutor._say import say


def grade(
    submissions: Annotated[
        list[Path],
        typer.Argument(metavar="PATH...", help="Notebooks, Python files, or folders of them."),
    ],
    table: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write a row for each answer.")
    ] = None,
    seconds: Annotated[
        float, typer.Option(min=1, help="The most that one submission may take.")
    ] = 600,
) -> None:
    """Grade submissions: answers run in a process of their own, verdicts are formed here.

    Exit status 1 if a file cannot be read. docs/grading.md says what this protects against.
    """
    from advtutor.checks import grading
    from advtutor.course import workspace

    untouched: set[str] = set()
    with contextlib.suppress(workspace.CourseError):
        for notebook in workspace.notebooks().glob("*.ipynb"):
            untouched.update(grading.cells_of(notebook))
    rows, unread = [], 0
    for path in files(submissions):
        try:
            grades = grading.grade(path, seconds, untouched)
        except ValueError as fault:
            typer.echo(f"advtutor grade: {fault}", err=True)
            unread += 1
            continue
        say(f"{path}   {sum(one.right for one in grades)} of {len(grades)} right")
        for one in grades:
            say(f"  {one.line}")
            rows.append([str(path), one.exercise, int(one.right), one.line])
    if table is not None:
        with table.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([["file", "exercise", "right", "line"], *rows])
    raise typer.Exit(int(unread > 0))


def files(submissions: list[Path]) -> Iterator[Path]:
    """The files themselves, and in folders every notebook and Python file, however deep."""
    for path in submissions:
        if not path.is_dir():
            yield path
            continue
        found = (one for ending in ("*.ipynb", "*.py") for one in path.rglob(ending))
        yield from sorted(one for one in found if ".ipynb_checkpoints" not in one.parts)
