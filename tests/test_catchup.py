"""`advtutor catch-up`: a notebook to start in, the answers before it, and no file touched."""

import os
import re
from pathlib import Path

import nbformat
import pytest
from typer.testing import CliRunner, Result

from advtutor import checks, data, progress
from advtutor.course import workspace
from advtutor.course.cli import app

ROOT = Path(__file__).resolve().parent.parent
NAMES = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
THIRD = "03_adversarial_training"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A learner's folder with a space in its name."""
    workspace.copy_into(tmp_path / "my course")
    return tmp_path / "my course"


def call(*arguments: str | Path) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, ["catch-up", *map(str, arguments)])


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != workspace.STATE
    }


def test_the_answers_before_it_lie_at_hand(folder: Path) -> None:
    """Catches a missing answer, one too many, and a learner's file that was touched."""
    before = contents(folder)
    shown = call("03", "--notebooks", folder)
    assert shown.exit_code == 0, shown.output
    assert shown.stdout.splitlines() == [
        f"the answers of 00 to 02 lie in {folder / 'catch-up'}",
        f"all that it needs loads; open {folder / THIRD}.ipynb",
    ]
    after = contents(folder)
    assert {path: after[path] for path in before} == before
    assert sorted(set(after) - set(before)) == [f"catch-up/{name}.ipynb" for name in NAMES[:3]]
    for name in NAMES[:3]:
        copy = nbformat.read(folder / "catch-up" / f"{name}.ipynb", as_version=4)
        nbformat.validate(copy)
        solved = nbformat.read(folder / "solutions" / f"{name}.ipynb", as_version=4)
        code = [cell.source for cell in copy.cells if cell.cell_type == "code"]
        assert code[1:] == [cell.source for cell in solved.cells if cell.cell_type == "code"]


@pytest.mark.parametrize("numbers", [("03", "02"), ("02", "03"), ("03", "03")])
def test_untouched_answers_are_never_said_to_be_changed(
    folder: Path, numbers: tuple[str, str]
) -> None:
    """Catches copies that depend on which notebook was asked for."""
    for number in numbers:
        _, lines = workspace.catch_up(number, folder)
        assert lines == [f"the answers of 00 to {int(number) - 1:02} lie in {folder / 'catch-up'}"]


def test_an_edited_answer_stays(folder: Path) -> None:
    """Catches a copy that a second call overwrites."""
    workspace.catch_up("03", folder)
    edited = folder / "catch-up" / "01_linear_explanation.ipynb"
    edited.write_text(edited.read_text(encoding="utf-8").replace("Exercise", "My exercise"))
    before = contents(folder)
    workspace.catch_up("03", folder)
    assert contents(folder) == before


def test_a_missing_notebook_is_written(folder: Path) -> None:
    """Catches a learner who has nothing to open."""
    (folder / f"{THIRD}.ipynb").unlink()
    start, lines = workspace.catch_up("3", folder)
    assert start == folder / f"{THIRD}.ipynb"
    assert lines[0] == f"{THIRD}.ipynb was gone: copied again"
    assert start.read_bytes() == (ROOT / "notebooks" / start.name).read_bytes()


@pytest.mark.parametrize("spoilt", [b'{"cells": [{"c', b"", b"[]", b"\xff\xfe", b'{"cells": []}'])
def test_a_spoilt_notebook_stays_and_a_fresh_one_lies_beside(folder: Path, spoilt: bytes) -> None:
    """Catches a learner's file that is lost, a spoilt one that is recommended, a third copy."""
    path, fresh = folder / f"{THIRD}.ipynb", folder / f"{THIRD}-fresh.ipynb"
    path.write_bytes(spoilt)
    for _ in range(2):
        start, lines = workspace.catch_up("03", folder)
        assert start == fresh and "cannot be read as a notebook" in lines[0]
        assert path.read_bytes() == spoilt
    assert fresh.read_bytes() == (ROOT / "notebooks" / path.name).read_bytes()
    assert len(list(folder.glob("03_*"))) == 2
    notebook = nbformat.read(fresh, as_version=4)
    notebook.cells[1].source += "\nmine = 1"
    nbformat.write(notebook, fresh)
    assert workspace.catch_up("03", folder)[0] == fresh
    assert "mine = 1" in fresh.read_text()


