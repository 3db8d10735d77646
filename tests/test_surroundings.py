"""Where a learner works: without a home, or with an output that lacks the course's marks."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = """
from advtutor import checks, data, progress
from advtutor.claims import claim
from advtutor.predictions import predict

checks.levels_to_eps(lambda levels: levels / 255)
checks.levels_to_eps(lambda levels: levels)
checks.levels_to_eps.hint()
checks.levels_to_eps.solution()
progress.show("00_start_here")
guess = predict("cosine", ["within ±0.1", "within ±0.5"])
print(repr(guess).isprintable())
guess.compare("within ±0.1")
claim("ours", 0.5, low=0.1, statement="an error ≥ 0.1 on a 3 × 3 picture", unit="%")
assert len(data.mnist().test.y) == 10_000
"""


def run(folder: Path, *before: str, **environment: str | None) -> list[str]:
    """The lines that a page of a learner's prints there; None takes a variable away."""
    here = {**os.environ, "ADVTUTOR_PROGRESS": str(folder / "progress.json"), **environment}
    ran = subprocess.run(
        [*before, sys.executable, "-c", PAGE],
        cwd=folder,
        env={name: value for name, value in here.items() if value is not None},
        capture_output=True,
    )
    assert ran.returncode == 0, ran.stderr.decode()
    return ran.stdout.decode("latin-1").splitlines()


def test_a_narrow_output_costs_a_mark_and_no_cell(tmp_path: Path) -> None:
    """Catches a right answer that ends in a traceback, and marks that look alike."""
    lines = run(tmp_path, PYTHONIOENCODING="ascii")
    assert lines[0].startswith("ok levels_to_eps: right on")
    assert lines[1].startswith("wrong levels_to_eps: ")
    assert "exercises of this notebook   ok levels_to_eps" in lines
    assert any(line.startswith("it came out: within ") for line in lines)
    assert any(line.startswith("ok claim ours: an error \\u2265 0.1 on a 3 ") for line in lines)


@pytest.mark.skipif(
    not sys.platform.startswith("linux") or os.geteuid() != 0, reason="takes root to play others"
)
@pytest.mark.parametrize("home", [None, "/root"])
def test_no_home_of_ones_own_costs_nothing(tmp_path: Path, home: str | None) -> None:
    """Catches a traceback, and a folder called ~, where a user id has no home or not its own.

    This is a container with an arbitrary user id: it reads the course, and writes nowhere but in
    the folder for temporary files.
    """
    may = "+dac_read_search"
    user = ("setpriv", "--reuid", "12345", "--regid", "0", "--clear-groups")
    user += ("--inh-caps", may, "--ambient-caps", may)
    lines = run(tmp_path, *user, HOME=home, ADVTUTOR_PROGRESS=None, XDG_DATA_HOME=None)
    assert lines[0].startswith("\u00e2\u009c\u0093 levels_to_eps: right on")  # UTF-8, read as above
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_gone_is_told_in_one_line(tmp_path: Path) -> None:
    """Catches torch's end of the process, which speaks of a library."""
    code = "import os, sys; os.chdir(sys.argv[1]); os.rmdir(sys.argv[1])\n"
    code += "from advtutor.course.cli import app; app(['doctor'])"
    gone = tmp_path / "gone"
    gone.mkdir()
    ran = subprocess.run([sys.executable, "-c", code, gone], capture_output=True, text=True)
    assert ran.returncode == 1 and ran.stderr.startswith("advtutor: this folder is gone; ")
    assert not ran.stdout and ran.stderr.count("\n") == 1


def test_the_command_line_takes_any_path(tmp_path: Path) -> None:
    """Catches a traceback because a folder's name holds what the output cannot show."""
    folder = tmp_path / "Übung ✓"
    folder.mkdir()
    narrow = {"PYTHONIOENCODING": "ascii", "TMPDIR": str(folder), "COLUMNS": "300"}
    narrow["ADVTUTOR_PROGRESS"] = str(folder / "progress.json")
    for command in (["doctor"], ["catch-up", "00", "--notebooks", str(folder)]):
        ran = subprocess.run(
            [sys.executable, "-m", "advtutor", *command],
            env=os.environ | narrow,
            cwd=folder,
            capture_output=True,
            text=True,
        )
        assert ran.returncode == 0, ran.stderr
        assert "bung \\u2713" in ran.stdout or "bung ok" in ran.stdout
