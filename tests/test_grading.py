"""Grading: the verdict is that of the notebook, and nothing that a submission does betters it."""

import csv
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from typer.testing import CliRunner

from advtutor import checks
from advtutor.checks import grading
from advtutor.course.cli import app
from advtutor.progress import EXERCISES
from tools.notebooks.source import ROOT

SETUP = "import torch\nimport torch.nn.functional as F\n\nfrom advtutor import attacks, checks"
STEP = """    a = x.clone().requires_grad_()
    (g,) = torch.autograd.grad(F.cross_entropy(model(a), y), a)
    return (x + eps * g.sign()).clamp(0, 1)
"""


def grades(cells: list[str], *names: str, seconds: float = 300) -> dict[str, str]:
    """The line on each exercise, by its name."""
    return {
        one.exercise: one.line for one in grading.grade_cells([SETUP, *cells], [*names], seconds)
    }


# --- the grade is what the notebook said ---

ALIKE = {
    "levels_to_eps": [
        "WHITE = 255\n\n\ndef share(levels):\n    return levels / WHITE",
        "def levels_to_eps(levels):\n    return share(levels)\n\n"
        "checks.levels_to_eps.tell(levels_to_eps)",
    ],
    "fgsm": [
        "import numpy as np\n\n\ndef fgsm(model, x, y, eps):\n"
        + STEP.replace("g.sign()", "torch.from_numpy(np.sign(g.numpy()))")
        + "\nfgsm = checks.fgsm(fgsm)",
    ],
    "project_linf": [
        "%%time\ndef project_linf(x_adv, x, eps):\n"
        "    return x_adv.clamp(x - eps, x + eps).clamp(0, 1)\n\n"
        "project_linf = checks.project_linf(project_linf)"
    ],
    "worst_case_linear": [
        "from functools import partial\n\n\ndef step(w, y, eps, way):\n"
        "    return way * eps * y[:, None] * w.sign()\n\n\n"
        "worst_case_linear = partial(step, way=-1)\n"
        "checks.worst_case_linear.tell(worst_case_linear)"
    ],
    "margin_loss": [
        "from typing import Annotated\n\nLogits = Annotated[torch.Tensor, 'N, K']",
        "def margin_loss(logits: Logits, y: Logits) -> Logits:\n"
        "    return attacks.margin_loss(logits, y)\n\n"
        "margin_loss = checks.margin_loss(margin_loss)",
    ],
    "worst_case_loss": [
        "%matplotlib inline\n%load_ext autoreload\n!true\nimport matplotlib.pyplot as plt",
        "%matplotlib inline\nplt.plot([1])\n\n\ndef worst_case_loss(w, b, x, y, eps):\n"
        "    return F.softplus(eps * w.abs().sum() - y * (x @ w + b))\n\n"
        "worst_case_loss = checks.worst_case_loss(worst_case_loss)",
    ],
    "interval_relu": [
        "def timed(function):\n    def inner(*args):\n"
        "        return function(*args)\n    return inner",
        "@timed\ndef interval_relu(lower, upper):\n    return lower.relu(), upper.relu()\n\n"
        "interval_relu = checks.interval_relu(interval_relu)",
    ],
    "linear_radius": [
        "def linear_radius(w, b, x, y):\n    margin = y * (x @ w + b)\r\n"
        "    return margin.clamp(min=0) / w.abs().sum()\r\n    ...\r\n"
        "linear_radius = checks.linear_radius(linear_radius)"
    ],
}


def test_an_answer_is_right_wherever_the_rest_of_it_stands() -> None:
    """Catches points lost for a helper, an import, a partial, a magic or hints from elsewhere."""
    found = grades([cell for cells in ALIKE.values() for cell in cells], *ALIKE)
    assert {line[0] for line in found.values()} == {"✓"}, found


