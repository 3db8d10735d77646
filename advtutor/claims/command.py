"""`advtutor reproduce`: what it checks before, what it shows meanwhile, and what it leaves."""

import contextlib
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from advtutor.claims import executors, ledger
from advtutor.claims.executors import Message
from advtutor.claims.runs import (
    Kept,
    ReproduceError,
    Result,
    Task,
    choose,
    run_all,
    tasks,
)

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
    _announce(asked, todo, quick, out, console)
    watch = _Watch(todo, console)
    with _place(scheduler, jobs, len(todo), watch.hear) as (make_executor, channel, threads), watch:
        made = run_all(
            todo,
            kept,
            make_executor=make_executor,
            channel=channel,
            device=device,
            threads=threads,
            finished=watch.finished,
        )
    rows = ledger.ledger([*results.values(), *made])
    names = {task.experiment for task in asked}
    console.print(_table([row for row in rows if row.claim.experiment in names], quick))
    without = [result for result in made if result.failure]
    for result in without:
        words = f"{result.experiment}, seed {result.seed}: {result.failure}"
        end = "left out" if result.missing else "failed"
        console.print(f"[bold]{end}[/]  {escape(words)}", highlight=False, soft_wrap=True)
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


def _announce(
    asked: Sequence[Task], todo: Sequence[Task], quick: bool, out: Path, console: Console
) -> None:
    minutes = sum(task.definition.minutes for task in todo)
    there = len(asked) - len(todo)
    words = f"{len(todo)} runs" + (f", {there} more are in {out} already" if there else "")
    words += f"; about {minutes:.0f} minutes on one core" if todo else ""
    console.print(("A quick run: " if quick else "") + words + ".", highlight=False)


def _place(
    scheduler: str | None, jobs: int, runs: int, listener: Callable[[Message], None]
) -> contextlib.AbstractContextManager:
    if scheduler:
        return executors.dask(scheduler, jobs, listener)
    if jobs > 1 and runs > 1:
        return executors.processes(min(jobs, runs), listener)
    return executors.inline(listener)


def cores() -> int:
    """How many processes can compute at the same time here."""
    with contextlib.suppress(AttributeError):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Watch:
    """One bar for the whole, weighted by what each run costs, and one for each run under way."""

    def __init__(self, todo: Sequence[Task], console: Console) -> None:
        self._minutes = {task.name: task.definition.minutes for task in todo}
        self._share = dict.fromkeys(self._minutes, 0.0)
        self._bars: dict[str, TaskID] = {}
        self._lock = threading.Lock()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[words]}"),
            console=console,
        )
        total = sum(self._minutes.values())
        self._whole = self._progress.add_task("all runs", total=total or 1.0, words="")

    def __enter__(self) -> "_Watch":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def hear(self, message: Message) -> None:
        """Show how far a run is."""
        name, share, words = message
        with self._lock:
            if name not in self._share or self._share[name] >= 1:
                return
            if name not in self._bars:
                self._bars[name] = self._progress.add_task(_short(name), total=1.0, words="")
            self._share[name] = min(share, 0.99)
            self._progress.update(self._bars[name], completed=share, words=words)
            self._update_whole()

    def finished(self, task: Task, result: Result) -> None:
        """Take a run's bar away and say in a line what became of it."""
        with self._lock:
            self._share[task.name] = 1.0
            if task.name in self._bars:
                self._progress.remove_task(self._bars.pop(task.name))
            end = "left out" if result.missing else "failed" if result.failure else "done"
            self._progress.console.print(
                f"{end}  {task.experiment}, seed {task.seed}  {result.seconds:.0f} s",
                highlight=False,
            )
            self._update_whole()

    def _update_whole(self) -> None:
        done = sum(self._minutes[name] * share for name, share in self._share.items())
        self._progress.update(self._whole, completed=done)


def _short(name: str) -> str:
    experiment, _, seed = name.rsplit("-", 2)
    return f"{experiment}, seed {seed}"


def _table(rows: Sequence[ledger.Row], quick: bool) -> Table:
    title = "The paper in numbers" + (", a quick run: no verdicts" if quick else "")
    table = Table(title=title, caption_justify="left")
    if not quick:
        table.caption = "The rule for the verdicts stands in paper.md."
    table.add_column("claim", no_wrap=True)
    table.add_column("paper", overflow="fold")
    table.add_column("ours", no_wrap=True)
    table.add_column("n", justify="right")
    table.add_column("in its band" if quick else "verdict")
    for row in rows:
        unit = " %" if row.claim.in_percent else ""
        paper = row.claim.paper_value + (unit if row.claim.paper_value else "")
        first, *others = row.kinds
        judged = ("yes" if row.in_band else "no") if quick and row.n else row.verdict
        ours = f"{first.ours}{unit}" if row.n else ""
        table.add_row(row.claim.id, escape(paper), ours, str(first.n or ""), judged)
        for kind in others:
            table.add_row("", "", f"{kind.ours}{unit}", str(kind.n), "")
    return table
