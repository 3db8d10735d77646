"""A notebook is run here, by whoever runs one: in a fresh kernel of this very Python."""

import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from ipykernel.kernelspec import RESOURCES, get_kernel_dict
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from advtutor._threads import share_cores

SKIPPED = "nbval-skip"
COLOUR_CODE = re.compile(r"\x1b\[[0-9;]*m")


class RunError(RuntimeError):
    """A run that did not reach its end. Its text names the cell, counted as Jupyter does, and why.

    tail: the last lines of the cell's traceback; empty where there is none.
    """

    def __init__(self, text: str, tail: str = "") -> None:
        super().__init__(text)
        self.tail = tail


class ThisPython(KernelSpecManager):
    """Starts kernels with this interpreter, whatever kernels are installed beside it."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        return KernelSpec(resource_dir=RESOURCES, **get_kernel_dict())


def execute(
    notebook: NotebookNode, folder: Path, seconds_per_cell: int, cell_done: Callable[[], object]
) -> float:
    """Fill the notebook's outputs by running it in `folder`; the seconds that its cells took.

    Raises RunError at the first cell that fails; the outputs up to there stay.
    """
    count, started, spent = 0, 0.0, 0.0

    def start(**_: object) -> None:
        nonlocal count, started
        count, started = count + 1, time.perf_counter()

    def stop(**_: object) -> None:
        nonlocal spent
        spent += time.perf_counter() - started
        cell_done()

    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    # A backend chosen outside would keep the figures out of the cells.
    environment = {key: value for key, value in os.environ.items() if key != "MPLBACKEND"}
    share_cores(environment)
    environment["ADVTUTOR_PROGRESS"] = "off"  # what is run here, nobody has learnt
    client = NotebookClient(
        notebook,
        km=AsyncKernelManager(kernel_name="python3", kernel_spec_manager=ThisPython()),
        timeout=seconds_per_cell,
        store_widget_state=False,
        record_timing=False,
        resources={"metadata": {"path": str(folder)}},
        skip_cells_with_tag=SKIPPED,
        on_cell_execute=start,
        on_cell_executed=stop,
    )
    try:
        # What the kernel itself grumbles is not for the reader; a cell's stderr comes another way.
        client.execute(env=environment, stderr=subprocess.DEVNULL)
    except CellExecutionError as error:
        tail = "\n".join(COLOUR_CODE.sub("", error.traceback).strip().splitlines()[-3:])
        why = f"{error.ename}: {COLOUR_CODE.sub('', error.evalue)}"
        raise RunError(f"cell {count}: {why}", tail) from error
    except CellTimeoutError as error:
        raise RunError(f"cell {count}: not done after {seconds_per_cell} s") from error
    except DeadKernelError as error:
        died = "the kernel died, perhaps for want of memory"
        raise RunError(f"cell {count}: {died}") from error
    return spent


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """The cells that a run executes: code, not empty, not left out of runs by its tag."""
    return [
        cell
        for cell in notebook.cells
        if cell.cell_type == "code"
        and cell.source.strip()
        and SKIPPED not in cell.metadata.get("tags", [])
    ]