def test_wrong_answers_keep_their_messages() -> None:
    """Catches a grade without a reason, and the course's own answer graded in its place."""
    cells = [
        "def fgsm(model, x, y, eps):\n"
        + STEP.replace(".clamp(0, 1)", "")
        + "fgsm = checks.fgsm(fgsm)",
        "def bim(model, x, y, eps, step_size, steps):\n    ...\n\nbim = checks.bim(bim)",
        "def project_linf(x_adv, x):\n    return x\n\n"
        "project_linf = checks.project_linf(project_linf)",
        "break_sure = checks.break_sure(attacks.fgsm)",
    ]
    found = grades(cells, "fgsm", "bim", "project_linf", "break_sure", "margin_loss")
    assert found["fgsm"] == "✗ fgsm: the result leaves [0, 1]: did you clip?"
    assert found["bim"] == "○ bim: not attempted yet"
    assert found["project_linf"].startswith(
        "✗ project_linf: it is called as project_linf(x_adv, x, eps)"
    )
    assert found["break_sure"].startswith("✗ break_sure: most digits come back as they were")
    assert found["margin_loss"] == "✗ margin_loss: no answer of this name was handed in"


def test_every_answer_of_the_course_is_right_elsewhere_too() -> None:
    """Catches something an answer needs that the other process does not hand over."""
    order = [name for names in EXERCISES.values() for name in names]
    cells = [getattr(checks, name).answer for name in order]
    found = grades(cells, *order)
    assert {line[0] for line in found.values()} == {"✓"}, found


# --- what does not help ---

EXITS = "def fgsm(model, x, y, eps):\n    print('✓ fgsm: right on all 4 inputs it was tried on')\n"
EXITS += "    import os\n    os._exit(0)\n\n\nfgsm = checks.fgsm(fgsm)"

OVERWRITES = """import subprocess
from types import SimpleNamespace
from advtutor.checks import differences, engine, grading

right = SimpleNamespace(returncode=0, stdout="✓ fgsm: right", stderr="")
subprocess.run = subprocess.check_output = lambda *args, **more: right
subprocess.Popen.wait = lambda *args, **more: 0
torch.allclose = torch.equal = lambda *args, **more: True
torch.isclose = lambda one, *args, **more: torch.ones_like(one, dtype=torch.bool)
engine.same = differences.same = lambda *args: True
engine.Exercise.decide = lambda *args: None
engine.Exercise.judge = lambda *args: engine.Verdict("✓", "", "right")
grading.judged = lambda *args: engine.Verdict("✓", "", "right")"""

FORGES = """import json, os, sys, torch
from pathlib import Path
from safetensors.torch import save_file

ones = torch.ones(4, 1, 6, 6)
tensor = {"tensor": "t", "requires_grad": False}
run = {"result": tensor, "again": tensor, "seen": tensor, "changed": {}}
found = {"mark": "✓", "text": "right on all 4 inputs it was tried on", "runs": RUNS}
said = {"found": json.dumps({"fgsm": found}), "ended": "True"}
save_file({"t": ones}, sys.argv[2], metadata=said)
os._exit(0)"""


def test_an_answer_that_says_it_is_right_and_leaves_earns_nothing() -> None:
    """Catches a verdict that is read off what the answer's own process prints or ends with."""
    line = grades([EXITS], "fgsm")["fgsm"]
    assert line == "✗ fgsm: its notebook ended the process before the answer was checked"


def test_a_notebook_that_overwrites_everything_earns_nothing() -> None:
    """Catches a verdict that is formed where submitted code has run."""
    wrong = "def fgsm(model, x, y, eps):\n    return x.clone()\n\n\nfgsm = checks.fgsm(fgsm)"
    line = grades([OVERWRITES, wrong], "fgsm")["fgsm"]
    assert line.startswith("✗ fgsm: "), line


