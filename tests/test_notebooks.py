"""The stored notebooks: each is what its source makes, complete, small and free of faults.

nbval runs them; this looks at what nbval does not see. `test_build_notebooks.py` shows that each
rule can fail.
"""

import ast

import nbformat
import pytest
from nbformat import NotebookNode

from tools.notebooks import rules
from tools.notebooks.build import KINDS, course_version, known_names
from tools.notebooks.source import NOTEBOOKS, Kind, notebook_path, read_source, source_path

STORED = [(name, kind) for name in known_names() for kind in KINDS]
each_stored = pytest.mark.parametrize(("name", "kind"), STORED)


def stored(name: str, kind: Kind) -> NotebookNode:
    path = notebook_path(name, kind)
    assert path.exists(), f"{path} is missing: run `make notebooks`"
    return nbformat.read(path, as_version=4)


def test_each_source_has_both_notebooks() -> None:
    """Catches a notebook without its source, and a source that was never built."""
    assert not rules.partner_faults(
        set(known_names()),
        {path.stem for path in NOTEBOOKS.glob("*.ipynb")},
        {path.stem for path in (NOTEBOOKS / "solutions").glob("*.ipynb")},
    )


@each_stored
def test_belongs_to_its_source(name: str, kind: Kind) -> None:
    """Catches an edit of a generated notebook, and a source edited without a new build."""
    source = read_source(source_path(name))
    faults = rules.source_faults(stored(name, kind), source, name, kind, course_version())
    assert not faults, "run `make notebooks`"


@each_stored
def test_was_run_from_top_to_bottom(name: str, kind: Kind) -> None:
    """Catches a cell without stored outputs, which nbval passes over without a word."""
    assert not rules.count_faults(stored(name, kind))


@each_stored
def test_tags_are_known(name: str, kind: Kind) -> None:
    """Catches a misspelt tag, which nbval ignores in silence."""
    assert not rules.tag_faults(stored(name, kind))


@each_stored
def test_keeps_to_its_budgets(name: str, kind: Kind) -> None:
    """Catches a notebook too large for git or too slow for a lesson."""
    size = notebook_path(name, kind).stat().st_size
    assert not rules.budget_faults(stored(name, kind), size)


@each_stored
def test_cells_are_short(name: str, kind: Kind) -> None:
    """Catches a code cell that nobody reads to its end."""
    assert not rules.length_faults(stored(name, kind))


@each_stored
def test_outputs_are_clean(name: str, kind: Kind) -> None:
    """Catches stored errors, warnings, SVG, dead widgets and folders of the building machine."""
    assert not rules.output_faults(stored(name, kind))


@each_stored
def test_checks_say_what_they_should(name: str, kind: Kind) -> None:
    """Catches a solution that fails its check, and a stub that passes one."""
    assert not rules.mark_faults(stored(name, kind), kind)


@each_stored
def test_links_lead_somewhere(name: str, kind: Kind) -> None:
    """Catches a link that breaks where the notebook lies, one folder down for the solved one."""
    path = notebook_path(name, kind)
    assert not rules.link_faults(stored(name, kind), path.parent)


@pytest.mark.parametrize("name", known_names())
def test_stub_has_not_drifted(name: str) -> None:
    """Catches a line of a stub that its solution does not have."""
    assert not rules.pair_faults(stored(name, "learner"), stored(name, "solution"))


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
