"""`advtutor catch-up`: a notebook to start in, the answers before it, and no file touched."""

import json
import os
import shutil
from pathlib import Path

import nbformat
import pytest
from typer.testing import CliRunner, Result

from advtutor import progress
from advtutor.course import catchup, workspace
from advtutor.course.cli import app
from tools.notebooks.build import known_names
from tools.notebooks.source import NOTEBOOKS, notebook_path

THIRD = "03_adversarial_training"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A learner's folder with a space in its name: notebooks and solutions, and nothing else."""
    made = tmp_path / "my course"
    shutil.copytree(
        NOTEBOOKS, made, ignore=shutil.ignore_patterns("source", "catch-up", "*-fresh*")
    )
    return made


def call(*arguments: str | Path) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, ["catch-up", *map(str, arguments)])


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("name", known_names())
def test_an_emptied_solution_is_the_learners_notebook(name: str) -> None:
    """Catches a stub that shows its answer, a changed cell, a link that leads elsewhere."""
    solved = json.loads(notebook_path(name, "solution").read_text(encoding="utf-8"))
    made = nbformat.from_dict(catchup.unfilled(solved))
    nbformat.validate(made)
    wanted = nbformat.read(notebook_path(name, "learner"), as_version=4)
    assert [cell.source for cell in made.cells] == [cell.source for cell in wanted.cells]
    assert "✓ fgsm" not in json.dumps(made, ensure_ascii=False)


def test_the_answers_before_it_lie_at_hand(folder: Path) -> None:
    """Catches a missing answer, one too many, and a learner's file that was touched."""
    before = contents(folder)
    shown = call("03", "--notebooks", folder)
    assert shown.exit_code == 0, shown.output
    assert f"kept {folder / THIRD}.ipynb as it is" in shown.stdout
    assert f"open {folder / THIRD}.ipynb" in shown.stdout
    assert "00 to 02" in shown.stdout and "wrote 3 of them" in shown.stdout
    after = contents(folder)
    assert {path: after[path] for path in before} == before
    assert sorted(set(after) - set(before)) == [
        f"catch-up/{name}.ipynb" for name in known_names()[:3]
    ]


def test_a_second_run_writes_nothing(folder: Path) -> None:
    """Catches a copy of a copy, and an answer that was edited and is overwritten."""
    call("03", "--notebooks", folder)
    edited = folder / "catch-up" / "01_linear_explanation.ipynb"
    edited.write_text(edited.read_text(encoding="utf-8").replace("Exercise", "My exercise"))
    before = contents(folder)
    shown = call("03", "--notebooks", folder)
    assert shown.exit_code == 0, shown.output
    assert "they were there" in shown.stdout and "which was changed" in shown.stdout
    assert contents(folder) == before


def test_a_missing_notebook_is_written(folder: Path) -> None:
    """Catches a learner who has nothing to open."""
    (folder / f"{THIRD}.ipynb").unlink()
    shown = call("3", "--notebooks", folder)
    assert "it was missing" in shown.stdout and shown.exit_code == 0
    made = nbformat.read(folder / f"{THIRD}.ipynb", as_version=4)
    assert made.cells[0].source.startswith("# Adversarial training\n\n**")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda text: text[:5000], "cannot be read as a notebook"),
        (lambda text: "", "cannot be read as a notebook"),
        (lambda text: text.replace('"id": "cell-001"', '"id": "other"'), "lacks 1 of its"),
        (lambda text: text.replace("digits = mnist()", "digits = mnist("), "stops at its cell 2"),
    ],
    ids=["cut off", "empty", "cell gone", "syntax"],
)
def test_a_spoilt_notebook_stays_and_a_fresh_one_lies_beside(folder: Path, spoil, said) -> None:
    """Catches a learner's file that is lost, a spoilt one that is recommended, a third copy."""
    path = folder / f"{THIRD}.ipynb"
    path.write_text(spoil(path.read_text(encoding="utf-8")), encoding="utf-8")
    before = path.read_bytes()
    for state in ("wrote", "found"):
        shown = call("03", "--notebooks", folder)
        assert shown.exit_code == 0 and said in shown.stdout, shown.output
        assert f"{state} {folder / THIRD}-fresh.ipynb" in shown.stdout
        assert f"open {folder / THIRD}-fresh.ipynb" in shown.stdout
    assert path.read_bytes() == before
    assert not list(folder.glob("*-fresh-2*"))


