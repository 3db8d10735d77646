"""`pytest -n 2`, as `make test` runs it: what workers report, share and leave behind."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

ROOT = Path(__file__).resolve().parent.parent
COPIED = ("conftest.py", "pyproject.toml", "tests/nbval_sanitize.cfg", "tests/no_network")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with this one's settings, and no tests as yet."""
    (tmp_path / "tests").mkdir()
    for name in COPIED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    (tmp_path / "notebooks").mkdir()
    return tmp_path


def add_notebook(project: Path, name: str, *cells: tuple[str, str]) -> None:
    """A notebook of cells, each with its code and what is stored as printed by it."""
    made = [
        new_code_cell(
            code, outputs=[new_output("stream", name="stdout", text=printed)], execution_count=count
        )
        for count, (code, printed) in enumerate(cells, start=1)
    ]
    nbformat.write(new_notebook(cells=made), project / "notebooks" / f"{name}.ipynb")


def started(project: Path, *options: str) -> subprocess.Popen:
    """pytest on the project with two workers, in a process group of its own."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    environment.pop("OMP_NUM_THREADS", None)
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", "-q", "-n", "2", "--color=no", *options],
        cwd=project,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def test_a_failing_cell_is_named_with_its_difference(project: Path) -> None:
    """Catches workers that hide which cell of which notebook printed what instead of what."""
    threads = ("import os; print(os.environ['OMP_NUM_THREADS']); x = 3", "1\n")
    add_notebook(project, "right", threads, ("print(x)", "3\n"))
    add_notebook(project, "wrong", threads, ("print(x + 1)", "5\n"))
    running = started(project)
    said = running.communicate(timeout=120)[0]
    assert running.returncode == 1
    assert "1 failed, 3 passed" in said
    assert "FAILED notebooks/wrong.ipynb::Cell 1" in said
    assert "print(x + 1)" in said and "- 4\n" in said and "+ 5\n" in said


def test_an_interrupt_ends_workers_and_kernels(project: Path) -> None:
    """Catches a Ctrl-C after which a training goes on in a kernel that nobody sees."""
    cell = "import os, pathlib, time; pathlib.Path('pid').write_text(str(os.getpid()))"
    add_notebook(project, "long", (f"{cell}; time.sleep(300)", ""))
    running, note = started(project), project / "notebooks" / "pid"
    until(lambda: note.exists() and note.read_text(), seconds=120)
    kernel = int(note.read_text())
    os.killpg(running.pid, signal.SIGINT)
    said = running.communicate(timeout=60)[0]
    assert running.returncode == 2, said
    assert "KeyboardInterrupt" in said
    until(lambda: not alive(kernel), seconds=30)


def until(done: object, seconds: float) -> None:
    """Waits until done() is true; fails after so many seconds."""
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, f"not so after {seconds} s"
        time.sleep(0.1)


def alive(pid: int) -> bool:
    """Whether a process runs, and is not only waiting to be collected."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"
