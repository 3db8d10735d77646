"""Running (experiment, seed) pairs: here, in processes or on a Dask cluster, each kept at once."""

import contextlib
import json
import math
import os
import platform
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

import advtutor
from advtutor._files import whole_file
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

    @property
    def definition(self) -> Experiment:
        """The experiment itself."""
        return EXPERIMENTS[self.experiment]

    @property
    def name(self) -> str:
        """What it is called on disk and on the screen: it changes with the recipe."""
        recipe = digest(self.definition.recipe())
        return f"{self.experiment.replace(' ', '-')}-{recipe}-{self.seed}"


@dataclass(frozen=True)
class Result:
    """What one run measured, and all that is needed to do it again.

    numbers: by what they were measured on, as the experiment's `gives` announces them.
    """

    experiment: str
    seed: int
    recipe: dict[str, Any]
    numbers: dict[str, dict[str, Any]] = field(default_factory=dict)
    seconds: float = 0.0
    device: str = "cpu"
    threads: int = 1
    versions: dict[str, str] = field(default_factory=dict)
    failure: str = ""  # why there are no numbers
    missing: bool = False  # whether that is because its data cannot be had here

    @property
    def of_today(self) -> bool:
        """Whether it is a result of an experiment as it is: of its recipe, and of one of its seeds.

        The one place that decides whether a stored run counts.
        """
        experiment = EXPERIMENTS.get(self.experiment)
        return (
            experiment is not None
            and not self.failure
            and self.seed < (experiment.seeds or math.inf)
            and digest(self.recipe) == digest(experiment.recipe())
            and experiment.gave(self.numbers)
        )

    def number(self, of: str, name: str) -> Any:
        """What was measured under this name; None if it was not there to be measured."""
        return self.numbers.get(of, {}).get(name)


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


def tasks(experiments: Sequence[Experiment], seeds: int) -> list[Task]:
    """The pairs to run, in the order in which they had better start: seed by seed."""
    if seeds < 1:
        raise ReproduceError(f"seeds is {seeds}; give at least 1")
    return [
        Task(e.name, seed)
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
        "processor": processor(),
    }


def processor() -> str:
    """The processor's name: machines round differently, and a long training may end elsewhere."""
    with contextlib.suppress(OSError):  # Linux, where platform knows the architecture only
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        for line in text.splitlines():
            if line.startswith("model name"):
                return " ".join(line.partition(":")[2].split())
    return platform.processor() or platform.machine()


def run_task(task: Task, store: str, device: str, threads: int | None, channel: Channel) -> Result:
    """Run one pair, wherever this is called, and return its result; a failure is a result too."""
    if threads:
        torch.set_num_threads(threads)
    definition, start = task.definition, time.perf_counter()
    result = Result(task.experiment, task.seed, definition.recipe(), device=_name_of(device))

    def report(share: float, words: str) -> None:
        channel.put((task.name, share, words))

    run = Run(task.seed, definition.networks, Path(store), device, report)
    try:
        report(0.0, "starts")
        numbers = definition.measure(run)
        bad = [f"{name} of {of}" for of, name, value in _each(numbers) if not math.isfinite(value)]
        if bad:
            result = replace(result, failure=f"not a number: {', '.join(bad)}")
        else:
            result = replace(result, numbers=numbers)
    except DataError as error:
        result = replace(result, failure=str(error), missing=True)
    except Exception as error:  # told in the table; the other runs go on
        result = replace(result, failure=" ".join(f"{type(error).__name__}: {error}".split()))
    return replace(
        result,
        seconds=round(time.perf_counter() - start, 1),
        threads=torch.get_num_threads(),
        versions=versions(),
    )


def _each(numbers: dict[str, dict[str, Any]]) -> Iterator[tuple[str, str, float]]:
    for of, group in numbers.items():
        for name, value in group.items():
            for number in value if isinstance(value, list) else [value]:
                yield of, name, number


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
        """The result of a pair that was finished with today's recipe, if there is one."""
        result = read(self.runs / f"{task.name}.json")
        return result if result and result.of_today else None

    def save(self, task: Task, result: Result) -> None:
        """Keep a result, whole or not at all. Raises OSError if the disk does not take it."""
        with whole_file(self.runs / f"{task.name}.json") as path:
            path.write_text(json.dumps(asdict(result), indent=1) + "\n", encoding="utf-8")


def read(path: Path) -> Result | None:
    """The result in a file; None if there is none, or another edition wrote it."""
    try:
        return Result(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


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

    A pair waits while another one trains a network that it needs too. Each finished one is kept at
    once and told to `finished`. A run that fails costs only itself. When a worker process dies, the
    executor is made anew and what it had not finished is run again, up to `ATTEMPTS` times.
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
            for task in list(waiting):
                if any(_share_a_network(task, other) for other in running.values()):
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


def _share_a_network(a: Task, b: Task) -> bool:
    recipes = a.definition.networks.values()
    return a.seed == b.seed and any(r in recipes for r in b.definition.networks.values())


def _failed(task: Task, why: str) -> Result:
    recipe = task.definition.recipe()
    return Result(task.experiment, task.seed, recipe, failure=" ".join(why.split()))
