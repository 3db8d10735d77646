"""The engine in a page from the disk: all that tests/test_live.py asks of it in Node."""

import inspect
import json
import sys
from pathlib import Path

import pytest

from advtutor import live

sys.path.append(str(Path(__file__).resolve().parents[1]))
import test_live

networks = test_live.networks
for name, test in inspect.getmembers(test_live, inspect.isfunction):
    if name.startswith("test_") and "engine" in inspect.signature(test).parameters:
        globals()[name] = test


@pytest.fixture(scope="module")
def engine(browser, tmp_path_factory):
    """The engine in Chromium: does its tasks and gives their answers."""
    source = live.engine() + test_live.PROOF.read_text(encoding="utf-8")
    path = tmp_path_factory.mktemp("engine") / "engine.html"
    path.write_text(f"<!doctype html><meta charset=utf-8><script>{source}</script>")
    page = browser.new_page()
    page.goto(path.as_uri())
    perform = "(tasks) => JSON.stringify(JSON.parse(tasks).map(perform))"
    yield lambda *tasks: json.loads(page.evaluate(perform, json.dumps(tasks)))
    page.close()


@pytest.fixture(scope="module")
def attacked() -> int:
    """Here there is time for all of them."""
    return 1000
