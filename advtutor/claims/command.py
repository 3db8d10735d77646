"""`advtutor reproduce`: what it checks before, what it shows meanwhile, and what it leaves."""

import contextlib
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TimeRemainingColumn
from rich.table import Table

from advtutor.claims import executors, ledger
from advtutor.claims.executors import Inline, Message, Place, Tell
from advtutor.claims.runs import Kept, ReproduceError, Result, Task, choose, run_all, tasks

QUICK_SEEDS = 2


def reproduce(
    *,
    only: Sequence[str],
    seeds: int | None,
    quick: bool,
    device: str,
    jobs: int,
    scheduler: str | None,
    out: Path,
    console: Console,
) -> int:
    """Measure the paper's claims and write the ledger into `out`; the exit status.

    0 if all runs ended, 1 if one failed; one whose data cannot be had here is left out. Raises
    ReproduceError or ExecutorError for what cannot be done, and KeyboardInterrupt, with all that
    has finished on disk.
    """
    _check_device(device)
    if out.exists() and not out.is_dir():
        raise ReproduceError(f"--out {out} is a file; name a folder")
    chosen = [e for e in choose(only) if e.quick or not quick]
    if not chosen:
        raise ReproduceError("a quick run leaves out all of these; leave --quick away")
    asked = tasks(chosen, seeds or (QUICK_SEEDS if quick else 5))
    kept = Kept(out)
    results = {task: result for task in asked if (result := kept.load(task))}
    todo = [task for task in asked if task not in results]
    words = f"{len(todo)} runs" + (f", {len(results)} more are in {out} already" if results else "")
    words += f"; about {_minutes(todo):.0f} minutes on one core" if todo else ""
    console.print(("A quick run: " if quick else "") + words + ".", highlight=False)
    watch = _Watch(todo, console)
    with _place(scheduler, jobs, len(todo), watch.hear) as place, watch:
        made = run_all(todo, kept, place, device=device, finished=watch.end)
    rows = ledger.ledger([*results.values(), *made])
    names = {task.experiment for task in asked}
    shown = [row for row in rows if row.claim.experiment in names]
    if shown:
        console.print(_table(shown, quick))
    if rest := names - {row.claim.experiment for row in rows}:
        console.print(_numbers([r for r in (*results.values(), *made) if r.experiment in rest]))
    without = [result for result in made if result.failure]
    for result in without:
        words = escape(f"{result.experiment}, seed {result.seed}: {result.failure}")
        console.print(f"[bold]{result.end}[/]  {words}", highlight=False, soft_wrap=True)
    try:
        paths = ledger.write(rows, out, quick=quick)
    except OSError as error:
        raise ReproduceError(
            f"the ledger could not be written into {out} ({error}). Make room, and call the same "
            "again: finished runs are kept."
        ) from error
    console.print("Written: " + ", ".join(map(str, paths)), highlight=False)
    return int(any(not result.missing for result in without))


def _check_device(device: str) -> None:
    try:
        torch.empty(0, device=torch.device(device))
    except (RuntimeError, AssertionError) as error:
        there = ["cpu"] + ["cuda"] * torch.cuda.is_available()
        there += ["mps"] * torch.backends.mps.is_available()
        first = str(error).splitlines()[0]
        raise ReproduceError(
            f"--device {device} cannot be used here ({first}); there is {', '.join(there)}"
        ) from None


def _place(
    scheduler: str | None, jobs: int, runs: int, listener: Tell
) -> contextlib.AbstractContextManager[Place]:
    if scheduler:
        return executors.dask(scheduler, jobs, listener)
    if jobs > 1 and runs > 1:
        return executors.processes(min(jobs, runs), listener)
    return contextlib.nullcontext(Place(Inline, listener))


def cores() -> int:
    """How many processes can compute at the same time here."""
    with contextlib.suppress(AttributeError):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Watch(Progress):
    """One bar for the whole, weighted by what each run costs, and one for each run under way."""

    def __init__(self, todo: Sequence[Task], console: Console) -> None:
        super().__init__(
            *("{task.description}", BarColumn(), TaskProgressColumn(), TimeRemainingColumn()),
            "{task.fields[words]}",
            console=console,
        )
        self._one_by_one = threading.Lock()
        self._whole = self.add_task("all runs", total=_minutes(todo) or 1.0, words="")
        self._bars = {
            task.name: self.add_task(
                task.title, total=task.definition.minutes, visible=False, words=""
            )
            for task in todo
        }

    def hear(self, message: Message) -> None:
        """Show how far a run is, unless it has ended."""
        name, share, words = message
        with self._one_by_one:
            if name in self._bars:
                self._show(name, min(share, 0.99), words=words, visible=True)

    def end(self, task: Task, result: Result) -> None:
        """Take a run's bar away and say in a line what became of it."""
        words = f"{result.end}  {task.title}  {result.seconds:.0f} s"
        with self._one_by_one:
            self._show(task.name, 1.0, visible=False)
            del self._bars[task.name]
            self.console.print(words, highlight=False)

    def _show(self, name: str, share: float, **fields: Any) -> None:
        bar = self._bars[name]
        self.update(bar, completed=share * (self.tasks[bar].total or 0.0), **fields)
        self.update(self._whole, completed=sum(run.completed for run in self.tasks[1:]))


def _minutes(todo: Sequence[Task]) -> float:
    return sum(task.definition.minutes for task in todo)


def _numbers(results: Sequence[Result]) -> Table:
    """What experiments measured that fill no row."""
    table = Table("experiment", "seed", "of", "number", "value", title="Numbers without a row")
    for result in results:
        for of, group in result.numbers.items():
            for name, value in group.items():
                cells = result.experiment, str(result.seed), of, name, str(value)
                table.add_row(*map(escape, cells))
    return table


def _table(rows: Sequence[ledger.Row], quick: bool) -> Table:
    table = Table(
        title="The paper in numbers" + (", a quick run: no verdicts" if quick else ""),
        caption=None if quick else "The rule for the verdicts stands in paper.md.",
        caption_justify="left",
    )
    table.add_column("claim", no_wrap=True)
    table.add_column("paper", overflow="fold")
    table.add_column("ours", no_wrap=True)
    table.add_column("n", justify="right")
    table.add_column("in its band" if quick else "verdict")
    for row, cells in ledger.lines(rows, quick=quick):
        table.add_row(row.claim.id if row else "", *map(escape, cells))
    return table
