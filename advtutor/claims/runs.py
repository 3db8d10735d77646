"""Running (experiment, seed) pairs: here, in processes or on a Dask cluster, each kept at once."""

import json
import math
import os
import platform
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

import advtutor
from advtutor.claims.executors import Channel
from advtutor.claims.experiments import EXPERIMENTS, Experiment, Run
from advtutor.claims.paper import known_claim
from advtutor.claims.trained import digest
from advtutor.data import DataError

ATTEMPTS = 3  # of a run whose worker process dies under it


class ReproduceError(Exception):
    """What was asked for cannot be done; the message says what to do."""


@dataclass(frozen=True)
class Task:
    """One (experiment, seed) pair to be run."""

    experiment: str
    seed: int
    quick: bool = False

    @property
    def definition(self) -> Experiment:
        """The experiment itself."""
        return EXPERIMENTS[self.experiment]

    @property
    def name(self) -> str:
        """What it is called on disk and on the screen: it changes with the recipe."""
        recipe = digest(self.definition.recipe(quick=self.quick))
        return f"{self.experiment.replace(' ', '-')}-{recipe}-{self.seed}"


@dataclass(frozen=True)
class Result:
    """What one run measured, and all that is needed to do it again."""

    experiment: str
    seed: int
    quick: bool
    recipe: dict[str, Any]
    numbers: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    device: str = "cpu"
    threads: int = 1
    versions: dict[str, str] = field(default_factory=dict)
    failure: str = ""  # why there are no numbers
    missing: bool = False  # whether that is because its data cannot be had here


def choose(only: Iterable[str]) -> list[Experiment]:
    """The experiments behind claim ids or experiment names; those of every claim if none is given.

    Raises ReproduceError for a name that is neither, and for a claim that nothing measures.
    """
    wanted: list[str] = []
    for name in only:
        if name in EXPERIMENTS:
            wanted.append(name)
            continue
        try:
            claim = known_claim(name)
        except ValueError as error:
            raise ReproduceError(
                f"{error}. The ids stand in the ledger; the experiments are "
                f"{', '.join(EXPERIMENTS)}."
            ) from None
        if not claim.experiment:
            raise ReproduceError(f"{name} is not measured here: {claim.status}.")
        wanted.append(claim.experiment)
    return [e for e in EXPERIMENTS.values() if not wanted or e.name in wanted]


def tasks(experiments: Sequence[Experiment], seeds: int, *, quick: bool = False) -> list[Task]:
    """The pairs to run, in the order in which they had better start: seed by seed."""
    if seeds < 1:
        raise ReproduceError(f"seeds is {seeds}; give at least 1")
    if quick:
        experiments = [e for e in experiments if e.quick is not None]
    return [
        Task(e.name, seed, quick)
        for seed in range(seeds)
        for e in experiments
        if seed < (e.seeds or seeds)
    ]