@pytest.mark.parametrize("runs", ["[run] * 4", "[]", "None", "[{}] * 4"])
def test_a_notebook_that_writes_the_report_itself_earns_nothing(
    runs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a mark that is taken over, and a report that is not looked at piece by piece."""
    line = grades([FORGES.replace("RUNS", runs)], "fgsm")["fgsm"]
    assert line.startswith("✗ fgsm: "), line


NESTED = """import os, sys
from safetensors.torch import save_file

save_file({}, sys.argv[2], metadata={"found": "[" * 100_000 + "]" * 100_000})
os._exit(0)"""


def test_a_report_that_is_nested_too_deep_earns_nothing_and_ends_no_other() -> None:
    """Catches one submission that ends the grading of all that come after it."""
    assert grades([NESTED], "fgsm")["fgsm"].startswith("✗ fgsm: what its notebook returned cannot")


def test_a_notebook_whose_threads_run_on_is_done_when_its_cells_are() -> None:
    """Catches ten minutes of waiting for a thread that nobody ends."""
    cells = [
        "import threading, time\nthreading.Thread(target=time.sleep, args=[1000]).start()",
        "checks.levels_to_eps.tell(lambda n: n / 255)",
    ]
    begun = time.monotonic()
    assert grades(cells, "levels_to_eps")["levels_to_eps"].startswith("✓")
    assert time.monotonic() - begun < 200


def test_an_endless_notebook_is_ended() -> None:
    """Catches a grading that never comes back, and what came before the loop lost with it."""
    cells = ["levels_to_eps = checks.levels_to_eps(lambda n: n / 255)"]
    began = time.monotonic()
    grades(cells, "levels_to_eps")
    limit = 1 + round(3 * (time.monotonic() - began))  # as slow as this machine is now
    cells += ["import time\nwhile True:\n    time.sleep(0.1)", EXITS]
    found = grades(cells, "levels_to_eps", "fgsm", seconds=limit)
    assert found["levels_to_eps"].startswith("✓")
    assert found["fgsm"] == f"✗ fgsm: its notebook was still running after {limit} s"


BEATS = """import time
from collections.abc import Callable
from pathlib import Path
while True:
    Path({path!r}).write_text(str(time.monotonic()))
    time.sleep(0.05)"""


def test_a_notebook_ends_with_its_grader(tmp_path: Path) -> None:
    """Catches a submission that runs on, with nobody to end it, once its grader was killed."""
    beat = tmp_path / "beat"
    code = "from advtutor.checks import grading\n"
    code += f"grading.grade_cells([{BEATS.format(path=str(beat))!r}], ['fgsm'])"
    grader = subprocess.Popen([sys.executable, "-c", code])
    try:
        wait_until(beat.exists)
    finally:
        grader.kill()
        grader.wait()

    def still() -> bool:
        before = beat.read_bytes()
        time.sleep(1)
        return beat.read_bytes() == before != b""

    wait_until(still)


def wait_until(true: Callable[[], bool], seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)


# --- the command ---


@pytest.fixture(scope="module")
def handed_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a notebook of the course, a file of functions, and something else."""
    folder = tmp_path_factory.mktemp("handed in")
    answer = "def levels_to_eps(levels):\n    return levels / 255\n"
    cells = [nbformat.v4.new_code_cell(source) for source in (SETUP, answer)]
    (folder / "00_start_here.ipynb").write_text(
        nbformat.writes(nbformat.v4.new_notebook(cells=cells)), encoding="utf-8"
    )
    text = '"""Größe: ε."""\r\n' + answer.replace("\n", "\r\n").replace("255", "256")
    (folder / "somebody.py").write_bytes(text.encode())
    (folder / "broken.ipynb").write_text("{", encoding="utf-8")
    return folder


@pytest.mark.parametrize("text", ["[" * 100_000, '{"cells": [{"cell_type": "code", "source": 1}]}'])
def test_a_file_that_is_no_notebook_is_told_so(tmp_path: Path, text: str) -> None:
    """Catches a traceback that ends the grading of all that come after it."""
    (tmp_path / "no.ipynb").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"no\.ipynb cannot be read as a notebook"):
        grading.grade(tmp_path / "no.ipynb")


