"""Make the notebooks out of their sources: both kinds, executed, normalised, written at one stroke.

python -m tools.notebooks.build                           what changed since it was built
python -m tools.notebooks.build --all                     everything
python -m tools.notebooks.build 02_gradient_sign_crafting
"""

import argparse
import math
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import nbformat
from ipykernel.kernelspec import RESOURCES, get_kernel_dict
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from tqdm import tqdm

from advtutor._threads import share_cores
from tools.notebooks.rules import all_faults, pair_faults
from tools.notebooks.source import (
    NOTEBOOKS,
    Kind,
    SourceError,
    notebook_path,
    public_address,
    read_source,
    source_path,
    unexecuted,
)

CELL_SECONDS = 300  # a cell that takes longer hangs
ANSI = re.compile(r"\x1b\[[0-9;]*m")
PROGRESS_BAR = re.compile(r"\s*(\S.*: +)?\d+%\|")  # tqdm's text, which is stored at 0 %
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
KINDS: tuple[Kind, ...] = ("learner", "solution")


class BuildError(RuntimeError):
    """A notebook that could not be built; the message names it, the cell and the error."""


class ThisPython(KernelSpecManager):
    """Starts kernels with this interpreter, whatever kernels are installed beside it."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        return KernelSpec(resource_dir=RESOURCES, **get_kernel_dict())


def course_version() -> str:
    """The version of the package that the notebooks are made with."""
    from advtutor import __version__

    return __version__


def is_current(path: Path, made: NotebookNode) -> bool:
    """Whether the notebook stored at `path` was built from the source and version of `made`."""
    if not path.exists():
        return False
    try:
        stamp = nbformat.read(path, as_version=4).metadata.get("advtutor", {})
    except Exception:  # a broken file, of whatever kind, is built again
        return False
    return all(stamp.get(key) == value for key, value in made.metadata.advtutor.items())


def execute(notebook: NotebookNode, name: str, folder: Path, bar: tqdm) -> NotebookNode:
    """Run `notebook` in a fresh kernel, from its own folder, and return it with its outputs.

    Raises BuildError, with the notebook, the cell and the error.
    """
    started, spent = 0.0, 0.0

    def start(**_: object) -> None:
        nonlocal started
        started = time.perf_counter()

    def stop(**_: object) -> None:
        nonlocal spent
        spent += time.perf_counter() - started
        bar.update()

    # A backend chosen outside would keep the figures out of the cells.
    environment = {key: value for key, value in os.environ.items() if key != "MPLBACKEND"}
    share_cores(environment)
    environment["ADVTUTOR_PROGRESS"] = "off"  # the solutions are not the builder's own
    client = NotebookClient(
        notebook,
        km=AsyncKernelManager(kernel_name="python3", kernel_spec_manager=ThisPython()),
        timeout=CELL_SECONDS,
        store_widget_state=False,
        record_timing=False,
        resources={"metadata": {"path": str(folder)}},
        on_cell_start=start,
        on_cell_executed=stop,
    )
    try:
        # What the kernel itself grumbles is not for the reader; a cell's stderr comes another way.
        client.execute(env=environment, stderr=subprocess.DEVNULL)
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        raise BuildError(f"{name}, {failure(notebook, error)}") from error
    notebook.metadata.advtutor["seconds"] = math.ceil(spent)
    return notebook


def failure(notebook: NotebookNode, error: Exception) -> str:
    """The cell that stopped a run and what it said: 'cell 4: NameError: …'."""
    for index, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                last = ANSI.sub("", "\n".join(output.traceback[-3:]))
                return f"cell {index}: {output.ename}: {output.evalue}\n{last}"
    code = [index for index, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    run = [index for index in code if notebook.cells[index].execution_count is not None]
    stuck = code[min(len(run), len(code) - 1)]
    return f"cell {stuck}: {type(error).__name__}: {error}"


def normalise(notebook: NotebookNode) -> NotebookNode:
    """Take away whatever differs between two runs of the same source: counts, times, widgets."""
    notebook.metadata.pop("widgets", None)
    notebook.metadata.language_info = NotebookNode(name="python")
    count = 0
    for cell in notebook.cells:
        cell.metadata = NotebookNode(
            {key: value for key, value in cell.metadata.items() if key == "tags"}
        )
        if cell.cell_type == "code":
            count += 1
            cell.execution_count = count
            cell.outputs = [normal_output(output, count) for output in joined(cell.outputs)]
    return notebook


def joined(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """`outputs` with neighbouring pieces of one stream put together: the kernel cuts at random."""
    whole: list[NotebookNode] = []
    for output in outputs:
        before = whole[-1] if whole else NotebookNode(output_type=None)
        if output.output_type == before.output_type == "stream" and output.name == before.name:
            before.text += output.text
        else:
            whole.append(output)
    return whole


def normal_output(output: NotebookNode, count: int) -> NotebookNode:
    """One output, with its cell's count and without the view of a widget.

    That view names an object that dies with the kernel. Its picture and its text stay: they are
    what GitHub, a saved page and Lab before the first run show.
    """
    if "execution_count" in output:
        output.execution_count = count
    data = output.get("data", {})
    data.pop(WIDGET_VIEW, None)
    if PROGRESS_BAR.match(data.get("text/plain", "")):
        data["text/plain"] = "(a progress bar runs here)"
    return output


def write(notebook: NotebookNode, path: Path) -> None:
    """Write `notebook` to `path`: afterwards the whole new file is there, or the old one still."""
    nbformat.validate(notebook)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8", newline="\n")
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def build(
    names: list[str], notebooks: Path, version: str, everything: bool, show_bar: bool = True
) -> list[Path]:
    """Build both notebooks of each name where needed; return the paths that were written.

    Raises BuildError or SourceError at the first that cannot be built; its old file stays.
    """
    work = []
    for name in names:
        source = read_source(source_path(name, notebooks))
        for kind in KINDS:
            made = unexecuted(source, name, kind, version, public_address())
            path = notebook_path(name, kind, notebooks)
            if everything or not is_current(path, made):
                work.append((f"{name} ({kind})", made, path))
    cells = sum(cell.cell_type == "code" for _, made, _ in work for cell in made.cells)
    with tqdm(total=cells, unit="cell", disable=not show_bar or not work) as bar:
        for label, made, path in work:
            bar.set_description(label)
            path.parent.mkdir(parents=True, exist_ok=True)  # the kernel starts in it
            write(normalise(execute(made, label, path.parent, bar)), path)
    return [path for _, _, path in work]


def faults_of(name: str, notebooks: Path = NOTEBOOKS) -> list[str]:
    """Every fault of the two stored notebooks of one name, each with its notebook."""
    source = read_source(source_path(name, notebooks))
    pair = []
    faults = []
    for kind in KINDS:
        path = notebook_path(name, kind, notebooks)
        notebook = nbformat.read(path, as_version=4)
        pair.append(notebook)
        found = all_faults(notebook, source, name, kind, path.stat().st_size)
        faults += [f"{name} ({kind}): {fault}" for fault in found]
    return faults + [f"{name}: {fault}" for fault in pair_faults(*pair)]


def known_names(notebooks: Path = NOTEBOOKS) -> list[str]:
    """The names of all sources, in the order of the course."""
    return sorted(path.stem for path in (notebooks / "source").glob("[0-9]*.py"))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Make the notebooks out of their sources.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="such as 01_linear_explanation")
    parser.add_argument("--all", action="store_true", help="also those that did not change")
    chosen = parser.parse_args(arguments)
    known = known_names()
    names = [Path(name).stem for name in chosen.names] or known
    if unknown := [name for name in names if name not in known]:
        parser.error(f"no source for {', '.join(unknown)}; there are: {', '.join(known)}")
    try:
        written = build(names, NOTEBOOKS, course_version(), everything=chosen.all)
    except (BuildError, SourceError) as error:
        print(f"not built: {error}", file=sys.stderr)
        return 1
    for path in written:
        print(f"built {path.relative_to(NOTEBOOKS.parent)} ({path.stat().st_size / 1024:.0f} KB)")
    if not written:
        print("every notebook is up to date")
    faults = [fault for name in names for fault in faults_of(name)]
    for fault in faults:
        print(f"fault: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
