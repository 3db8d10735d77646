"""Grades submitted notebooks and files: the verdict is formed where no answer has run.

The answers run in a process of their own (`advtutor.checks.replay`), which returns tensors. Here
are the inputs, the course's answers and the comparison. No submitted code is run or imported here,
and nothing is unpickled.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import symtable
import sys
import tempfile
import tokenize
import warnings
from collections.abc import Iterator, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from advtutor import checks
from advtutor.checks.engine import Exercise, Run, Verdict
from advtutor.checks.replay import unpacked
from advtutor.progress import EXERCISES

SECONDS = 600.0  # for one submission, with all its cells
MOST_BYTES = 64 * 2**20  # of what it returns; the course's own answers take half a megabyte
# What reading data raises that are none of ours, or nested too deep.
UNREADABLE = (KeyError, TypeError, AttributeError, ValueError, RecursionError)
AROUND = """import torch
import torch.nn.functional as F
from torch import Tensor, nn

from advtutor import attacks, checks


"""


@dataclass(frozen=True)
class Grade:
    """The verdict on the answer to one exercise."""

    exercise: str
    verdict: Verdict

    @property
    def right(self) -> bool:
        """Whether the answer earns its points."""
        return self.verdict.mark == "✓"

    @property
    def line(self) -> str:
        """The check's line, as in the notebook."""
        return f"{self.verdict.mark} {self.exercise}: {self.verdict.text}"


def grade(path: Path, seconds: float = SECONDS, untouched: Set[str] = frozenset()) -> list[Grade]:
    """Grade a submitted notebook (.ipynb), or a Python file with the functions in it.

    A notebook that is called as one of the course has all its exercises graded, another file those
    that it defines. seconds: for the whole file. untouched: the cells of the course's notebooks;
    what a submission has left as it is there runs only where something else needs it. Raises
    ValueError for a file that is neither.
    """
    try:
        cells = cells_of(path) if path.suffix == ".ipynb" else [python_cell(path)]
    except (OSError, SyntaxError, *UNREADABLE) as fault:
        raise ValueError(f"{path} cannot be read as a notebook or a Python file: {fault}") from None
    return grade_cells(needed(cells, untouched), expected(path.stem, cells), seconds)


def needed(cells: list[str], untouched: Set[str]) -> list[str]:
    """The cells without those of `untouched` that check nothing and define nothing for another.

    A training of the course's notebook, say: an answer gets its network from its check.
    """
    kept: list[str] = []
    read: set[str] = set()
    for cell in reversed(cells):
        defines, reads = names_in(cell)
        if cell not in untouched or "checks." in cell or defines & read:
            kept.append(cell)
            read |= reads
    return kept[::-1]


