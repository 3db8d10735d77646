"""The stored notebooks: each is what its source makes, complete, small and free of faults.

nbval runs them; this looks at what nbval does not see. `test_build_notebooks.py` shows that each
rule can fail.
"""

import ast

import nbformat
import pytest
from nbformat import NotebookNode

import advtutor
from tools.notebooks import rules
from tools.notebooks.build import KINDS, faults_of, known_names
from tools.notebooks.source import NOTEBOOKS, Kind, notebook_path


def stored(name: str, kind: Kind) -> NotebookNode:
    path = notebook_path(name, kind)
    assert path.exists(), f"{path} is missing: run `make notebooks`"
    return nbformat.read(path, as_version=4)


def test_each_source_has_both_notebooks() -> None:
    """Catches a notebook without its source, and a source that was never built."""
    learners, solutions = (
        sorted(path.stem for path in folder.glob("*.ipynb"))
        for folder in (NOTEBOOKS, NOTEBOOKS / "solutions")
    )
    assert learners == solutions == known_names()


@pytest.mark.parametrize("name", known_names())
def test_both_notebooks_are_sound_and_of_today(name: str) -> None:
    """Catches each fault that `rules.py` knows, an older version's notebook, and a lost link."""
    faults = faults_of(name)
    assert not faults, "\n".join([*faults, "where its source has changed: run `make notebooks`"])
    for kind in KINDS:
        notebook, folder = stored(name, kind), notebook_path(name, kind).parent
        assert notebook.metadata.advtutor.version == advtutor.__version__, "run `make notebooks`"
        assert rules.link_faults(notebook, folder) == [], kind


@pytest.mark.parametrize("name", known_names())
def test_a_cell_that_trains_makes_its_networks(name: str) -> None:
    """Catches a cell that, run a second time, trains on from where the first time ended."""
    for number, cell in enumerate(stored(name, "solution").cells):
        if cell.cell_type == "code":
            tree = ast.parse(cell.source)
            made = made_in(tree)
            for call in ast.walk(tree):
                if isinstance(call, ast.Call) and ast.unparse(call.func) in TRAIN:
                    assert names_in(call.args[0]) & made, f"cell {number}: {ast.unparse(call)}"


TRAIN = ("train", "training.fit", "adversarial_step")


def made_in(cell: ast.Module) -> set[str]:
    """The names that a cell itself fills: assigned, arguments, and taken from a loop over them."""
    made, loops = {"models"}, []
    for node in ast.walk(cell):
        if isinstance(node, ast.Assign):
            made |= {name for target in node.targets for name in names_in(target)}
        elif isinstance(node, ast.arg):
            made.add(node.arg)
        elif isinstance(node, ast.For | ast.comprehension):
            loops.append(node)
    for loop in loops:
        if names_in(loop.iter) & made:
            made |= names_in(loop.target)
    return made


def names_in(node: ast.AST) -> set[str]:
    return {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}
