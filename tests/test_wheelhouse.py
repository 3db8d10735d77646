"""`make wheelhouse`: what it does with what it finds, without its minutes."""

import subprocess
from pathlib import Path

import pytest

from tools.release import wheelhouse


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


@pytest.mark.parametrize("missing", [0, 1])
def test_all_notebooks_have_to_come_out_of_the_wheel(monkeypatch, tmp_path, missing) -> None:
    """Catches a wheel that lacks a notebook, and a count that the course has outgrown."""
    monkeypatch.setattr(wheelhouse, "FOLDER", tmp_path)
    ours = [path.name for path in (wheelhouse.ROOT / "notebooks").rglob("[0-9]*.ipynb")]

    def run(command: tuple[object, ...], cwd: str, **_: object) -> None:
        if "-c" in command:
            for i, name in enumerate(ours[missing:]):
                path = Path(cwd, "notebooks", str(i), name)
                path.parent.mkdir(parents=True)
                path.touch()

    monkeypatch.setattr(subprocess, "run", run)
    if missing:
        with pytest.raises(SystemExit, match=f"{len(ours) - 1} notebooks .* not {len(ours)}"):
            wheelhouse.check()
    else:
        wheelhouse.check()
