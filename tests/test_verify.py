"""`make verify` and `make wheelhouse`: what they do with what they find, without their hours."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tools.release import verify, wheelhouse
from tools.release.verify import PASSED, Step, Verdict


def verified(monkeypatch: pytest.MonkeyPatch, *steps: Step, only: tuple[str, ...] = ()) -> int:
    monkeypatch.setattr(verify, "STEPS", steps)
    monkeypatch.setattr(sys, "argv", ["verify", *(a for name in only for a in ("--only", name))])
    return verify.main()


def test_a_failed_step_fails_the_whole_and_hides_no_other(monkeypatch, capsys) -> None:
    """Catches a table that ends at the first fault, and a status of 0 after one."""
    steps = [
        Step("first", (sys.executable, "-c", "raise SystemExit(3)")),
        Step("second", check=lambda: Verdict("not tried", "no browser")),
        Step("third", (sys.executable, "-c", "import os; os.environ['N']"), {"N": "1"}),
    ]
    assert verified(monkeypatch, *steps) == 1
    printed = capsys.readouterr().out
    assert "status 3" in printed and "no browser" in printed
    assert printed.index("first") < printed.index("second") < printed.index("third")
    assert verified(monkeypatch, *steps, only=("second", "third")) == 0
    assert "status 3" not in capsys.readouterr().out


def test_an_unknown_step_is_refused(monkeypatch, capsys) -> None:
    """Catches a misspelt step that passes because nothing was run."""
    with pytest.raises(SystemExit) as refused:
        verified(monkeypatch, Step("lint", check=lambda: PASSED), only=("lnit",))
    assert refused.value.code == 2 and "lint" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("stated", "state"),
    [("MIT", "passed"), ("Apache-2.0", "passed"), ("GPL-3.0", "failed"), ("none", "failed")],
)
def test_a_licence_that_does_not_go_with_ours_is_named(monkeypatch, stated, state) -> None:
    """Catches a new dependency whose licence nobody has read."""
    monkeypatch.setattr(verify, "closure", lambda name, seen: iter(["advtutor", "other"]))
    monkeypatch.setattr(verify, "licence", lambda name: stated)
    found = verify.licences()
    assert found.state == state
    assert state == "passed" or f"other ({stated})" in found.remark


def test_the_packages_of_a_learner_are_found() -> None:
    """Catches a closure that stops at the direct dependencies, or takes the developers' tools."""
    names = set(verify.closure("advtutor", set()))
    assert {"torch", "jupyterlab", "jupyter-server", "tornado"} <= names
    assert not {"ruff", "playwright"} & names


@pytest.mark.parametrize(
    ("verdict", "n", "state"),
    [("as shipped", 1, "passed"), ("other", 1, "failed"), ("as shipped", 0, "failed")],
)
def test_quick_rows_are_compared_with_the_shipped_ones(monkeypatch, verdict, n, state) -> None:
    """Catches a quick run whose verdicts differ, or that measured nothing."""
    from advtutor.claims.ledger import ledger, shipped

    row = next(r for r in ledger(shipped()) if r.verdict == "reproduced")
    ours = row.verdict if verdict == "as shipped" else "partly"

    def reproduce(command: list[str], **_: object) -> SimpleNamespace:
        out = Path(command[command.index("--out") + 1])
        rows = [{"id": row.claim.id, "verdict": ours, "n": n}]
        (out / "paper.json").write_text(json.dumps({"rows": rows}), encoding="utf-8")
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(subprocess, "run", reproduce)
    found = verify.quick_rows()
    assert found.state == state
    if (verdict, n) == ("other", 1):
        assert row.claim.id in found.remark


@pytest.mark.parametrize(
    ("names", "state", "words"),
    [
        (None, "failed", "cannot be had"),
        (["torch", "nvidia-cublas"], "not tried", "CUDA only"),
    ],
)
def test_another_python_downloads_no_cuda(monkeypatch, names, state, words) -> None:
    """Catches a verification that fetches gigabytes, or is silent on pins that do not exist."""
    monkeypatch.setattr(verify.shutil, "which", lambda name: sys.executable)
    monkeypatch.setattr(verify, "pins", lambda python: names)
    found = verify.other_python("3.13")
    assert found.state == state and words in found.remark


def test_a_python_that_does_not_start_is_not_tried(monkeypatch) -> None:
    """Catches a shim of a version manager that is taken for the Python itself."""
    monkeypatch.setattr(verify.shutil, "which", lambda name: "/bin/false")
    assert verify.other_python("3.13").state == "not tried"


@pytest.mark.parametrize(
    ("reached", "status", "state"),
    [(False, 0, "not tried"), (True, 0, "passed"), (True, 2, "failed")],
)
def test_links_are_not_called_broken_without_a_network(monkeypatch, reached, status, state) -> None:
    """Catches a release that fails for a cable, and a broken link that passes."""

    def connect(address: tuple[str, int], timeout: float) -> SimpleNamespace:
        if not reached:
            raise TimeoutError("timed out")
        return SimpleNamespace(close=lambda: None)

    monkeypatch.setattr(verify.socket, "create_connection", connect)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=status))
    assert verify.links_outside().state == state


def test_without_a_wheelhouse_there_is_nothing_to_check(monkeypatch, tmp_path) -> None:
    """Catches a check that passes, or ends in a traceback, before anything was collected."""
    monkeypatch.setattr(wheelhouse, "FOLDER", tmp_path / "wheelhouse")
    with pytest.raises(SystemExit, match="make wheelhouse collects it"):
        wheelhouse.check()


def test_a_wheelhouse_is_tried_with_no_index_and_no_settings(monkeypatch, tmp_path) -> None:
    """Catches a check that asks an index, or pip's settings, for what is missing on the stick."""
    (tmp_path / "wheels").mkdir()
    monkeypatch.setattr(wheelhouse, "FOLDER", tmp_path)
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://example.org/simple")
    seen = []

    def run(command: tuple[object, ...], **options: dict[str, str]) -> None:
        if "install" in command:
            seen.append((command, options["env"]))
            raise subprocess.CalledProcessError(1, command)

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(subprocess.CalledProcessError):
        wheelhouse.check()
    ((command, environment),) = seen
    assert "--no-index" in command
    assert not [name for name in environment if "INDEX" in name]


def test_a_broken_collection_keeps_the_last_one(monkeypatch, tmp_path) -> None:
    """Catches a stick that is emptied by a network that fails."""
    folder = tmp_path / "wheelhouse"
    folder.mkdir()
    (folder / "INSTALL.txt").write_text("the last one", encoding="utf-8")
    monkeypatch.setattr(wheelhouse, "FOLDER", folder)

    def no_network(command: list[object], **_: object) -> None:
        raise subprocess.CalledProcessError(1, command)

    monkeypatch.setattr(subprocess, "run", no_network)
    with pytest.raises(subprocess.CalledProcessError):
        wheelhouse.collect()
    assert (folder / "INSTALL.txt").read_text(encoding="utf-8") == "the last one"
