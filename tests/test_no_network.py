"""The cut network: nothing gets out of a test, of its subprocesses or of a notebook's kernel."""

import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import nbformat
import pytest
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

from tools.notebooks.execution import ThisPython

OUTSIDE = "192.0.2.1"  # an address kept for documentation: nobody answers there


def test_this_process_cannot_connect() -> None:
    """Catches a unit test that would need the network."""
    with pytest.raises(OSError, match="the network is cut"):
        socket.create_connection((OUTSIDE, 80), timeout=1)


def test_this_process_cannot_look_up_a_name() -> None:
    """Catches a download that fails only after a look-up has told the world of it."""
    with pytest.raises(OSError, match="the network is cut"):
        socket.getaddrinfo("example.org", 443)
    with pytest.raises(urllib.error.URLError, match="the network is cut"):
        urllib.request.urlopen("https://example.org")


def test_no_datagram_leaves() -> None:
    """Catches the way around `connect`."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
        pytest.raises(OSError, match="the network is cut"),
    ):
        sender.sendto(b"x", (OUTSIDE, 53))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_loopback_stays_open(host: str) -> None:
    """Catches a cut that would also keep Jupyter from its kernels."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection((host, server.getsockname()[1]), timeout=5).close()


def test_a_subprocess_is_cut_off_too() -> None:
    """Catches a test that reaches the network through another process."""
    code = f"import socket; socket.create_connection(({OUTSIDE!r}, 80), timeout=1)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert "the network is cut" in done.stderr


def test_a_kernel_is_cut_off_too(tmp_path: Path) -> None:
    """Catches a notebook that downloads something while nbval runs it."""
    code = f"""
import socket
try:
    socket.create_connection(({OUTSIDE!r}, 80), timeout=1)
except OSError as error:
    print(error)
"""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    manager = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=ThisPython())
    NotebookClient(notebook, km=manager, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert "the network is cut" in notebook.cells[0].outputs[0].text