def versions() -> dict[str, str]:
    """What the numbers were made with."""
    return {
        "advtutor": advtutor.__version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def run_task(task: Task, store: str, device: str, threads: int | None, channel: Channel) -> Result:
    """Run one pair, wherever this is called, and return its result; a failure is a result too."""
    if threads:
        torch.set_num_threads(threads)
    definition = task.definition
    recipe = definition.recipe(quick=task.quick)
    blank = Result(task.experiment, task.seed, task.quick, recipe, device=_name_of(device))
    networks = {**definition.networks, **(definition.quick or {})} if task.quick else None
    start = time.perf_counter()

    def report(share: float, words: str) -> None:
        channel.put((task.name, share, words))

    run = Run(task.seed, networks or definition.networks, Path(store), device, report)
    missing = False
    try:
        report(0.0, "starts")
        numbers = definition.measure(run)
        bad = [name for name, value in numbers.items() if not math.isfinite(value)]
        failure = f"not a number: {', '.join(bad)}" if bad else ""
    except DataError as error:
        numbers, failure, missing = {}, str(error), True
    except Exception as error:  # told in the table; the other runs go on
        numbers, failure = {}, " ".join(f"{type(error).__name__}: {error}".split())
    made = {
        "numbers": {} if failure else numbers,
        "failure": failure,
        "missing": missing,
        "seconds": round(time.perf_counter() - start, 1),
        "threads": torch.get_num_threads(),
        "versions": versions(),
    }
    return Result(**{**asdict(blank), **made})


def _name_of(device: str) -> str:
    return torch.cuda.get_device_name(device) if device.startswith("cuda") else device


# ---------------------------------------------------------------------------------------------
# On disk: one small file for each finished pair.


class Kept:
    """The finished runs in the folder `out`, and the networks that they trained."""

    def __init__(self, out: Path) -> None:
        self.runs, self.networks = out / "runs", out / "networks"
        try:
            self.runs.mkdir(parents=True, exist_ok=True)
            self.networks.mkdir(exist_ok=True)
            probe = self.runs / f".{os.getpid()}"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise ReproduceError(
                f"results cannot be kept in {out} ({error}); name a folder that you may write "
                "to: --out DIR"
            ) from error

    def load(self, task: Task) -> Result | None:
        """The result of a pair that this version has finished with this recipe, if there is one."""
        try:
            data = json.loads((self.runs / f"{task.name}.json").read_text(encoding="utf-8"))
            result = Result(**data)
        except (OSError, ValueError, TypeError):
            return None
        same_code = result.versions.get("advtutor") == advtutor.__version__
        return result if same_code and not result.failure else None

    def save(self, task: Task, result: Result) -> None:
        """Keep a result, at one stroke. Raises OSError if the disk does not take it."""
        path = self.runs / f"{task.name}.json"
        new = path.with_suffix(".new")
        try:
            new.write_text(json.dumps(asdict(result), indent=1) + "\n", encoding="utf-8")
            new.replace(path)
        finally:
            new.unlink(missing_ok=True)


# ---------------------------------------------------------------------------------------------
# The loop.


def run_all(
    todo: Sequence[Task],
    kept: Kept,
    *,
    make_executor: Callable[[], Executor],
    channel: Channel,
    device: str = "cpu",
    threads: int | None = None,
    finished: Callable[[Task, Result], None] = lambda task, result: None,
) -> list[Result]:
    """Run `todo` on the executor that `make_executor()` gives; the results in the order they end.

    A pair waits for the pairs whose networks it uses. Each finished one is kept at once and told
    to `finished`. A run that fails costs only itself. When a worker process dies, the executor is
    made anew and what it had not finished is run again, up to `ATTEMPTS` times.
    """
    waiting, results, tries = list(todo), [], dict.fromkeys(todo, 0)
    executor = make_executor()
    running: dict[Future, Task] = {}

    def end(task: Task, result: Result) -> None:
        try:
            if not result.failure:
                kept.save(task, result)
        except OSError as error:
            channel.put((task.name, 1.0, f"its result is not on disk: {error}"))
        results.append(result)
        finished(task, result)

    try:
        while waiting or running:
            blocked = {(t.experiment, t.seed) for t in [*waiting, *running.values()]}
            for task in list(waiting):
                if any((n, task.seed) in blocked for n in task.definition.needs):
                    continue
                waiting.remove(task)
                tries[task] += 1
                arguments = (task, str(kept.networks.resolve()), device, threads, channel)
                future = executor.submit(run_task, *arguments)
                running[future] = task
                if future.done():  # an executor that computes at once: keep its result at once
                    break
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            broken: list[Task] = []
            for future in done:
                task = running.pop(future)
                try:
                    end(task, future.result())
                except BrokenExecutor:
                    broken.append(task)
                except Exception as error:  # the worker's own end: lost by the cluster, say
                    end(task, _failed(task, f"{type(error).__name__}: {error}"))
            if broken:
                lost = [*broken, *running.values()]
                running.clear()
                executor.shutdown(wait=False)
                executor = make_executor()
                for task in lost:
                    if tries[task] < ATTEMPTS:
                        waiting.insert(0, task)
                    else:
                        end(task, _failed(task, f"its worker died {ATTEMPTS} times"))
    except BaseException:
        for future in running:
            future.cancel()
        executor.shutdown(wait=False)
        raise
    executor.shutdown()
    return results


def _failed(task: Task, why: str) -> Result:
    recipe = task.definition.recipe(quick=task.quick)
    return Result(task.experiment, task.seed, task.quick, recipe, failure=" ".join(why.split()))
