"""What holds for every test, also for the notebooks that nbval collects: no network, one sanitiser.

It stands at the top, not in `tests/`, so that `pytest notebooks` meets it too.
"""

import os
import sys
from pathlib import Path

import pytest

from advtutor._threads import share_cores

ROOT = Path(__file__).resolve().parent
NO_NETWORK = ROOT / "tests" / "no_network"


def cut_the_network() -> None:
    """Cut it in this process, and in each Python process that this one starts, kernels included."""
    sys.path.insert(0, str(NO_NETWORK))
    sys.modules.pop("sitecustomize", None)
    import sitecustomize  # noqa: F401

    sys.path.remove(str(NO_NETWORK))
    rest = [part for part in [os.environ.get("PYTHONPATH")] if part]
    os.environ["PYTHONPATH"] = os.pathsep.join([str(NO_NETWORK), *rest])


def pytest_configure(config: pytest.Config) -> None:
    cut_the_network()
    # A backend chosen outside would keep the figures out of the notebooks' cells.
    os.environ.pop("MPLBACKEND", None)
    share_cores(os.environ)
    os.environ["ADVTUTOR_PROGRESS"] = "off"  # what the tests solve, nobody has learnt
    # nbval opens the sanitiser's file relative to the folder that pytest was called in.
    sanitiser = getattr(config.option, "nbval_sanitize_with", None)
    if sanitiser and not Path(sanitiser).is_absolute():
        config.option.nbval_sanitize_with = str(ROOT / sanitiser)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give a busy kernel a minute to hand over a cell's outputs, where nbval waits for 5 s."""
    for item in items:
        if hasattr(item, "output_timeout"):
            item.output_timeout = 60
