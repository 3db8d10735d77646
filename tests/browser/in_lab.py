"""What a person does in JupyterLab, as functions: open, run, save, restart, move a control."""

import io
import os
from importlib.util import find_spec
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
_found = find_spec("axe_playwright_python")  # it brings axe-core along, and is used for no more
AXE = Path(*(_found.submodule_search_locations if _found else ()), "axe.min.js")
READY = """() => {
    const context = window.jupyterapp.shell.currentWidget?.sessionContext;
    const kernel = context?.session?.kernel;
    return !!(context?.isReady && kernel && kernel.connectionStatus === 'connected'
              && kernel.status === 'idle');
}"""
# evaluate() would wait for a promise without a time limit; this is looked at instead.
COMMAND = """(name) => { window.__done = undefined;
    window.jupyterapp.commands.execute(name).then(
        (result) => { window.__done = result === undefined || !!result; },
        (error) => { window.__done = String(error); }); }"""
ERRORS = (
    "[data-mime-type='application/vnd.jupyter.error'], "
    "[data-mime-type='application/vnd.jupyter.stderr'], .jp-Dialog"
)


def expect(locator):
    """Playwright's `expect`; imported late, since not every machine has a browser."""
    from playwright.sync_api import expect as of

    of.set_options(timeout=60_000)  # a busy machine is slow
    return of(locator)


def write(path: Path, *cells: str) -> None:
    """A notebook of code cells."""
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    book = new_notebook(cells=[new_code_cell(c) for c in cells], metadata={"kernelspec": kernel})
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(book, path)


def show(page, server, path: str) -> None:
    """Open the notebook at `path` below the server's folder, and wait for its kernel."""
    address = f"{server.url}/doc/tree/{path}?reset&token={server.token}"
    page.goto(address, wait_until="domcontentloaded")
    page.wait_for_function("() => window.jupyterapp && window.jupyterapp.restored")
    page.locator(".jp-NotebookPanel .jp-Notebook").wait_for()
    page.wait_for_function(READY)


def start(page, name: str) -> None:
    """Begin one of JupyterLab's commands."""
    page.evaluate(COMMAND, name)


def wait_until_done(page, seconds: int = 300) -> None:
    """Wait for the command that was begun last."""
    page.wait_for_function("() => window.__done !== undefined", timeout=1000 * seconds)
    assert page.evaluate("() => window.__done") is True, page.evaluate("() => window.__done")


def command(page, name: str, seconds: int = 300) -> None:
    """Run one of JupyterLab's commands to its end."""
    start(page, name)
    wait_until_done(page, seconds)


def run_all(page, seconds: int = 300) -> None:
    """Run every cell; no error, no warning and no dialog may appear."""
    command(page, "notebook:run-all-cells", seconds)
    assert_ran(page)


def assert_ran(page) -> None:
    """The kernel has come to rest, and no error, no warning and no dialog is there."""
    page.wait_for_function(READY)
    assert_clean(page)


def assert_clean(page) -> None:
    """No traceback, no warning, no dialog, no widget that cannot be shown."""
    for fault in page.locator(ERRORS).all():
        raise AssertionError(fault.inner_text()[:2000])
    assert not page.get_by_text("Error displaying widget").count()
    assert not page.get_by_text("Traceback (most recent call last)").count()


def cell(page, number: int):
    """The code cell `number`, from 0, brought into sight."""
    found = page.locator(".jp-Notebook .jp-CodeCell").nth(number)
    found.scroll_into_view_if_needed()
    return found


def sentence(box) -> str:
    """The alt text of the widget's picture in `box`."""
    return box.locator("img[src^='data:image/png']").first.get_attribute("alt")


def source(box) -> str:
    """The picture in `box`, as its data."""
    return box.locator("img[src^='data:image/png']").first.get_attribute("src")


def drag(page, slider, share: float) -> None:
    """Move a slider's handle with the mouse to `share` of its way, and let go."""
    slider.scroll_into_view_if_needed()
    rail, thumb = slider.bounding_box(), 16
    now = slider.evaluate("e => (e.value - e.min) / (e.max - e.min)")
    places = [rail["x"] + thumb / 2 + s * (rail["width"] - thumb) for s in (now, share)]
    middle = rail["y"] + rail["height"] / 2
    page.mouse.move(places[0], middle)
    page.mouse.down()
    page.mouse.move(places[1], middle, steps=8)
    page.mouse.up()


def picture(box, path):
    """A screenshot of `box` in 128 colours, under docs/images/widgets if asked for."""
    shot = box.screenshot(animations="disabled")
    if os.environ.get("ADVTUTOR_SCREENSHOTS"):
        path = ROOT / "docs" / "images" / "widgets" / path
        path.parent.mkdir(parents=True, exist_ok=True)
        small = Image.open(io.BytesIO(shot)).convert("RGB")
        small = small.crop((0, 0, min(small.width, 640), small.height))
        small.quantize(128, dither=Image.Dither.NONE).save(path, "png", optimize=True)


def serious(page, where):
    """What axe-core calls serious or critical in the page, below the selector `where`."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    return _serious(page.evaluate("(where) => axe.run(where, {preload: false})", where))


def _serious(found):
    return [
        f"{fault['id']}: {fault['help']}: {node['html'][:200]}"
        for fault in found["violations"]
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]


def serious_faults(page):
    """What axe-core calls serious or critical in the widgets of the page, in JupyterLab.

    It takes for hidden what is scrolled out of sight, and all that overflows JupyterLab's body,
    which has no height: so the body gets one, and each widget is looked at where it is in sight.
    """
    page.evaluate(AXE.read_text(encoding="utf-8"))
    page.evaluate("() => { document.body.style.height = '100vh'; }")
    page.wait_for_function("() => !document.querySelector('#jupyterlab-splash')")
    faults = []
    for box in page.locator(".jp-OutputArea-output:has(.advtutor-widget)").all():
        found = box.evaluate("e => { e.scrollIntoView({block: 'start'}); return axe.run(e); }")
        (read,) = (rule["nodes"] for rule in found["passes"] if rule["id"] == "color-contrast")
        for label in box.locator(".control label").all():
            name = label.get_attribute("for")
            assert any(f'"{name}"' in node["html"] for node in read), "axe-core has not seen it"
        faults += _serious(found)
    return faults