def test_half_done_work_is_no_fault(folder: Path) -> None:
    """Catches a notebook that counts as spoilt because the learner wrote and added cells."""
    path = folder / f"{THIRD}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.insert(3, nbformat.v4.new_code_cell("%time 1 + 1\n!echo mine"))
    nbformat.write(notebook, path)
    assert "as it is" in call(THIRD, "--notebooks", folder).stdout


def test_running_the_answers_is_nobodys_progress(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches exercises that count as the learner's because the course's answers were run."""
    monkeypatch.setenv("ADVTUTOR_PROGRESS", str(tmp_path / "progress.json"))
    call("03", "--notebooks", folder)
    answers = nbformat.read(folder / "catch-up" / f"{known_names()[0]}.ipynb", as_version=4)
    code = [cell.source for cell in answers.cells if cell.cell_type == "code"]
    exec(code[0], {})
    exec(
        "from advtutor import checks\n" + next(c for c in code if "levels_to_eps(levels)" in c), {}
    )
    assert os.environ["ADVTUTOR_PROGRESS"] == "off"
    monkeypatch.setattr(progress, "_here", set())
    monkeypatch.setenv("ADVTUTOR_PROGRESS", str(tmp_path / "progress.json"))
    assert progress.done() == set()


def test_the_links_of_the_answers_lead_somewhere(folder: Path) -> None:
    """Catches a link to a notebook that is not among the copies."""
    call("02", "--notebooks", folder)
    for path in (folder / "catch-up").glob("*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            for link in catchup.LINK.finditer(cell.source):
                head = cell.source[: link.start()].rpartition("](")[2]
                assert (path.parent / f"{head}{link[0]}.ipynb").exists(), link[0]


@pytest.mark.parametrize(
    ("wanted", "nearest"),
    [("9", "07"), ("08", "07"), ("training", "03"), ("05_why_examples", "05")],
)
def test_an_unknown_notebook_gets_the_nearest(folder: Path, wanted: str, nearest: str) -> None:
    """Catches a traceback, and a message that names nothing to type."""
    shown = call("--notebooks", folder, "--", wanted)
    assert shown.exit_code == 1
    assert f"advtutor catch-up {nearest}" in shown.stderr
    assert "Traceback" not in shown.output and not (folder / "catch-up").exists()


def test_no_notebooks_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a wheel's user who gets a traceback, or files in a folder of something else."""
    monkeypatch.setattr(workspace, "clone", lambda: None)
    monkeypatch.chdir(tmp_path)
    shown = call("03")
    assert shown.exit_code == 1 and "--notebooks DIR" in shown.stderr
    shown = call("03", "--notebooks", tmp_path / "nowhere")
    assert shown.exit_code == 1 and "there is no folder" in shown.stderr
    shown = call("03", "--notebooks", tmp_path)
    assert shown.exit_code == 1 and "no solved notebooks" in shown.stderr
    assert not list(tmp_path.iterdir())


def test_this_folder_comes_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a call from the learner's own folder that writes into the clone."""
    monkeypatch.chdir(folder)
    assert call("01").exit_code == 0
    assert (folder / "catch-up" / "00_start_here.ipynb").exists()


def test_a_folder_that_cannot_be_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a traceback on a read-only disk. Root may write anywhere, so the disk is played."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(folder / "catch-up"))

    before = contents(folder)
    monkeypatch.setattr(Path, "mkdir", refuse)
    shown = call("03", "--notebooks", folder)
    assert shown.exit_code == 1
    assert f"cannot write {folder / 'catch-up'}: Permission denied" in shown.stderr
    assert contents(folder) == before


def test_what_it_needs_and_does_not_load_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches "open it" where the notebook would stop at its first cells."""

    def missing(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(catchup.importlib, "import_module", missing)
    shown = call("03", "--notebooks", folder)
    assert shown.exit_code == 1
    assert "No module named 'torch'" in shown.stderr and "advtutor doctor" in shown.stderr
    assert "open " not in shown.stdout


@pytest.mark.parametrize("name", known_names())
def test_each_notebook_finds_what_it_needs_here(name: str) -> None:
    """Catches a need that this very installation does not meet, and one that is never looked at."""
    notebook = json.loads(notebook_path(name, "learner").read_text(encoding="utf-8"))
    assert all(finding.state == "ok" for finding in catchup.needed(notebook))
