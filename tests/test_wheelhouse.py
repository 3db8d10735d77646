"""`make wheelhouse`: what it does with what it finds, without its minutes."""

import subprocess

import pytest

from tools.release import wheelhouse


def test_without_a_wheelhouse_there_is_nothing_to_check(monkeypatch, tmp_path) -> None:
    """Catches a check that passes, or ends in a traceback, before anything was collected."""
    monkeypatch.setattr(wheelhouse, "FOLDER", tmp_path / "wheelhouse")
    with pytest.raises(SystemExit, match="make wheelhouse collects it"):
        wheelhouse.check()


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
