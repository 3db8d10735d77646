"""Each notebook of the course is opened in JupyterLab and run as a whole, as a learner does.

With ADVTUTOR_LAB=some, as `.ci/run` calls it, only those in SOME: between them they show widgets,
exercises with their checks, predictions, a table and the audit. The widgets of the others are
moved one by one in the tests beside this one, and all their cells run under nbval.
"""

import json
import os
import time
from pathlib import Path

import in_lab

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
SOME = ("00", "02", "08", "09")


def seconds(path: Path) -> float:
    """How long the notebook took when it was built."""
    return json.loads(path.read_text(encoding="utf-8"))["metadata"]["advtutor"]["seconds"]


NAMES = [
    path.name
    for path in sorted(NOTEBOOKS.glob("*.ipynb"), key=seconds, reverse=True)
    if os.environ.get("ADVTUTOR_LAB") != "some" or path.name.startswith(SOME)
]
AT_A_TIME = 2  # for two cores
MINUTES = 15  # for a hang; two quiet cores took six and a half


def test_each_runs_as_a_whole(server, new_page):
    """Catches an error, a warning or a dialog that only a real page shows, and a dead widget."""
    waiting, running, end = list(NAMES), {}, time.monotonic() + 60 * MINUTES
    while waiting or running:
        while waiting and len(running) < AT_A_TIME:
            name, page = waiting.pop(0), new_page()
            in_lab.show(page, server, f"notebooks/{name}")
            in_lab.start(page, "notebook:run-all-cells")
            running[name] = page
        assert time.monotonic() < end, f"after {MINUTES} minutes there still run {list(running)}"
        for name, page in list(running.items()):
            page.wait_for_timeout(250)
            if page.evaluate("() => window.__done !== undefined"):
                try:
                    assert_sound(page)
                except AssertionError as fault:
                    raise AssertionError(f"{name}: {fault}") from None
                del running[name]


def assert_sound(page):
    """The notebook that has run shows no fault, and its widgets have their sentences; close it."""
    in_lab.wait_until_done(page)
    in_lab.assert_ran(page)
    for widget in page.locator(
        ".advtutor-widget:not([data-kind=number], [data-kind=training])"
    ).all():
        assert len(widget.locator(".words").last.inner_text()) > 40
    page.evaluate("() => { window.jupyterapp.shell.currentWidget.sessionContext.shutdown(); }")
    page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.sessionContext.session")
    page.close()
