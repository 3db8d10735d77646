"""The code is linted, typed and spelt: part of the test run, so `pytest` is the whole check."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def found_by(*command: str) -> str:
    """What a tool of this Python says of the clone; empty where it finds nothing."""
    ran = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True)
    return f"{ran.stdout}{ran.stderr}" if ran.returncode else ""


def test_mypy_finds_nothing() -> None:
    """Catches a type hint that is not true."""
    complaints = found_by("mypy", "--no-error-summary")
    assert not complaints, complaints


def test_codespell_finds_nothing() -> None:
    """Catches a common misspelling, also in prose and in comments."""
    complaints = found_by("codespell_lib")
    assert not complaints, f"{complaints}\na word that is meant: ignore-words-list, pyproject.toml"


@pytest.mark.parametrize(
    "command", [["check"], ["format", "--check", "--diff"]], ids=lambda c: c[0]
)
def test_ruff_finds_nothing(command: list[str]) -> None:
    """Catches an unused name, an import out of order, a line that is not formatted."""
    ruff = subprocess.run(
        [sys.executable, "-m", "ruff", *command, "."], cwd=ROOT, capture_output=True, text=True
    )
    assert ruff.returncode == 0, (
        f"{ruff.stdout}{ruff.stderr}\nmend most of it: ruff check --fix; ruff format"
    )
