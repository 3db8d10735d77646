"""`make verify` and `make ranges`: what they do with what they find, without their hours."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("nox", reason="not installed: make verify installs it")
import noxfile


class Failed(Exception):
    """What a session raises to fail."""


class Skipped(Exception):
    """What a session raises to be skipped."""


class Session:
    """As much of nox's session as a step needs: it runs nothing, and notes what it was told."""

    def __init__(self, answer: object = None) -> None:
        self.answer, self.ran, self.logged = answer, [], []

    def run(self, *command: str, **_: object) -> object:
        self.ran.append(command)
        return self.answer(command) if callable(self.answer) else self.answer

    run_install = run

    def log(self, text: str) -> None:
        self.logged.append(text)

    def error(self, text: str) -> None:
        raise Failed(text)

    def skip(self, text: str) -> None:
        raise Skipped(text)


@pytest.mark.parametrize(
    ("inside", "n", "fails"), [(True, 1, False), (False, 1, True), (True, 0, True)]
)
def test_quick_rows_lie_in_their_bands(inside: bool, n: int, fails: bool) -> None:
    """Catches a quick run that leaves a claim's band, or that measured nothing."""

    def reproduce(command: tuple[str, ...]) -> None:
        rows = [{"id": "S4-softmax-error", "in_band": inside, "n": n}]
        Path(command[-1], "paper.json").write_text(json.dumps({"rows": rows}), encoding="utf-8")

    session = Session(reproduce)
    if not fails:
        noxfile.quick_rows(session)
        assert session.logged == ["1 rows in their bands"]
        return
    with pytest.raises(Failed, match="S4-softmax-error" if n else "no rows"):
        noxfile.quick_rows(session)


@pytest.mark.parametrize("step", [noxfile.other_python, noxfile.ranges], ids=["python", "ranges"])
def test_no_step_fetches_cuda_unasked(step: object, tmp_path: Path, monkeypatch) -> None:
    """Catches a verification that fetches gigabytes."""
    packages = ["torch", "nvidia-cublas"]
    report = json.dumps({"install": [{"metadata": {"name": name}} for name in packages]})
    session = Session("".join(f"{name}==1.0\n" for name in packages) + report)
    if step is noxfile.other_python:
        session.answer = report
    session.create_tmp = lambda: str(tmp_path)
    monkeypatch.setattr(noxfile.shutil, "which", lambda name: sys.executable)
    with pytest.raises(Skipped, match="CUDA only"):
        step.func(session, "lowest-direct")
    assert len(session.ran) == 1, "only what looks the versions up"


def test_a_python_that_does_not_start_is_not_tried(monkeypatch) -> None:
    """Catches a shim of a version manager that is taken for the Python itself."""
    monkeypatch.setattr(noxfile.shutil, "which", lambda name: "/bin/false")
    with pytest.raises(Skipped, match="no python"):
        noxfile.other_python.func(Session(), "3.13")


@pytest.mark.parametrize("reached", [False, True])
def test_links_are_not_called_broken_without_a_network(monkeypatch, reached: bool) -> None:
    """Catches a release that fails for a cable, and links that nobody looks at."""

    def connect(address: tuple[str, int], timeout: float) -> SimpleNamespace:
        if not reached:
            raise TimeoutError("timed out")
        return SimpleNamespace(close=lambda: None)

    monkeypatch.setattr(noxfile.socket, "create_connection", connect)
    session = Session()
    if reached:
        noxfile.links(session)
        assert session.ran == [("make", "linkcheck")]
        return
    with pytest.raises(Skipped, match="timed out"):
        noxfile.links(session)


def test_pips_settings_hold_for_uv_too(monkeypatch) -> None:
    """Catches versions that are looked up elsewhere than pip would, which makes the environment."""
    said = (
        "global.timeout='9'\nglobal.find-links='/a /b'\n:env:.extra-index-url='https://c/simple'\n"
    )
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: SimpleNamespace(stdout=said))
    _, *options = noxfile.index_options()
    assert options == ["--find-links", "/a", "--find-links", "/b", "--index", "https://c/simple"]
