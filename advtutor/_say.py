"""What is said to a learner, also where the output cannot show every character."""

import sys
from typing import Any

# Where a notebook keeps what was said as data, for pages, rules and tools to read.
TOLD = "application/vnd.advtutor+json"
_WORDS = str.maketrans({"✓": "ok", "✗": "wrong", "○": "open", "×": "x", "−": "-", "ε": "eps"})


def say(text: str) -> None:
    """Print a line. Marks become words where the output's encoding lacks them, say ASCII."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = text.translate(_WORDS).encode(encoding, "backslashreplace").decode(encoding)
    print(text)


def tell(text: str, told: dict[str, Any], here: dict[str, Any] | None = None) -> None:
    """Say `text`; in a notebook, as an output that holds the same as data.

    `told` is alike on every machine and goes into the output's data, under `TOLD`; `here` is what
    this machine measured and goes into its metadata, which nbval does not compare.
    """
    if not _in_kernel():
        say(text)
        return
    from IPython.display import display

    display({TOLD: told, "text/plain": text}, raw=True, metadata={TOLD: here or {}})


def _in_kernel() -> bool:
    if "IPython" not in sys.modules:
        return False
    shell = sys.modules["IPython"].get_ipython()
    return shell is not None and hasattr(shell, "kernel")
