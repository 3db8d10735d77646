"""The files for those who carry the course on: each says what is so."""

import re
from pathlib import Path

import pytest
import yaml

import advtutor

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"\]\((?![a-z]+:|#)([^)#\s]+)(?:#[^)\s]*)?\)")
PROSE = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
PROSE += [path for path in sorted((ROOT / "docs").glob("*.md")) if path.name != "index.md"]
PATH = re.compile(r"`((?:advtutor|docs|notebooks|tests|tools)/[\w./-]*)`")


def loaded(name: str) -> dict:
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", PROSE, ids=lambda path: path.name)
def test_what_the_prose_names_is_there(path: Path) -> None:
    """Catches a link, or a path in backticks, that leads to no file."""
    text = path.read_text(encoding="utf-8")
    lost = [link for link in LINK.findall(text) if not (path.parent / link).exists()]
    lost += [name for name in PATH.findall(text) if not (ROOT / name).exists()]
    assert lost == []


def test_the_citation_is_of_this_version() -> None:
    """Catches a version that was raised in one place only, and a paper that is not ours to cite."""
    citation = loaded("CITATION.cff")
    assert citation["version"] == advtutor.__version__
    assert citation["authors"] == [{"name": "the advtutor authors"}]
    (paper,) = citation["references"]
    assert paper["url"] == "https://arxiv.org/abs/1412.6572" and len(paper["authors"]) == 3


def test_the_changes_begin_with_this_version() -> None:
    """Catches a release whose changes nobody has written down."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (\S+?),", text, flags=re.MULTILINE)[0] == advtutor.__version__


def test_the_workflow_runs_the_same_check_as_a_clone() -> None:
    """Catches a check that stands in the workflow and cannot be run at home."""
    (job,) = loaded(".github/workflows/check.yml")["jobs"].values()
    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]


def test_a_report_brings_what_the_doctor_says() -> None:
    """Catches an issue form that lets its reader ask back for the versions."""
    body = loaded(".github/ISSUE_TEMPLATE/fault.yml")["body"]
    (field,) = [item for item in body if item["id"] == "doctor"]
    assert field["validations"]["required"] and "make doctor" in field["attributes"]["description"]


def test_the_hooks_need_no_network() -> None:
    """Catches a hook that pre-commit would have to download."""
    repositories = loaded(".pre-commit-config.yaml")["repos"]
    hooks = [hook for one in repositories for hook in one["hooks"]]
    assert {one["repo"] for one in repositories} == {"local"}
    assert {hook["language"] for hook in hooks} == {"system"}
    assert all(hook["entry"].startswith(".venv/bin/python -m ") for hook in hooks)
    words = " ".join(hook["entry"] for hook in hooks)
    assert all(tool in words for tool in ("ruff", "codespell", "tests/test_notebooks.py"))
