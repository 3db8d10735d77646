"""The learner's folder: complete, brought up to date, and nothing written in it overwritten."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

import advtutor
from advtutor.course import workspace

ROOT = Path(__file__).resolve().parent.parent
NAMES = ("00_start_here.ipynb", "06_proof.ipynb", "solutions/00_start_here.ipynb")


def write(path: Path, text: str) -> None:
    """A notebook of two cells and an output, as the course stores them."""
    cells = [new_markdown_cell(f"# {text}"), new_code_cell("def answer():\n    ...", id="cell-001")]
    cells[0].id = "cell-000"
    cells[1].execution_count = 1
    cells[1].outputs = [nbformat.v4.new_output("stream", name="stdout", text="stored\n")]
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=cells), path)


def heading(path: Path) -> str:
    return nbformat.read(path, as_version=4).cells[0].source


def solve(path: Path, answer: str = "def answer():\n    return 42") -> None:
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[1].source = answer
    nbformat.write(notebook, path)


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small course of version 1, as a wheel would bring it."""
    folder = tmp_path / "shipped"
    for name in NAMES:
        write(folder / name, f"{name}, version 1")
    monkeypatch.setattr(workspace, "notebooks", lambda: folder)
    return folder


@pytest.fixture
def mine(shipped: Path, tmp_path: Path) -> Path:
    """A learner's folder into which version 1 was copied."""
    folder = tmp_path / "päth with spaces" / "mine"
    assert workspace.copy_into(folder) == []
    return folder


