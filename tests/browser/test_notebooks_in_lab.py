"""Each notebook of the course is opened in JupyterLab and run as a whole, as a learner does."""

from pathlib import Path

import in_lab
import pytest

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("name", [path.name for path in NOTEBOOKS])
def test_runs_as_a_whole(server, new_page, name):
    """Catches an error, a warning or a dialog that only a real page shows, and a dead widget."""
    page = new_page()
    in_lab.show(page, server, f"notebooks/{name}")
    in_lab.run_all(page, seconds=400)
    for picture in page.locator(".jp-OutputArea-output .widget-html img").all():
        assert len(picture.get_attribute("alt")) > 40
    page.evaluate("() => { window.jupyterapp.shell.currentWidget.sessionContext.shutdown(); }")
    page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.sessionContext.session")
    page.close()
