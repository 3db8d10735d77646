"""JupyterLab on the learner's notebooks: on this machine only, asking nobody for anything."""

import importlib.util
import os
import sys
from collections.abc import MutableMapping
from pathlib import Path

import advtutor
from advtutor._say import say
from advtutor._threads import share_cores
from advtutor.course import workspace

PORTS_TRIED = 100


def serve(port: int, browser: bool | None = None, folder: Path | None = None) -> None:
    """Copy the notebooks into the learner's folder and serve it until Ctrl-C.

    folder: None is the usual one (`workspace.usual_folder`). The server listens on 127.0.0.1, on
    the first free port from `port` on, asks for a token, and prints its address. It opens a browser
    if `browser` is True, or None and has_browser(). Raises CourseError where there are no
    notebooks, no JupyterLab, or no way to write; SystemExit where the server does not start.
    """
    if importlib.util.find_spec("jupyterlab") is None:
        raise workspace.CourseError(
            f"{sys.executable} has no JupyterLab. Install it: pip install jupyterlab"
        )
    root = (folder or workspace.usual_folder()).absolute()
    lines = workspace.copy_into(root)
    if not _has_home():
        os.environ["HOME"] = str(root)
        lines.append("You have no home folder that can be written: settings are kept there, too.")
    for line in (f"Your notebooks are in {root}. Stop with Ctrl-C.", *lines):
        say(line)
    sys.stdout.flush()
    prepare(os.environ)
    # With a terminal to ask in, the server would ask on Ctrl-C; behind make, that gets lost.
    sys.stdin = open(os.devnull)  # noqa: SIM115
    from jupyterlab.labapp import main

    main(options(root, port, has_browser() if browser is None else browser))


def _has_home() -> bool:
    """Whether JupyterLab can keep its settings where it looks for them."""
    try:
        return os.access(Path.home(), os.W_OK)
    except RuntimeError:  # no HOME, and a user id without an entry
        return False


def has_browser() -> bool:
    """Whether opening a browser can succeed: a display, or a command named in BROWSER."""
    if sys.platform in ("win32", "darwin"):
        return True
    return any(os.environ.get(name) for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"))


def options(root: Path, port: int, browser: bool) -> list[str]:
    """JupyterLab's command line for the notebooks in `root`."""
    given = [
        f"--ServerApp.root_dir={root}",
        "--LabApp.default_url=/lab/tree/00_start_here.ipynb",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        # It tries up to twice as many ports above the first.
        f"--ServerApp.port_retries={min(PORTS_TRIED, (65535 - port) // 2)}",
        "--LabApp.log_level=WARN",
        # What a kernel is sent stays unreadable to other users; old versions pass over the option.
        "--KernelManager.transport_encryption=auto",
        # The course asks nobody for anything: no news, no updates, no list of extensions.
        "--LabApp.news_url=",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.extension_manager=readonly",
    ]
    if "JUPYTER_TOKEN" not in os.environ:  # with one, only what is logged as INFO has the address
        given.append("--ServerApp.log_level=WARN")
    if not browser:
        given.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        given.append("--allow-root")
    return given


def prepare(environment: MutableMapping[str, str]) -> None:
    """Put into the environment what the server and its kernels look for there."""
    # Its labconfig keeps JupyterLab from asking on each first start whether to fetch its news.
    ours = str(Path(advtutor.__file__).parent / "assets" / "jupyter")
    theirs = environment.get("JUPYTER_CONFIG_PATH")
    environment["JUPYTER_CONFIG_PATH"] = os.pathsep.join([ours, theirs] if theirs else [ours])
    share_cores(environment)  # two open notebooks compute at once
