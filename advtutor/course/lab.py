"""JupyterLab on the notebooks: its port, its address, and a clean end."""

import importlib.util
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from rich.console import Console

import advtutor
from advtutor._threads import share_cores
from advtutor.course import workspace

PORTS_TRIED = 100
SECONDS_TO_START = 90


class LabError(Exception):
    """JupyterLab cannot be started; the text says why and what to do."""


def serve(port: int, browser: bool | None = None, folder: Path | None = None) -> int:
    """Serve the course until Ctrl-C, on the first free port from port on; the exit status.

    folder: the learner's own, into which the notebooks are copied; None serves the clone, or where
    there is none the folder advtutor-course, here. The server listens on 127.0.0.1 only and asks
    for a token. It opens a browser if browser is True, or None and has_browser(). Raises LabError
    where there are no notebooks, no JupyterLab, no way to write or no free port, and where the
    server does not start.
    """
    try:
        root, start = _place(folder)
    except workspace.CourseError as fault:
        raise LabError(str(fault)) from None
    if importlib.util.find_spec("jupyterlab") is None:
        raise LabError(f"{sys.executable} has no JupyterLab. Install it: pip install jupyterlab")
    free = free_port(port)
    if free != port:
        Console().print(f"Port {port} is taken, so this is port {free}.", highlight=False)
    # In the environment, other users of the machine cannot read the token; in `ps` they could.
    token = os.environ.get("JUPYTER_TOKEN") or secrets.token_hex(24)
    if browser is None:
        browser = has_browser()
    # Without a terminal to ask in, the server ends on the first Ctrl-C; behind make, its question
    # would get lost.
    server = subprocess.Popen(
        _command(root, start, free, browser),
        cwd=root,
        env=_environment(token),
        stdin=subprocess.DEVNULL,
    )
    _end_on_terminate()
    try:
        _wait_until_it_answers(server, free, token)
        _announce(f"http://127.0.0.1:{free}/lab/tree/{start}?token={token}", browser)
        return server.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        _stop(server)


def free_port(first: int) -> int:
    """The first port from first on, of a hundred, on which 127.0.0.1 can be listened to."""
    last = min(first + PORTS_TRIED - 1, 65535)
    for port in range(first, last + 1):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            if os.name == "posix":  # as the server will; elsewhere it would take over a live port
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                probe.listen()
            except PermissionError:
                raise LabError(
                    f"port {port} is reserved for the system. Choose one from 1024 on, as in "
                    "make lab PORT=8888"
                ) from None
            except OSError:
                continue
            return port
    raise LabError(
        f"all ports from {first} to {last} are taken. Choose another, as in make lab PORT=9500"
    )


def has_browser() -> bool:
    """Whether opening a browser can succeed: a display, or a command named in BROWSER."""
    if sys.platform in ("win32", "darwin"):
        return True
    return any(os.environ.get(name) for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"))


def _place(folder: Path | None) -> tuple[Path, str]:
    """The folder to serve and the notebook to open, with the course in it."""
    root = workspace.clone()
    if folder is None and root is not None:
        workspace.notebooks()
        return root, "notebooks/00_start_here.ipynb"
    root = (folder or Path(workspace.FOLDER)).absolute()
    for line in workspace.copy_into(root):
        Console().print(line, highlight=False, markup=False)
    Console().print(f"Your notebooks are in {root}.", highlight=False, markup=False)
    return root, "00_start_here.ipynb"


def _command(root: Path, start: str, port: int, browser: bool) -> list[str]:
    command = [
        *(sys.executable, "-m", "jupyterlab", start),
        f"--ServerApp.root_dir={root}",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        "--ServerApp.log_level=WARN",
        "--LabApp.log_level=WARN",
        # What a kernel is sent stays unreadable to other users; old versions pass over the option.
        "--KernelManager.transport_encryption=auto",
        # The course asks nobody for anything: no news, no updates, no list of extensions.
        "--LabApp.news_url=",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.extension_manager=readonly",
    ]
    if not browser:
        command.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    return command


def _environment(token: str) -> dict[str, str]:
    # Its labconfig keeps JupyterLab from asking on each first start whether to fetch its news.
    ours = str(Path(advtutor.__file__).parent / "assets" / "jupyter")
    theirs = os.environ.get("JUPYTER_CONFIG_PATH")
    path = os.pathsep.join([ours, theirs] if theirs else [ours])
    environment = os.environ | {"JUPYTER_TOKEN": token, "JUPYTER_CONFIG_PATH": path}
    share_cores(environment)  # two open notebooks compute at once
    return environment


def _wait_until_it_answers(server: subprocess.Popen[bytes], port: int, token: str) -> None:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/status", headers={"Authorization": f"token {token}"}
    )
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    end = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < end:
        if server.poll() is not None:
            raise LabError(
                f"JupyterLab ended at once, with status {server.returncode}; its messages are "
                "above. `advtutor doctor` may know why."
            )
        try:
            with direct.open(request, timeout=5):
                return
        except urllib.error.HTTPError as answer:
            raise LabError(f"JupyterLab refuses its own token ({answer}).") from None
        except OSError:
            time.sleep(0.1)
    raise LabError(
        f"JupyterLab has not answered in {SECONDS_TO_START} s. Run it again; the second start is "
        "faster."
    )


def _announce(address: str, browser: bool) -> None:
    console = Console()
    console.print()
    if browser:
        console.print("The course opens in your browser. If it does not, open this address:")
    else:
        console.print("The course is ready. Open this address in a browser on this machine:")
    # Never wrapped: a broken line would not be a link, and could not be copied.
    console.print(f"\n    {address}\n", style="bold", soft_wrap=True, highlight=False)
    console.print("Stop with Ctrl-C.")


def _end_on_terminate() -> None:
    """Let SIGTERM, too, run the finally clause that stops the server."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def _stop(server: subprocess.Popen[bytes]) -> None:
    """End the server and its kernels. Ctrl-C has reached it already; then it only needs time."""
    for end in (lambda: None, server.terminate, server.kill):
        end()
        try:
            server.wait(timeout=5)
            return
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            continue
