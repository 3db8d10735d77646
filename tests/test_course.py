"""The learner's copy of the notebooks: complete, brought up to date, and never overwritten."""

from pathlib import Path

import pytest

import advtutor
from advtutor.course import workspace

NAMES = ("00_start_here.ipynb", "01_more.ipynb", "solutions/00_start_here.ipynb")


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small course of version 1, as a wheel would bring it."""
    folder = tmp_path / "shipped"
    (folder / "solutions").mkdir(parents=True)
    for name in NAMES:
        (folder / name).write_text(f"{name}, version 1")
    monkeypatch.setattr(workspace, "notebooks", lambda: folder)
    return folder


def upgrade(shipped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        (shipped / name).write_text(f"{name}, version 2")
    monkeypatch.setattr(advtutor, "__version__", "2.0")


def test_all_notebooks_are_copied(shipped: Path, tmp_path: Path) -> None:
    """Catches a copy without the solutions, and a second call that does anything."""
    mine = tmp_path / "päth with spaces" / "mine"
    assert workspace.copy_into(mine) == []
    assert {name: (mine / name).read_text() for name in NAMES} == {
        name: f"{name}, version 1" for name in NAMES
    }
    before = sorted(mine.rglob("*"))
    assert workspace.copy_into(mine) == []
    assert sorted(mine.rglob("*")) == before


def test_an_upgrade_leaves_work_alone(
    shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches lost work, and an unchanged notebook that stays old."""
    mine = tmp_path / "mine"
    workspace.copy_into(mine)
    (mine / "01_more.ipynb").write_text("my answers")
    upgrade(shipped, monkeypatch)
    said = workspace.copy_into(mine)
    assert (mine / "01_more.ipynb").read_text() == "my answers"
    assert (mine / "01_more-2.0.ipynb").read_text() == "01_more.ipynb, version 2"
    assert (mine / "00_start_here.ipynb").read_text() == "00_start_here.ipynb, version 2"
    assert any("01_more.ipynb stays" in line for line in said)
    assert workspace.copy_into(mine) == []
    (mine / "01_more-2.0.ipynb").write_text("my answers, in the new one")
    assert workspace.copy_into(mine) == []
    assert (mine / "01_more-2.0.ipynb").read_text() == "my answers, in the new one"


def test_a_lost_record_counts_as_changed(
    shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a damaged record that makes a changed notebook look untouched."""
    mine = tmp_path / "mine"
    workspace.copy_into(mine)
    (mine / workspace.STATE).write_text("{")
    upgrade(shipped, monkeypatch)
    workspace.copy_into(mine)
    assert (mine / "01_more.ipynb").read_text() == "01_more.ipynb, version 1"
    assert (mine / "01_more-2.0.ipynb").read_text() == "01_more.ipynb, version 2"
    (mine / "01_more-2.0.ipynb").write_text("my answers, in the new one")
    (mine / workspace.STATE).unlink()
    workspace.copy_into(mine)
    assert (mine / "01_more-2.0.ipynb").read_text() == "my answers, in the new one"


def test_a_deleted_notebook_comes_back(shipped: Path, tmp_path: Path) -> None:
    """Catches a record that is believed more than the folder."""
    workspace.copy_into(tmp_path / "mine")
    (tmp_path / "mine" / "01_more.ipynb").unlink()
    assert workspace.copy_into(tmp_path / "mine") == ["01_more.ipynb was gone: copied again"]
    assert (tmp_path / "mine" / "01_more.ipynb").exists()


def test_a_file_in_the_way_is_one_sentence(shipped: Path, tmp_path: Path) -> None:
    """Catches a traceback where the folder cannot be made."""
    (tmp_path / "mine").write_text("a file")
    with pytest.raises(workspace.CourseError, match="advtutor lab ~/course"):
        workspace.copy_into(tmp_path / "mine")
    assert (tmp_path / "mine").read_text() == "a file"
