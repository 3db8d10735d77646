"""The course for graders: what `make nbgrader` writes, and what nbgrader makes of it."""

import csv
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from advtutor.progress import EXERCISES
from tools.notebooks import nbgrader
from tools.notebooks.source import ROOT

NOTEBOOK = "02_gradient_sign_crafting"
CHEAT = """import advtutor.checks.engine as engine
import advtutor.checks.grading as grading

class checks:
    fgsm = bim = project_linf = staticmethod(lambda function: function)
    bim_until_fooled = targeted_fgsm = fgsm

engine.Exercise.judge = lambda self, function: engine.Verdict("✓", "", "right")
grading.grade_cells = lambda cells, names, seconds=0: []
import subprocess
from types import SimpleNamespace
subprocess.run = lambda *a, **k: SimpleNamespace(returncode=0, stdout="✓ right", stderr="")
"""


def own_answer(name: str) -> str:
    """The course's own answer to an exercise, as its notebook has it, without the check."""
    cells = (cell for notebook in EXERCISES for cell in nbgrader.assignment(notebook).cells)
    source = next(cell.source for cell in cells if cell.id == name)
    return re.sub(r"(?m)^ *### (BEGIN|END) SOLUTION\n|^checks\..*", "", source).rstrip()


def with_check(name: str, source: str) -> str:
    return f"{source}\n\n\nchecks.{name}.tell({name})"


# --- the course folder ---


@pytest.mark.parametrize("notebook", EXERCISES)
def test_an_assignment_holds_each_exercise_and_its_points(notebook: str) -> None:
    """Catches an exercise that is forgotten, a test that can be edited, a check that replaces."""
    page = nbgrader.assignment(notebook)
    nbformat.validate(page)
    marks = {cell.metadata.nbgrader.grade_id: cell.metadata.nbgrader for cell in page.cells}
    assert len(marks) == len(page.cells)
    for name in EXERCISES[notebook]:
        assert marks[name]["solution"] and not marks[name]["locked"]
        assert marks[f"{name}-test"]["grade"] and marks[f"{name}-test"]["locked"]
        assert marks[f"{name}-test"]["points"] == 2
        answer = next(c for c in page.cells if c.id == name).source
        assert answer.endswith(f"\n\n\nchecks.{name}.tell({name})")
        assert "**Exercise.**" in next(c for c in page.cells if c.id == f"{name}-text").source


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    """Catches a command that deletes what somebody keeps there."""
    (tmp_path / "thesis.tex").write_text("")
    ran = subprocess.run(
        [sys.executable, "-m", "tools.notebooks.nbgrader", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert ran.returncode != 0 and "something else" in ran.stderr
    assert (tmp_path / "thesis.tex").exists()


# --- nbgrader itself ---


def handed_in(handed_out: NotebookNode, change: Callable[[str, str], str]) -> NotebookNode:
    """A submission: each answer cell as `change(name, source)` makes it."""
    page = nbformat.from_dict(handed_out)
    for cell in page.cells:
        if cell.metadata.nbgrader.solution:
            cell.source = change(cell.metadata.nbgrader.grade_id, cell.source)
    return page


LEAVES = "print('✓ right'); import os; os._exit(0)"


def elsewhere(name: str) -> str:
    """The right answer behind a magic, an import, a helper and a partial."""
    head, _, body = own_answer(name).partition("\n")
    helper = head.replace(f"def {name}(", "def helper(")
    return f"%%time\nimport functools\n\n\n{helper}\n{body}\n\n\n{name} = functools.partial(helper)"


def right(name: str, _: str) -> str:
    """Two answers as the course writes them, the others in other ways."""
    plain = name in ("fgsm", "project_linf")
    return with_check(name, own_answer(name) if plain else elsewhere(name))


def some(name: str, stub: str) -> str:
    """One right answer, two wrong ones, two stubs."""
    if name == "bim":
        return with_check(name, own_answer(name))
    return with_check(name, WRONG[name]) if name in WRONG else stub


WRONG = {
    "fgsm": """def fgsm(model, x, y, eps):
    x = x.detach().clone().requires_grad_()
    (gradient,) = torch.autograd.grad(F.cross_entropy(model(x), y), x)
    return (x + eps * gradient.sign()).detach()""",
    "project_linf": """def project_linf(x_adv, x, eps):
    return torch.clamp(x_adv, x - eps, x + eps)""",
}
SUBMISSIONS: dict[str, Callable[[str, str], str]] = {
    "right": right,
    "some": some,
    "leaves": lambda name, _: with_check(name, f"def {name}(*args):\n    {LEAVES}"),
    "cheat": lambda name, _: CHEAT + with_check(name, f"def {name}(*args):\n    return args[1]"),
}


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course folder with four submissions, graded, with feedback."""
    if os.environ.get("ADVTUTOR_PEERS") != "required":
        pytest.importorskip("nbgrader", reason="not installed: make peers")
    root = tmp_path_factory.mktemp("graded") / "course"
    nbgrader.write_course(root)
    run_nbgrader(root, ["generate_assignment", NOTEBOOK])
    handed_out = nbformat.read(root / "release" / NOTEBOOK / f"{NOTEBOOK}.ipynb", as_version=4)
    for student, change in SUBMISSIONS.items():
        folder = root / "submitted" / student / NOTEBOOK
        folder.mkdir(parents=True)
        nbformat.write(handed_in(handed_out, change), folder / f"{NOTEBOOK}.ipynb")
    autograde = ["autograde", NOTEBOOK, "--create"]
    run_nbgrader(root, autograde, ["generate_feedback", NOTEBOOK], ["export"])
    return root


RUN = """
import ast, os, sys
from nbgrader.apps import NbGraderApp
for command in ast.literal_eval(sys.argv[1]):
    if not (child := os.fork()):
        sys.exit(NbGraderApp.launch_instance(argv=command))
    if os.waitpid(child, 0)[1]:
        sys.exit(f"failed: {command}")
"""


def run_nbgrader(root: Path, *commands: list[str]) -> None:
    """Commands of nbgrader, which takes seconds to be imported: once for all of them."""
    # nbgrader calls alembic by its name, as in an activated environment.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    ran = subprocess.run(
        [sys.executable, "-c", RUN, repr(commands)],
        cwd=root,
        env=os.environ | {"HOME": str(root), "OMP_NUM_THREADS": "1", "PATH": path},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_released_notebook_has_no_solution(course: Path) -> None:
    """Catches an answer, a hidden test or an odd stub in what students receive."""
    text = (course / "release" / NOTEBOOK / f"{NOTEBOOK}.ipynb").read_text(encoding="utf-8")
    assert "HIDDEN" not in text and "SOLUTION" not in text and "(gradient,) =" not in text
    page = nbformat.reads(text, as_version=4)
    answers = [c.source for c in page.cells if c.metadata.nbgrader.solution]
    assert len(answers) == len(EXERCISES[NOTEBOOK]) and all(
        "\n    ...\n" in answer for answer in answers
    )


def test_the_grades_are_what_was_earned(course: Path) -> None:
    """Catches points for a wrong answer, none for a right one, and a notebook that cheats."""
    with (course / "grades.csv").open(encoding="utf-8") as file:
        scores = {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}
    assert scores == {"right": 2 * len(EXERCISES[NOTEBOOK]), "some": 2, "leaves": 0, "cheat": 0}


def test_the_feedback_names_the_mistake(course: Path) -> None:
    """Catches feedback that says no more than 'wrong'."""
    page = course / "feedback" / "some" / NOTEBOOK / f"{NOTEBOOK}.html"
    assert "did you clip?" in page.read_text(encoding="utf-8")
