"""What holds for every test, also for the notebooks that nbval collects: no network, one sanitiser.

It stands at the top, not in `tests/`, so that `pytest notebooks` meets it too. With `pytest -n 2`,
as `make test` calls it, files are shared out to workers. A file stays with one worker: the cells of
a notebook share a kernel, and the tests of a file what they trained.
"""

import functools
import json
import os
import sys
from pathlib import Path

import pytest

from advtutor._threads import share_cores

ROOT = Path(__file__).resolve().parent
NO_NETWORK = ROOT / "tests" / "no_network"
MOST_WORKERS = 4  # each takes some 2 GB, with the kernel of its notebook
# Test files that take longer than five seconds. What is begun last has to be short.
SECONDS = {
    "test_checks": 60,
    "test_audit_zoo": 50,
    "test_live": 45,
    "test_mutants": 40,
    "test_peers": 30,
    "test_grading": 30,
    "test_site": 30,
    "test_reproduce": 25,
    "test_audit": 25,
    "test_nbgrader": 25,
    "test_setup": 20,
    "test_certify": 15,
    "test_cli": 15,
    "test_lint": 15,
    "test_widgets": 15,
    "test_surroundings": 15,
    "test_attack_promises": 12,
    "test_explorers": 12,
    "test_packaging": 12,
    "test_experiments": 10,
    "test_torchvision_guard": 10,
    "test_slides": 8,
    "test_weights": 6,
}


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """With workers: by file, in the order of `pytest_collection_modifyitems`, one thread each."""
    if config.getoption("numprocesses", None) and config.option.dist == "no":
        config.option.dist = "loadfile"
        config.option.loadscopereorder = False
        os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_xdist_auto_num_workers() -> int:
    """What `-n auto` means: a worker for each core, as far as the memory of a laptop goes."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(cores or 1, MOST_WORKERS)


def cut_the_network() -> None:
    """Cut it in this process, and in each Python process that this one starts, kernels included."""
    sys.path.insert(0, str(NO_NETWORK))
    sys.modules.pop("sitecustomize", None)
    import sitecustomize  # noqa: F401

    sys.path.remove(str(NO_NETWORK))
    rest = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
    if str(NO_NETWORK) not in rest:
        os.environ["PYTHONPATH"] = os.pathsep.join([str(NO_NETWORK), *rest])


def unpack_mnist_once() -> None:
    """Let this process unpack the digits once, and again where a test has written to them.

    A call unpacks all 70,000, which takes half a second, and the tests make some three hundred.
    """
    from advtutor import data

    found: list[tuple[data.MNIST, list[int]]] = []

    def versions(digits: data.MNIST) -> list[int]:
        return [part._version for split in digits for part in split]

    @functools.wraps(data.mnist)
    def mnist() -> data.MNIST:
        if not found or versions(found[0][0]) != found[0][1]:
            digits = mnist.__wrapped__()
            found[:] = [(digits, versions(digits))]
        return found[0][0]

    data.mnist = mnist


def pytest_configure(config: pytest.Config) -> None:
    cut_the_network()
    # A backend chosen outside would keep the figures out of the notebooks' cells.
    os.environ.pop("MPLBACKEND", None)
    share_cores(os.environ)
    os.environ["ADVTUTOR_PROGRESS"] = "off"  # what the tests solve, nobody has learnt
    if not config.getoption("numprocesses", None):  # in a worker, or without any
        unpack_mnist_once()
    # nbval opens the sanitiser's file relative to the folder that pytest was called in.
    sanitiser = getattr(config.option, "nbval_sanitize_with", None)
    if sanitiser and not Path(sanitiser).is_absolute():
        config.option.nbval_sanitize_with = str(ROOT / sanitiser)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Longest file first, for workers. A busy kernel has a minute for a cell's outputs, not 5 s."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: -seconds(item.path))
    for item in items:
        if hasattr(item, "output_timeout"):
            item.output_timeout = 60


@functools.cache
def seconds(path: Path) -> float:
    """About how long the tests of a file, or the cells of a notebook, take; 0 for not long."""
    if path.suffix != ".ipynb":
        return SECONDS.get(path.stem, 0)
    stamp = json.loads(path.read_text(encoding="utf-8"))["metadata"].get("advtutor", {})
    return stamp.get("seconds", 60)
