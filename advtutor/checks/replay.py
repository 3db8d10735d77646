"""Runs a submitted notebook and hands over what its answers returned: tensors, and no verdict.

The process of its own that `advtutor.checks.grading` starts, as `python -m advtutor.checks.replay
CELLS OUT`. The cells run one after the other in one IPython, as *Restart and Run All* does it, so
helpers, imports and magics are where the notebook has them. Whatever an answer does to this
process, the parent has the inputs, the course's answers and the last word.
"""

import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from advtutor import checks
from advtutor.checks import engine


def main() -> None:
    """Run the cells of the first file, and write what was observed into the second."""
    end_with_the_parent()
    cells, out = Path(sys.argv[1]), Path(sys.argv[2])
    asked = json.loads(cells.read_text(encoding="utf-8"))
    record = Record(out)
    engine.watchers.append(record)
    around = run(asked["cells"])
    for name in asked["exercises"]:
        answer, exercise = around.get(name), getattr(checks, name)
        if name not in record.found and answer not in (None, exercise.reference):
            exercise.judge(answer)  # defined, and never checked
    record.ended = True
    record.write()
    os._exit(0)  # a thread of the notebook's may be running still


def end_with_the_parent() -> None:
    """End this process, and those it starts, once nobody holds the other end of its input.

    For the cells there is nothing to read.
    """
    parent, nothing = os.dup(0), os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)

    def wait() -> None:
        os.read(parent, 1)
        if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def run(cells: list[str]) -> dict[str, Any]:
    """The names that are there after all cells have run; one that fails does not stop the rest."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    class Shell(InteractiveShell):
        def enable_gui(self, gui: Any = None) -> None:
            """Nothing: `%matplotlib inline` wants it, and here nobody looks at figures."""

    config = Config()
    config.HistoryManager.enabled = False
    shell = Shell.instance(config=config)
    for cell in cells:
        shell.run_cell(cell, store_history=True)
    return dict(shell.user_ns)


class Record:
    """What was observed of each exercise, the last time counting, in one file of tensors."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.found: dict[str, Any] = {}
        self.tensors: dict[str, dict[str, Tensor]] = {}
        self.ended = False

    def __call__(self, name: str, runs: list[engine.Run], verdict: engine.Verdict) -> None:
        """Note one observation; it is written at once, since the next cell may end the process."""
        tensors: dict[str, Tensor] = {}
        self.found[name] = {
            "mark": verdict.mark,
            "text": verdict.text,
            "runs": [
                {
                    "result": packed(run.result, f"{name}/{i}/result", tensors),
                    "again": packed(run.again, f"{name}/{i}/again", tensors),
                    "seen": packed(run.seen, f"{name}/{i}/seen", tensors),
                    "changed": run.changed,
                }
                for i, run in enumerate(runs)
            ],
        }
        self.tensors[name] = tensors
        self.write()

    def write(self) -> None:
        """Write what has been found so far, in the place of what was written before."""
        every = {key: one for some in self.tensors.values() for key, one in some.items()}
        new = self.out.with_suffix(".new")
        save_file(every, new, metadata={"found": json.dumps(self.found), "ended": str(self.ended)})
        new.replace(self.out)


def packed(value: Any, key: str, tensors: dict[str, Tensor]) -> Any:
    """`value` as plain data; its tensors go to `tensors`, under names that begin with `key`."""
    if isinstance(value, Tensor):
        tensors[key] = value.detach().clone().contiguous()
        return {"tensor": key, "requires_grad": value.requires_grad}
    if isinstance(value, dict):
        return {"dict": {k: packed(v, f"{key}/{k}", tensors) for k, v in value.items()}}
    if isinstance(value, tuple | list):
        return {"list": [packed(v, f"{key}/{i}", tensors) for i, v in enumerate(value)]}
    return value if isinstance(value, bool | int | float | str) else None


def unpacked(value: Any, tensors: dict[str, Tensor]) -> Any:
    """What `packed` has made plain; raises KeyError or TypeError for anything else."""
    if not isinstance(value, dict):
        return value
    if "dict" in value:
        return {k: unpacked(v, tensors) for k, v in value["dict"].items()}
    if "list" in value:
        return tuple(unpacked(v, tensors) for v in value["list"])
    tensor = tensors[value["tensor"]]
    follows = value["requires_grad"] and torch.is_floating_point(tensor)
    return tensor.requires_grad_() if follows else tensor


if __name__ == "__main__":
    main()