def test_running_the_answers_is_nobodys_progress(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches exercises that count as the learner's because the course's answers were run."""
    monkeypatch.setenv("ADVTUTOR_PROGRESS", str(tmp_path / "progress.json"))
    workspace.catch_up("03", folder)
    answers = nbformat.read(folder / "catch-up" / f"{NAMES[0]}.ipynb", as_version=4)
    code = [cell.source for cell in answers.cells if cell.cell_type == "code"]
    exec(code[0], {})
    exec(next(cell for cell in code if "levels_to_eps(levels)" in cell), {"checks": checks})
    assert os.environ["ADVTUTOR_PROGRESS"] == "off"
    monkeypatch.setattr(progress, "_here", set())
    monkeypatch.setenv("ADVTUTOR_PROGRESS", str(tmp_path / "progress.json"))
    assert progress.done() == set()


def test_the_links_of_the_answers_lead_somewhere(folder: Path) -> None:
    """Catches a link to a notebook that is not there."""
    workspace.catch_up("02", folder)
    links = [
        path.parent / link
        for path in (folder / "catch-up").glob("*.ipynb")
        for cell in nbformat.read(path, as_version=4).cells
        for link in re.findall(r"\]\(([\w./-]+\.ipynb)\)", cell.source)
    ]
    assert len(links) > 5 and all(link.exists() for link in links)


@pytest.mark.parametrize(
    ("wanted", "nearest"),
    [("99", NAMES[-1][:2]), ("training", "03"), ("05_why_examples", "05")],
)
def test_an_unknown_notebook_gets_the_nearest(folder: Path, wanted: str, nearest: str) -> None:
    """Catches a traceback, and a message that names nothing to type."""
    shown = call("--notebooks", folder, "--", wanted)
    assert shown.exit_code == 1
    assert f"advtutor catch-up {nearest}" in shown.stderr
    assert "Traceback" not in shown.output and not (folder / "catch-up").exists()


def test_no_notebooks_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a wheel's user who gets a traceback, or files in a folder of something else."""
    monkeypatch.setattr(workspace, "notebooks", lambda: ROOT / "notebooks")
    monkeypatch.setattr(workspace, "repository", lambda: None)
    monkeypatch.chdir(tmp_path)
    shown = call("03")
    assert shown.exit_code == 1 and "--notebooks DIR" in shown.stderr
    shown = call("03", "--notebooks", tmp_path / "nowhere")
    assert shown.exit_code == 1 and "there is no folder" in shown.stderr
    assert not list(tmp_path.iterdir())


def test_this_folder_comes_first_and_never_the_clones_own(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a call from the learner's own folder that writes into the clone."""
    monkeypatch.setattr(workspace, "usual_folder", lambda: tmp_path / "usual")
    for here, start in (
        (folder, folder),
        (ROOT / "notebooks", tmp_path / "usual"),
        (ROOT / "notebooks" / "solutions", tmp_path / "usual"),
        (tmp_path, tmp_path / "usual"),
    ):
        monkeypatch.chdir(here)
        assert workspace.catch_up("00")[0] == start / f"{NAMES[0]}.ipynb"


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

    def missing() -> None:
        raise data.DataError("No room. Set the environment variable TMPDIR.")

    monkeypatch.setattr(data, "mnist", missing)
    shown = call("03", "--notebooks", folder)
    assert shown.exit_code == 1
    assert "MNIST" in shown.stderr and "Set the environment variable TMPDIR" in shown.stderr
    assert "open " not in shown.stdout