def test_a_file_in_another_encoding_is_read_as_python_and_json_read_it(tmp_path: Path) -> None:
    """Catches a right answer that is not read for the letters in its comments."""
    code = (
        "# -*- coding: latin-1 -*-\n# Größe\ndef levels_to_eps(levels):\n    return levels / 255\n"
    )
    (tmp_path / "one.py").write_bytes(code.encode("latin-1"))
    page = nbformat.writes(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)]))
    (tmp_path / "two.ipynb").write_text(page, encoding="utf-16")
    for name in ("one.py", "two.ipynb"):
        assert [one.right for one in grading.grade(tmp_path / name)] == [True]


def test_the_command_grades_files_and_folders(handed_in: Path, tmp_path: Path) -> None:
    """Catches a file that is passed over, a table without the reasons, and a traceback."""
    table = tmp_path / "grades.csv"
    result = CliRunner().invoke(app, ["grade", str(handed_in), "--csv", str(table)])
    assert result.exit_code == 1 and "broken.ipynb cannot be read" in result.output
    rows = list(csv.DictReader(table.open(encoding="utf-8")))
    assert [(Path(r["file"]).name, r["exercise"], r["right"]) for r in rows] == [
        ("00_start_here.ipynb", "levels_to_eps", "1"),
        ("somebody.py", "levels_to_eps", "0"),
    ]
    assert "one step less" in rows[1]["line"]


def test_a_cell_that_was_left_as_it_is_runs_where_something_needs_it(tmp_path: Path) -> None:
    """Catches a course's training run again for each submission, and a helper not run at all."""
    answers = [
        "%%time\ndef levels_to_eps(levels):\n    return levels / white\n",
        "def project_linf(x_adv, x, eps):\n    return box(x_adv, x, eps).clamp(low, 1)\n",
    ]
    untouched = [
        "white, low = 255, 0.5",
        "def box(x_adv, x, eps):\n    return x_adv.clamp(x - eps, x + eps)",
        "low = 1 - 1",
        "import time\nnetwork = time.sleep(1000)",
        "network",
    ]
    path, touched = tmp_path / "somebodys.ipynb", "1 +"
    cells = map(nbformat.v4.new_code_cell, [*untouched, touched, *answers])
    path.write_text(nbformat.writes(nbformat.v4.new_notebook(cells=[*cells])), encoding="utf-8")
    found = grading.grade(path, 300, {*untouched, touched})
    assert [(one.exercise, one.right) for one in found] == [
        ("levels_to_eps", True),
        ("project_linf", True),
    ]


@pytest.mark.parametrize("notebook", EXERCISES)
def test_of_the_courses_notebooks_the_exercises_and_what_they_import_run(notebook: str) -> None:
    """Catches a training that the grader runs, and an exercise that it does not."""
    cells = grading.cells_of(ROOT / "notebooks" / f"{notebook}.ipynb")
    kept = grading.needed(cells, {*cells})
    checked = [name for name in EXERCISES[notebook] if any(f"checks.{name}(" in c for c in kept)]
    assert checked == [*EXERCISES[notebook]] and kept[0] == cells[0]
    assert len(kept) == 1 + len(checked)


@pytest.mark.skipif(not str(Path(__file__)).isascii(), reason="C has no name for this path")
def test_it_grades_in_any_locale_and_from_wherever_the_package_comes(handed_in: Path) -> None:
    """Catches a right answer graded wrong for the encoding, or for a path that only Python had."""
    base = os.path.realpath(sys.executable)
    code = f"import sys; sys.path[:0] = {sys.path!r}\nfrom advtutor.course.cli import app\napp()"
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONUTF8")}
    environment |= {"LC_ALL": "C", "PYTHONIOENCODING": "latin-1", "PYTHONCOERCECLOCALE": "0"}
    ran = subprocess.run(
        [base, "-X", "utf8=0", "-c", code, "grade", str(handed_in / "00_start_here.ipynb")],
        env=environment,
        capture_output=True,
        encoding="latin-1",
    )
    assert ran.returncode == 0 and "1 of 1 right" in ran.stdout, ran.stdout + ran.stderr
