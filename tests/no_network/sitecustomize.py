"""Cuts the network of every Python process that starts with this folder on PYTHONPATH.

An audit hook sees each connection and each name look-up before it happens, whoever asks for it, and
cannot be taken off again. Loopback stays open: Jupyter talks to its kernels over it.
"""

import ipaddress
import sys
from typing import Any

HOST_FIRST = {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"}
ADDRESS_SECOND = {"socket.connect", "socket.sendto", "socket.sendmsg"}


class NetworkCut(OSError):
    """A test, or a notebook under test, reached for the network. An OSError, as with no cable."""


def is_loopback(host: Any) -> bool:
    """Whether `host` (a name, an address, or nothing) stays on this machine."""
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if host in (None, "", "localhost"):
        return True
    try:
        address = ipaddress.ip_address(str(host).split("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def refuse_network(event: str, args: tuple[Any, ...]) -> None:
    """The audit hook: raises NetworkCut for anything that would leave this machine."""
    if not event.startswith("socket."):
        return
    if event in HOST_FIRST:
        host = args[0]
    elif event in ADDRESS_SECOND and isinstance(args[1], tuple):  # a Unix socket has a path
        host = args[1][0]
    else:
        return
    if not is_loopback(host):
        raise NetworkCut(
            f"the network is cut in tests, and {event} asked for {host!r}: "
            "everything the course needs has to come with the installation"
        )


sys.addaudithook(refuse_network)

# jsonschema does without it, and nbformat brings jsonschema into some forty processes of the tests:
# it builds its grammars as it is imported, which takes a second of each.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
