"""Make the notebooks out of their sources: both kinds, executed, normalised, written at one stroke.

python -m tools.notebooks.build                           what changed since it was built
python -m tools.notebooks.build --all                     everything
python -m tools.notebooks.build 02_gradient_sign_crafting
"""

import argparse
import math
import re
import sys
from pathlib import Path

import nbformat
from nbconvert.preprocessors import CoalesceStreamsPreprocessor
from nbformat import NotebookNode
from tqdm import tqdm

import advtutor
from advtutor._files import whole_file
from advtutor._say import TOLD
from tools.notebooks.execution import RunError, execute
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
PROGRESS_BAR = re.compile(r"\s*(\S.*: +)?\d+%\|")  # tqdm's text, which is stored at 0 %
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
KINDS: tuple[Kind, ...] = ("learner", "solution")


class BuildError(RuntimeError):
    """A notebook that could not be built; the message names it, the cell and the error."""


def is_current(path: Path, made: NotebookNode) -> bool:
    """Whether the notebook stored at `path` was built from the source and version of `made`."""
    if not path.exists():
        return False
    try:
        stamp = nbformat.read(path, as_version=4).metadata.get("advtutor", {})
    except Exception:  # a broken file, of whatever kind, is built again
        return False
    return all(stamp.get(key) == value for key, value in made.metadata.advtutor.items())


def normalise(notebook: NotebookNode) -> NotebookNode:
    """Take away whatever differs between two runs of the same source: counts, times, widgets."""
    notebook.metadata.pop("widgets", None)
    notebook.metadata.language_info = NotebookNode(name="python")
    # The kernel cuts a stream at random.
    notebook, _ = CoalesceStreamsPreprocessor().preprocess(notebook, {})
    count = 0
    for cell in notebook.cells:
        cell.metadata = NotebookNode(
            {key: value for key, value in cell.metadata.items() if key == "tags"}
        )
        if cell.cell_type == "code":
            count += 1
            cell.execution_count = count
            cell.outputs = [normal_output(output, count) for output in cell.outputs]
    return notebook


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
        output.metadata[TOLD] = {"bar": True}
    return output


def write(notebook: NotebookNode, path: Path) -> None:
    """Write `notebook` to `path`: afterwards the whole new file is there, or the old one still."""
    nbformat.validate(notebook)
    with whole_file(path) as new:
        new.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8", newline="\n")


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
            try:
                seconds = execute(made, path.parent, CELL_SECONDS, bar.update)
            except RunError as error:
                raise BuildError(f"{label}, {error}\n{error.tail}") from error
            made.metadata.advtutor["seconds"] = math.ceil(seconds)
            write(normalise(made), path)
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
        written = build(names, NOTEBOOKS, advtutor.__version__, everything=chosen.all)
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
