"""A public address: badges, and a first cell that installs the course in Colab and nowhere else."""

import shutil
import subprocess
import sys
import tomllib
import types
from pathlib import Path

import pytest
import yaml
from IPython.core.interactiveshell import InteractiveShell

from tools.notebooks import build as build_notebooks
from tools.notebooks import rules as notebook_rules
from tools.notebooks import source as notebook_source
from tools.release import publish

ROOT = Path(__file__).resolve().parent.parent
ADDRESS = "https://github.com/somebody/a-course"
SOURCE = "# %% [markdown]\n# # A notebook\n\n# %%\n6 * 7\n"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The files that are written, as they are here."""
    for name in ("pyproject.toml", "README.md", "CITATION.cff"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def put(clone: Path, address: str) -> str:
    for path, text in publish.published(address, clone).items():
        path.write_text(text, encoding="utf-8")
    return (clone / "README.md").read_text(encoding="utf-8")


def test_an_address_is_written_once_and_can_be_changed(clone: Path) -> None:
    """Catches a broken file, a badge or citation that leads elsewhere, and a second pair."""
    before = (ROOT / "README.md").read_text(encoding="utf-8")
    put(clone, "https://github.com/first/course.git")
    readme = put(clone, f"{ADDRESS}/")
    assert notebook_source.public_address(clone) == ADDRESS
    assert readme.count("[![") == 2 and "first/course" not in readme
    assert "mybinder.org/v2/gh/somebody/a-course/main?urlpath=lab/tree/notebooks/00" in readme
    assert "google.com/github/somebody/a-course/blob/main/notebooks/00_start_here" in readme
    assert (ROOT / publish.FIRST).exists()
    assert readme.partition(publish.END)[2] == before.partition(publish.END)[2]
    projects = [
        tomllib.loads((root / "pyproject.toml").read_text("utf-8")) for root in (clone, ROOT)
    ]
    for project in projects:
        project["project"].pop("urls", None)
    assert projects[0] == projects[1]
    text = (clone / "CITATION.cff").read_text(encoding="utf-8")
    cited = yaml.safe_load(text)
    assert text.count("repository-code") == 1
    assert cited.pop("repository-code") == ADDRESS
    assert cited == yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))


def test_the_command_writes_its_files_and_says_what_is_next(clone: Path) -> None:
    """Catches a command that only checks, or writes elsewhere."""
    folder = clone / "tools" / "release"
    folder.mkdir(parents=True)
    tool = [sys.executable, shutil.copy(publish.__file__, folder)]
    done = subprocess.run([*tool, ADDRESS], capture_output=True, text=True, check=True)
    assert "make notebooks" in done.stdout and "README.md" in done.stdout
    assert notebook_source.public_address(clone) == ADDRESS
    assert publish.badges("somebody/a-course") in (clone / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("address", ["somebody/a-course", "http://github.com/a/b", ADDRESS + "/x"])
def test_a_wrong_address_is_a_sentence(clone: Path, address: str) -> None:
    """Catches an address that pip, Binder or Colab could not use."""
    with pytest.raises(SystemExit, match=r"https://github\.com/OWNER/NAME"):
        publish.published(address, clone)


def test_the_badges_are_there_if_the_address_is() -> None:
    """Catches badges for a course that cannot be had, and an address without them."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert publish.BEGIN in readme and publish.END in readme
    assert ("[![" in readme) == (notebook_source.public_address() is not None)


def test_the_first_cell_installs_in_colab_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches an installation on the reader's own machine, and none in Colab."""
    book = notebook_source.unexecuted(SOURCE, "demo", "learner", "1.0", ADDRESS)
    cell = next(cell for cell in book.cells if cell.cell_type == "code")
    assert cell.metadata.tags == ["nbval-skip"]
    asked: list[str] = []
    shell = InteractiveShell()
    shell.register_magic_function(asked.append, "line", "pip")
    shell.run_cell(cell.source).raise_error()
    assert asked == []
    monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    shell.run_cell(cell.source).raise_error()
    assert asked == [f'install --quiet "advtutor @ git+{ADDRESS}"']


def test_notebooks_with_that_cell_pass_the_rules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a cell that the rules refuse, and notebooks that are not built again for it."""
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "01_demo.py").write_text(SOURCE, encoding="utf-8")
    for module in (build_notebooks, notebook_rules):
        monkeypatch.setattr(module, "public_address", lambda: ADDRESS)
    for written in (2, 0):
        assert len(build_notebooks.build(["01_demo"], tmp_path, "1", False, False)) == written
        assert build_notebooks.faults_of("01_demo", tmp_path) == []
    without = notebook_source.unexecuted(SOURCE, "01_demo", "learner", "1", None)
    assert not build_notebooks.is_current(tmp_path / "01_demo.ipynb", without)