def names_in(cell: str) -> tuple[set[str], set[str]]:
    """The names that a cell defines, and those that it reads from around it: it may read more."""
    from IPython.core.inputtransformer2 import TransformerManager

    code = TransformerManager().transform_cell(re.sub(r"^%%.*\n", "", cell))
    try:
        with warnings.catch_warnings(action="ignore"):
            top = symtable.symtable(code, "cell", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set(), set(re.findall(r"\w+", cell))
    symbols = top.get_symbols()
    defined = {one.get_name() for one in symbols if one.is_assigned() or one.is_imported()}
    read = {one.get_name() for one in symbols if one.is_referenced()}
    inner = (one for table in _below(top) for one in table.get_symbols())
    return defined, read | {one.get_name() for one in inner if one.is_global()}


def _below(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    for one in table.get_children():
        yield one
        yield from _below(one)


def grade_cells(cells: list[str], names: list[str], seconds: float = SECONDS) -> list[Grade]:
    """Run code cells in a process of their own and grade the exercises called `names`."""
    found, tensors, fate = replayed(cells, names, seconds)
    return [Grade(name, judged(name, found.get(name), tensors, fate)) for name in names]


def cells_of(path: Path) -> list[str]:
    """The code cells of a notebook's file, as `code_of` gives them."""
    return code_of(json.loads(path.read_bytes()))


def code_of(notebook: dict[str, Any]) -> list[str]:
    """The code cells of a notebook, without those that grade it, with `\\n` between the lines."""
    return [
        "".join(cell["source"]).replace("\r\n", "\n")
        for cell in notebook["cells"]
        if cell["cell_type"] == "code"
        and not cell.get("metadata", {}).get("nbgrader", {}).get("grade")
    ]


def python_cell(path: Path) -> str:
    """A file of functions as a cell, with around it what the course's notebooks import."""
    with tokenize.open(path) as file:
        return AROUND + file.read()


def expected(stem: str, cells: list[str]) -> list[str]:
    """The exercises that a file of this name answers, or has to."""
    if stem in EXERCISES:
        return list(EXERCISES[stem])
    code = "\n".join(cells)
    ordered = [name for names in EXERCISES.values() for name in names]
    return [name for name in ordered if re.search(rf"(?m)^(def {name}\(|{name}\s*=)", code)]


def judged(name: str, found: Any, tensors: dict[str, Tensor], fate: str) -> Verdict:
    """The verdict on what the other process returned for one exercise."""
    exercise: Exercise = getattr(checks, name)
    if found is None:
        return Verdict("✗", "missing", fate)
    try:
        runs = runs_of(exercise, found["runs"], tensors)
        mark, text = str(found["mark"]), str(found["text"])
    except UNREADABLE:
        return Verdict("✗", "spoilt", "what it returned cannot be read")
    if not runs:  # it did not get as far as that, by its own account
        return Verdict("○" if mark == "○" else "✗", "stopped", text)
    return exercise.verdict(lambda: exercise.decide(runs))


def runs_of(exercise: Exercise, data: list[Any], tensors: dict[str, Tensor]) -> list[Run]:
    """The runs as the engine knows them, with inputs made here. An answer that stopped has none."""
    if not data:
        return []
    runs = [
        Run(
            case,
            exercise.arguments(case),
            unpacked(one["result"], tensors),
            {str(kind): str(what) for kind, what in one["changed"].items()},
            unpacked(one["seen"], tensors),
            unpacked(one["again"], tensors),
        )
        for case, one in zip(exercise.cases, data, strict=True)
    ]
    return runs


def replayed(
    cells: list[str], names: list[str], seconds: float
) -> tuple[dict[str, Any], dict[str, Tensor], str]:
    """What the cells' answers returned, as data and tensors, and why it may be incomplete."""
    with tempfile.TemporaryDirectory(prefix="advtutor-", ignore_cleanup_errors=True) as folder:
        asked, out = Path(folder, "cells.json"), Path(folder, "out.safetensors")
        asked.write_text(json.dumps({"cells": cells, "exercises": names}), encoding="utf-8")
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(part for part in sys.path if part),  # also a user's site
            "ADVTUTOR_PROGRESS": "off",
            "MPLBACKEND": "Agg",
            "IPYTHONDIR": folder,
        }
        command = [sys.executable, "-P", "-X", "utf8", "-m", "advtutor.checks.replay"]
        status = _finished([*command, str(asked), str(out)], folder, environment, seconds)
        fate = "its notebook ended the process before the answer was checked"
        if status is None:
            fate = f"its notebook was still running after {seconds:g} s"
        if not out.is_file() or out.stat().st_size > MOST_BYTES:
            return {}, {}, fate
        try:
            with safe_open(out, framework="pt") as file:
                said = file.metadata() or {}
                found = json.loads(said.get("found", "{}"))
                tensors = {key: file.get_tensor(key) for key in [*file.keys()]}
        except (SafetensorError, OSError, *UNREADABLE):
            return {}, {}, "what its notebook returned cannot be read"
        if said.get("ended") == "True":
            fate = "no answer of this name was handed in"
        return (found if isinstance(found, dict) else {}), tensors, fate


def _finished(
    command: list[str], folder: str, environment: dict[str, str], seconds: float
) -> int | None:
    """The exit status of a command, or None where it, and what it started, had to be ended."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,  # nothing is written: it ends with this process, and so do they
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        return process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        process.communicate()


def mark(notebook: Any) -> None:
    """Write the grades into the graded cells of a notebook that nbgrader is about to score.

    An error in a cell's output is what nbgrader takes the points for. Whatever the notebook's own
    kernel has left there goes.
    """
    wanted = {
        cell.metadata.nbgrader.grade_id.removesuffix("-test"): cell
        for cell in notebook.cells
        if cell.metadata.get("nbgrader", {}).get("grade")
    }
    for one in grade_cells(code_of(notebook), list(wanted)):
        said = {"output_type": "stream", "name": "stdout", "text": one.line + "\n"}
        failed = {
            "output_type": "error",
            "ename": "AssertionError",
            "evalue": one.line,
            "traceback": [one.line],
        }
        cell = wanted[one.exercise]
        cell.outputs = [type(cell)(said if one.right else failed)]
