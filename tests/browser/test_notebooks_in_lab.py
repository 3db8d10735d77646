"""Each notebook of the course is opened in JupyterLab and run as a whole, as a learner does."""

from pathlib import Path

import in_lab
import pytest

NAMES = sorted(
    path.name for path in (Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb")
)
SIDE_BY_SIDE = [NAMES[start : start + 2] for start in range(0, len(NAMES), 2)]  # for two cores


@pytest.mark.parametrize("names", SIDE_BY_SIDE, ids=" ".join)
def test_runs_as_a_whole(server, new_page, names):
    """Catches an error, a warning or a dialog that only a real page shows, and a dead widget."""
    pages = [new_page() for _ in names]
    for page, name in zip(pages, names, strict=True):
        in_lab.show(page, server, f"notebooks/{name}")
        in_lab.start(page, "notebook:run-all-cells")
    for page in pages:
        in_lab.wait_until_done(page, seconds=400)
        in_lab.assert_ran(page)
        for picture in page.locator(".jp-OutputArea-output .widget-html img").all():
            assert len(picture.get_attribute("alt")) > 40
        page.evaluate("() => { window.jupyterapp.shell.currentWidget.sessionContext.shutdown(); }")
        page.wait_for_function(
            "() => !window.jupyterapp.shell.currentWidget.sessionContext.session"
        )
        page.close()