@pytest.fixture
def upgrade(shipped: Path, mine: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Bring another version to the learner's folder; `renamed` is a new name for 06_proof."""

    def bring(version: str = "2", renamed: str = "06_proof.ipynb") -> list[str]:
        shutil.rmtree(shipped)
        for name in (NAMES[0], renamed, NAMES[2]):
            write(shipped / name, f"{name}, version {version}")
        monkeypatch.setattr(advtutor, "__version__", f"{version}.0")
        return workspace.copy_into(mine)

    return bring


def test_all_notebooks_are_copied_once(shipped: Path, mine: Path) -> None:
    """Catches a copy without the solutions, and a second call that does anything."""
    for name in NAMES:
        assert (mine / name).read_bytes() == (shipped / name).read_bytes()
    before = {path: path.stat().st_mtime_ns for path in mine.rglob("*")}
    assert workspace.copy_into(mine) == []
    assert {path: path.stat().st_mtime_ns for path in mine.rglob("*")} == before


def test_an_upgrade_leaves_work_alone(mine: Path, upgrade: Callable[..., list[str]]) -> None:
    """Catches lost work, an unchanged notebook that stays old, and an offer that is made twice."""
    solve(mine / "06_proof.ipynb")
    solved = (mine / "06_proof.ipynb").read_bytes()
    assert upgrade("2") == [
        "06_proof.ipynb stays as you have it; that of this version is 06_proof-2.0.ipynb, beside "
        "it",
        "2 notebooks brought to version 2.0; nothing of yours was in them",
    ]
    assert (mine / "06_proof.ipynb").read_bytes() == solved
    assert heading(mine / "06_proof-2.0.ipynb") == "# 06_proof.ipynb, version 2"
    assert heading(mine / "00_start_here.ipynb") == "# 00_start_here.ipynb, version 2"
    solve(mine / "06_proof-2.0.ipynb")
    assert workspace.copy_into(mine) == []
    (mine / "06_proof-2.0.ipynb").unlink()
    assert workspace.copy_into(mine) == [], "an offer that was thrown away stays away"
    assert (mine / "06_proof.ipynb").read_bytes() == solved


def test_each_later_text_is_offered_under_the_same_version(
    mine: Path, upgrade: Callable[..., list[str]], shipped: Path
) -> None:
    """Catches an offer that is said to be of this version and is older: a clone keeps its number
    from one pull to the next."""
    solve(mine / "06_proof.ipynb")
    upgrade("2")
    write(shipped / "06_proof.ipynb", "pulled once more")
    assert "06_proof-2.0.ipynb, beside it" in workspace.copy_into(mine)[0]
    assert heading(mine / "06_proof-2.0.ipynb") == "# pulled once more"
    solve(mine / "06_proof-2.0.ipynb")
    write(shipped / "06_proof.ipynb", "and again")
    assert "06_proof-2.0-2.ipynb, beside it" in workspace.copy_into(mine)[0]
    assert heading(mine / "06_proof-2.0.ipynb") == "# pulled once more"
    assert heading(mine / "06_proof-2.0-2.ipynb") == "# and again"


def test_the_same_text_with_other_outputs_is_no_new_version(shipped: Path, mine: Path) -> None:
    """Catches an offer of what a learner has already, beside their own work."""
    solve(mine / "06_proof.ipynb")
    path = shipped / "06_proof.ipynb"
    path.write_text(path.read_text().replace("stored", "measured anew"))
    assert workspace.copy_into(mine) == []


def run_and_saved(notebook: dict) -> None:
    notebook["cells"][1]["execution_count"] = 7
    notebook["cells"][1]["outputs"] = []


def new_ids(notebook: dict) -> None:
    for cell in notebook["cells"]:
        cell["id"] = f"other-{cell['id']}"


def other_metadata(notebook: dict) -> None:
    notebook["metadata"] |= {"kernelspec": {"name": "venv"}, "widgets": {}}
    notebook["cells"][1]["metadata"] = {"scrolled": True, "ExecuteTime": {"start_time": "now"}}


def empty_cell(notebook: dict) -> None:
    notebook["cells"].append({"cell_type": "code", "id": "x", "metadata": {}, "source": ""})


def older_format(notebook: dict) -> None:
    notebook["nbformat_minor"] = 4
    for cell in notebook["cells"]:
        del cell["id"]
        cell["source"] = "".join(cell["source"]).splitlines(keepends=True)


@pytest.mark.parametrize(
    "touch",
    [run_and_saved, new_ids, other_metadata, empty_cell, older_format, lambda notebook: None],
    ids=lambda touch: touch.__name__,
)
@pytest.mark.parametrize("ends", ["\n", "\r\n"], ids=["unix", "windows"])
def test_what_editors_do_by_themselves_is_no_change(
    mine: Path, upgrade: Callable[..., list[str]], touch: Callable[[dict], None], ends: str
) -> None:
    """Catches an untouched notebook that counts as the learner's and stays old."""
    path = mine / "06_proof.ipynb"
    notebook = json.loads(path.read_text())
    touch(notebook)
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"]).replace("\n", ends)
    path.write_text(json.dumps(notebook), newline=ends)  # indented otherwise, no newline at the end
    assert workspace.copy_into(mine) == []
    assert upgrade("2") == ["3 notebooks brought to version 2.0; nothing of yours was in them"]
    assert heading(path) == "# 06_proof.ipynb, version 2"


@pytest.mark.parametrize(
    "change",
    [
        lambda cells: cells.append(new_code_cell("mine")),
        lambda cells: cells.pop(),
        lambda cells: cells.reverse(),
        lambda cells: cells.insert(0, new_markdown_cell("a note")),
        lambda cells: cells[1].update(source="def answer():\n        ..."),
        lambda cells: cells[1].update(cell_type="markdown"),
    ],
    ids=["cell more", "cell less", "order", "note", "indentation", "kind"],
)
def test_what_a_learner_does_is_a_change(
    mine: Path, upgrade: Callable[..., list[str]], change: Callable[[list], None]
) -> None:
    """Catches work that an upgrade overwrites."""
    path = mine / "06_proof.ipynb"
    notebook = nbformat.read(path, as_version=4)
    change(notebook.cells)
    path.write_text(json.dumps(notebook))
    before = path.read_bytes()
    assert "06_proof.ipynb stays" in upgrade("2")[0]
    assert path.read_bytes() == before


def test_a_record_of_the_first_version_still_counts(
    mine: Path, upgrade: Callable[..., list[str]]
) -> None:
    """Catches a folder of version 0.1, whose record holds one sum each, that counts as changed."""
    record = mine / workspace.STATE
    known = json.loads(record.read_text())
    record.write_text(json.dumps({key: sums.split()[0] for key, sums in known.items()}))
    assert upgrade("2") == ["3 notebooks brought to version 2.0; nothing of yours was in them"]


def test_a_lost_record_counts_as_changed(mine: Path, upgrade: Callable[..., list[str]]) -> None:
    """Catches a damaged record that makes a changed notebook look untouched."""
    (mine / workspace.STATE).write_text("{")
    upgrade("2")
    assert heading(mine / "06_proof.ipynb") == "# 06_proof.ipynb, version 1"
    assert heading(mine / "06_proof-2.0.ipynb") == "# 06_proof.ipynb, version 2"
    solve(mine / "06_proof-2.0.ipynb")
    solved = (mine / "06_proof-2.0.ipynb").read_bytes()
    (mine / workspace.STATE).unlink()
    workspace.copy_into(mine)
    assert (mine / "06_proof-2.0.ipynb").read_bytes() == solved


def test_an_untouched_notebook_takes_its_new_number(
    mine: Path, upgrade: Callable[..., list[str]]
) -> None:
    """Catches two copies of one notebook after an upgrade that renumbers it."""
    said = upgrade("2", renamed="07_proof.ipynb")
    assert said[0] == "06_proof.ipynb is now 07_proof.ipynb"
    assert not (mine / "06_proof.ipynb").exists()
    assert heading(mine / "07_proof.ipynb") == "# 07_proof.ipynb, version 2"
    assert workspace.copy_into(mine) == []


def test_work_under_an_old_number_stays_beside_the_new(
    mine: Path, upgrade: Callable[..., list[str]]
) -> None:
    """Catches work lost to a new number, and a new notebook that is not offered."""
    solve(mine / "06_proof.ipynb")
    before = (mine / "06_proof.ipynb").read_bytes()
    said = upgrade("2", renamed="07_proof.ipynb")
    assert said[0] == (
        "06_proof.ipynb stays as you have it; in this version it is 07_proof.ipynb, beside it"
    )
    assert (mine / "06_proof.ipynb").read_bytes() == before
    assert heading(mine / "07_proof.ipynb") == "# 07_proof.ipynb, version 2"
    assert workspace.copy_into(mine) == []


def test_a_second_notebook_of_the_same_name_is_no_new_number(shipped: Path, mine: Path) -> None:
    """Catches a notebook that is dropped although this version still has it."""
    write(shipped / "07_proof.ipynb", "another one")
    assert workspace.copy_into(mine) == []
    assert (mine / "06_proof.ipynb").exists() and (mine / "07_proof.ipynb").exists()


def test_a_notebooks_name_without_its_number_is_its_own() -> None:
    """Catches two notebooks that an upgrade would take for one under two numbers."""
    for folder in (ROOT / "notebooks", ROOT / "notebooks" / "solutions"):
        names = [path.name[2:] for path in folder.glob("*.ipynb")]
        assert len(names) >= 8 and len(set(names)) == len(names)


def test_a_deleted_notebook_comes_back(mine: Path) -> None:
    """Catches a record that is believed more than the folder."""
    (mine / "06_proof.ipynb").unlink()
    assert workspace.copy_into(mine) == ["06_proof.ipynb was gone: copied again"]
    assert (mine / "06_proof.ipynb").exists()


def test_a_file_in_the_way_is_one_sentence(shipped: Path, tmp_path: Path) -> None:
    """Catches a traceback where the folder cannot be made."""
    (tmp_path / "mine").write_text("a file")
    with pytest.raises(workspace.CourseError, match="advtutor lab ~/course"):
        workspace.copy_into(tmp_path / "mine")
    assert (tmp_path / "mine").read_text() == "a file"


def test_the_courses_own_folder_is_no_learners(shipped: Path) -> None:
    """Catches answers that are written where git and the tests look."""
    before = sorted(shipped.rglob("*"))
    with pytest.raises(workspace.CourseError, match="Name a folder of yours"):
        workspace.copy_into(shipped)
    assert sorted(shipped.rglob("*")) == before


# ------------------------------------------------------------------------------------ in the clone


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=n", "-c", "user.email=e@localhost", *arguments]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone with two notebooks and the course's .gitignore; `origin` is where it came from."""
    origin = tmp_path / "origin"
    origin.mkdir()
    shutil.copy(ROOT / ".gitignore", origin)
    for name in NAMES:
        write(origin / "notebooks" / name, f"{name}, version 1")
    git(origin, "init", "--quiet")
    git(origin, "add", ".")
    git(origin, "commit", "--quiet", "--message", "version 1")
    git(tmp_path, "clone", "--quiet", "origin", "clone")
    monkeypatch.setattr(workspace, "repository", lambda: tmp_path / "clone")
    return tmp_path / "clone"


def test_solving_leaves_the_clone_clean_and_a_pull_free_of_conflicts(clone: Path) -> None:
    """Catches a learner's work that git sees, and the new edition that does not arrive."""
    mine = workspace.usual_folder()
    workspace.copy_into(mine)
    solve(mine / "06_proof.ipynb")
    (mine / "weights.pt").write_bytes(b"")
    assert git(clone, "status", "--porcelain") == ""
    origin = clone.parent / "origin"
    git(origin, "mv", "notebooks/06_proof.ipynb", "notebooks/07_proof.ipynb")
    for name in ("07_proof.ipynb", "06_new.ipynb"):
        write(origin / "notebooks" / name, f"{name}, version 2")
    git(origin, "add", ".")
    git(origin, "commit", "--quiet", "--message", "version 2")
    git(clone, "pull", "--quiet")
    assert any("06_proof.ipynb stays" in line for line in workspace.copy_into(mine))
    assert "return 42" in (mine / "06_proof.ipynb").read_text()
    assert heading(mine / "07_proof.ipynb") == "# 07_proof.ipynb, version 2"
    assert heading(mine / "06_new.ipynb") == "# 06_new.ipynb, version 2"
    assert git(clone, "status", "--porcelain") == ""


def test_work_in_the_clones_own_notebooks_is_not_lost(clone: Path) -> None:
    """Catches answers that came with the copy and that the next version then overwrites."""
    mine = workspace.usual_folder()
    solve(clone / "notebooks" / "06_proof.ipynb")
    (said,) = workspace.copy_into(mine)
    assert said.startswith("06_proof.ipynb is copied with what was changed in ")
    git(clone, "checkout", "--", "notebooks")
    for _ in range(2):
        workspace.copy_into(mine)
        assert "return 42" in (mine / "06_proof.ipynb").read_text()
    assert heading(next(mine.glob("06_proof-*.ipynb"))) == "# 06_proof.ipynb, version 1"


def test_what_somebody_changes_in_the_clone_is_no_version(clone: Path) -> None:
    """Catches somebody's half-done work that is offered as the course's."""
    mine = workspace.usual_folder()
    workspace.copy_into(mine)
    solve(mine / "06_proof.ipynb")
    solve(clone / "notebooks" / "06_proof.ipynb", "def answer():\n    return 41")
    assert workspace.copy_into(mine) == []


def test_clean_spares_the_learners_folder(tmp_path: Path) -> None:
    """Catches `make clean` that deletes checkpoints of a learner's notebooks."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    kept = tmp_path / workspace.IN_CLONE / ".ipynb_checkpoints"
    dropped = tmp_path / "notebooks" / ".ipynb_checkpoints"
    for folder in (kept, dropped):
        folder.mkdir(parents=True)
    subprocess.run(["make", "clean"], cwd=tmp_path, check=True, capture_output=True)
    assert kept.exists() and not dropped.exists()
