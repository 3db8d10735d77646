"""Progress: what is kept, where, and what happens where nothing can be kept."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from advtutor import checks, progress
from advtutor.course.cli import app
from advtutor.progress import EXERCISES
from tools.notebooks.source import read_source, source_path


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A progress file of the test's own, and a process that has done nothing yet."""
    path = tmp_path / "folder" / "progress.json"
    monkeypatch.setenv("ADVTUTOR_PROGRESS", str(path))
    monkeypatch.setattr(progress, "_here", set())
    return path


def right(levels: float) -> float:
    return levels / 255


def wrong(levels: float) -> float:
    return levels


def test_a_right_answer_is_noted_and_a_wrong_one_is_not(file: Path) -> None:
    """Catches progress without an answer, and an answer without progress."""
    checks.levels_to_eps(wrong)
    assert not file.exists() and progress.done() == set()
    checks.levels_to_eps(right)
    assert progress.done() == {"levels_to_eps"}


def test_the_file_holds_names_and_days_and_no_code(file: Path) -> None:
    """Catches a file that stores what the learner wrote, or is not one small piece of JSON."""
    checks.levels_to_eps(right)
    stored = json.loads(file.read_text())
    assert list(stored) == ["done"] and list(stored["done"]) == ["levels_to_eps"]
    assert len(stored["done"]["levels_to_eps"]) == len("2026-01-31")
    assert [path.name for path in file.parent.iterdir()] == [file.name], "nothing is left beside it"


def test_it_is_there_after_a_restart(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches progress that lives as long as the kernel."""
    progress.record("fgsm")
    progress.record("bim")
    monkeypatch.setattr(progress, "_here", set())
    assert progress.done() == {"fgsm", "bim"}


def test_it_can_be_switched_off(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a file that is written although the environment says off."""
    monkeypatch.setenv("ADVTUTOR_PROGRESS", "off")
    progress.record("fgsm")
    assert progress.progress_file() is None and not file.parent.exists()
    assert progress.done() == {"fgsm"}, "this session still knows"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"done": 3}', '{"other": {}}', "\x00"])
def test_a_spoilt_file_is_begun_anew(file: Path, text: str) -> None:
    """Catches a traceback in the notebook because a file was cut off."""
    file.parent.mkdir()
    file.write_text(text)
    assert progress.done() == set()
    progress.record("fgsm")
    assert list(json.loads(file.read_text())["done"]) == ["fgsm"]


def test_a_folder_that_cannot_be_made_costs_nothing(file: Path) -> None:
    """Catches a check that fails because the disk is full or read-only."""
    file.parent.write_text("a file where the folder should be")
    assert checks.levels_to_eps(right) is right
    assert progress.done() == {"levels_to_eps"}


def test_the_last_cell_shows_each_exercise(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Catches a mark at the wrong exercise, and a misspelt notebook that passes in silence."""
    progress.record("bim")
    progress.show("02_gradient_sign_crafting")
    assert capsys.readouterr().out.split("   ") == [
        "exercises of this notebook",
        "○ fgsm",
        "○ project_linf",
        "✓ bim",
        "○ bim_until_fooled",
        "○ targeted_fgsm\n",
    ]
    with pytest.raises(ValueError, match="there are 00_start_here, 01"):
        progress.show("02")


def test_the_command_lists_all_notebooks(file: Path) -> None:
    """Catches a command that forgets a notebook or what is done."""
    progress.record("fgsm")
    result = CliRunner().invoke(app, ["progress"])
    assert result.exit_code == 0
    lines = {line.split()[0]: line for line in result.output.splitlines() if line[:2].isdigit()}
    assert lines.keys() == EXERCISES.keys()
    assert "✓ fgsm" in lines["02_gradient_sign_crafting"]
    assert "○ bim" in lines["02_gradient_sign_crafting"]
    assert str(file) in result.output.replace("\n", "")


@pytest.mark.parametrize("notebook", EXERCISES)
def test_the_list_is_that_of_the_notebooks(notebook: str) -> None:
    """Catches an exercise that is in a notebook and not in the list, and a last cell without it."""
    source = read_source(source_path(notebook))
    in_source = [name for name in checks.__all__ if f"= checks.{name}({name})" in source]
    assert set(EXERCISES[notebook]) == set(in_source)
    last_code = source.rstrip().rsplit("# %%\n", 1)[1]
    assert last_code == f'progress.show("{notebook}")'


@pytest.mark.parametrize("found", ["~/.local/share/advtutor", RuntimeError("no home")])
def test_without_a_home_a_check_goes_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, found: str | Exception
) -> None:
    """Catches a right answer that ends in a traceback, and a folder called ~ beside the notebook.

    Older platformdirs leave the ~ where a user id has no entry, newer ones raise.
    """

    def user_data_dir(*_: str) -> str:
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.delenv("ADVTUTOR_PROGRESS", raising=False)
    monkeypatch.setattr(progress, "_here", set())
    monkeypatch.setattr(progress, "user_data_dir", user_data_dir)
    monkeypatch.chdir(tmp_path)
    assert checks.levels_to_eps(right) is right
    assert progress.done() == {"levels_to_eps"} and progress.progress_file() is None
    assert list(tmp_path.iterdir()) == []
    shown = CliRunner().invoke(app, ["progress"])
    assert shown.exit_code == 0 and "kept nowhere: there is no home folder" in shown.output
