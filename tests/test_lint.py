"""The code is linted and formatted: part of the test run, so that `pytest` is the whole check."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


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
