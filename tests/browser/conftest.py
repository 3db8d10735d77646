"""A JupyterLab on a copy of the notebooks, and Chromium to look at it; for `make browser-test`."""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from in_lab import AXE

from advtutor.course import lab

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
WANTED = os.environ.get("ADVTUTOR_BROWSER") == "required"  # else minutes are saved in make test
# Every cell in the page, nothing saved unasked, and no list of words over what is typed.
SETTINGS = """{
  "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
  "@jupyterlab/docmanager-extension:plugin": {"autosave": false},
  "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": false}
}"""


class Server(NamedTuple):
    """Where JupyterLab answers, with which token, the folder that it serves, its settings."""

    url: str
    token: str
    folder: Path
    config: Path


@pytest.fixture(scope="session", autouse=True)
def _look_for_the_browser() -> None:
    """Skip every test here where none is wanted; fail where they are and cannot run."""
    if not WANTED:
        pytest.skip("a browser test: make browser-test runs it")
    if fault := _missing():
        pytest.fail(fault)


def _missing() -> str | None:
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return "playwright is not installed: make browser-test installs it"
    if not AXE.exists():
        return "axe-core is not installed: make browser-test installs it"
    if CHROMIUM is None:
        return "there is no chromium: sudo apt-get install chromium"
    return None


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server of `advtutor lab`, with settings of its own, on a copy of the notebooks."""
    folder, state = tmp_path_factory.mktemp("course"), tmp_path_factory.mktemp("state")
    shutil.copytree(ROOT / "notebooks", folder / "notebooks")
    (state / "config" / "labconfig").mkdir(parents=True)
    (state / "config" / "labconfig" / "default_setting_overrides.json").write_text(SETTINGS)
    token, port = secrets.token_hex(16), _free_port()
    environment = os.environ | {
        "JUPYTER_TOKEN": token,
        "JUPYTER_CONFIG_DIR": str(state / "config"),
        "JUPYTER_DATA_DIR": str(state / "data"),
        "JUPYTER_RUNTIME_DIR": str(state / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(state / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(state / "workspaces"),
        "IPYTHONDIR": str(state / "ipython"),
        "ADVTUTOR_PROGRESS": "off",
        "OMP_NUM_THREADS": "1",  # two notebooks run side by side
    }
    lab.prepare(environment)
    command = [sys.executable, "-m", "jupyterlab", *lab.options(folder, port, browser=False)]
    command.append("--LabApp.expose_app_in_browser=True")
    address = f"http://127.0.0.1:{port}"
    with (state / "lab.log").open("wb") as log:
        running = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL
        )
        try:
            _wait_until_it_answers(running, f"{address}/api/status?token={token}")
            yield Server(address, token, folder, state / "config")
        finally:
            running.terminate()
            running.wait(timeout=20)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def _wait_until_it_answers(running: subprocess.Popen, address: str) -> None:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    end = time.monotonic() + 90
    while running.poll() is None and time.monotonic() < end:
        try:
            direct.open(address, timeout=5).close()
            return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"JupyterLab does not answer; its exit status is {running.poll()}")


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    """Chromium without a window."""
    from playwright.sync_api import sync_playwright

    switches = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*switches, "--disable-background-networking"]
        )
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def new_page(server: Server, browser: object) -> Iterator[Callable[[], object]]:
    """Makes pages that reach nothing but the server; a request elsewhere fails the module."""
    outside, context = [], browser.new_context(viewport={"width": 1280, "height": 900})

    def guard(route: object) -> None:
        address = route.request.url
        if address.startswith((server.url, "data:", "blob:")):
            route.continue_()
        else:
            outside.append(address)
            route.abort()

    context.route("**/*", guard)
    context.set_default_timeout(90_000)
    yield context.new_page
    context.close()
    assert not outside, f"the page asked for {outside}"


@pytest.fixture(scope="session")
def site(browser: object, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The website, as `make site` builds it."""
    folder = tmp_path_factory.mktemp("the site") / "site"
    command = [sys.executable, "-m", "tools.pages.website", "--output", str(folder)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    return folder
