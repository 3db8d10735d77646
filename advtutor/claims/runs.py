"""Running (experiment, seed) pairs: here, in processes or on a Dask cluster, each kept at once."""

import contextlib
import itertools
import json
import os
import platform
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

import advtutor
from advtutor._files import whole_file
from advtutor.claims.executors import Place, Tell
from advtutor.claims.experiments import EXPERIMENTS, Experiment, Run
from advtutor.claims.experiments.base import Numbers
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
    def title(self) -> str:
        """What it is called on the screen."""
        return f"{self.experiment}, seed {self.seed}"

    @property
    def name(self) -> str:
        """What it is called on disk: it changes with the recipe."""
        recipe = digest(self.definition.recipe())
        return f"{self.experiment.replace(' ', '-')}-{recipe}-{self.seed}"


@dataclass(frozen=True)
class Result:
    """What one run measured, and all that is needed to do it again.

    numbers: by what they were measured on, by name.
    """

    experiment: str
    seed: int
    recipe: dict[str, Any]
    numbers: Numbers = field(default_factory=dict)
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
            and self.seed in experiment.seeds_of(self.seed + 1)
            and digest(self.recipe) == digest(experiment.recipe())
            and experiment.gave(self.numbers)
        )

    @property
    def end(self) -> str:
        """What became of the run, in a word or two."""
        return "left out" if self.missing else "failed" if self.failure else "done"

    def number(self, of: str, name: str) -> Any:
        """What was measured under this name; None if it was not there to be measured."""
        return self.numbers.get(of, {}).get(name)


def choose(only: Iterable[str]) -> list[Experiment]:
    """The experiments behind claim ids or experiment names; those of every claim if none is given.

    Raises ReproduceError for a name that is neither, and for a claim that nothing measures.
    """
    wanted = {name if name in EXPERIMENTS else _behind(name) for name in only}
    return [e for e in EXPERIMENTS.values() if not wanted or e.name in wanted]


def _behind(id: str) -> str:
    try:
        claim = known_claim(id)
    except ValueError as error:
        raise ReproduceError(
            f"{error}. The ids stand in the ledger; the experiments are {', '.join(EXPERIMENTS)}."
        ) from None
    if not claim.experiment:
        raise ReproduceError(f"{id} is not measured here: {claim.status}.")
    return claim.experiment


def tasks(experiments: Sequence[Experiment], seeds: int) -> list[Task]:
    """The pairs to run, in the order in which they had better start: seed by seed."""
    if seeds < 1:
        raise ReproduceError(f"seeds is {seeds}; give at least 1")
    each = [[Task(e.name, seed) for seed in e.seeds_of(seeds)] for e in experiments]
    return [task for row in itertools.zip_longest(*each) for task in row if task]


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


def run_task(task: Task, store: str, device: str, threads: int | None, tell: Tell) -> Result:
    """Run one pair, wherever this is called, and return its result; a failure is a result too."""
    if threads:
        torch.set_num_threads(threads)
    definition, start = task.definition, time.perf_counter()
    found: dict[str, Any]

    def report(share: float, words: str) -> None:
        tell((task.name, share, words))

    try:
        report(0.0, "starts")
        run = Run(task.seed, definition.networks, Path(store), device, report)
        numbers = definition.measure(run)
        bad = [
            f"{name} of {of}"
            for of, group in numbers.items()
            for name, value in group.items()
            if not torch.tensor(value).isfinite().all()
        ]
        found = {"failure": f"not a number: {', '.join(bad)}"} if bad else {"numbers": numbers}
    except DataError as error:
        found = {"failure": str(error), "missing": True}
    except Exception as error:  # told in the table; the other runs go on
        found = {"failure": " ".join(f"{type(error).__name__}: {error}".split())}
    return Result(
        **(vars(task) | {"recipe": definition.recipe()} | found),
        seconds=round(time.perf_counter() - start, 1),
        device=torch.cuda.get_device_name(device) if device.startswith("cuda") else device,
        threads=torch.get_num_threads(),
        versions=versions(),
    )


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
    place: Place,
    *,
    device: str = "cpu",
    finished: Callable[[Task, Result], None] = lambda task, result: None,
) -> list[Result]:
    """Run `todo` in a place; the results in the order they end.

    A pair waits while another one trains a network that it needs too. Each finished one is kept at
    once and told to `finished`. A run that fails costs only itself. When a worker process dies, the
    executor is made anew and what it had not finished is run again, up to `ATTEMPTS` times.
    """
    waiting, results, tries = list(todo), [], Counter[Task]()
    executor, store = place.make_executor(), str(kept.networks.resolve())
    running: dict[Future, Task] = {}

    def end(task: Task, result: Result | str) -> None:
        if isinstance(result, str):  # why there is none
            why = " ".join(result.split())
            result = Result(task.experiment, task.seed, task.definition.recipe(), failure=why)
        try:
            if not result.failure:
                kept.save(task, result)
        except OSError as error:
            place.tell((task.name, 1.0, f"its result is not on disk: {error}"))
        results.append(result)
        finished(task, result)

    try:
        while waiting or running:
            for task in list(waiting):
                if any(_share_a_network(task, other) for other in running.values()):
                    continue
                waiting.remove(task)
                tries[task] += 1
                future = executor.submit(run_task, task, store, device, place.threads, place.tell)
                running[future] = task
                if future.done():  # an executor that computes at once: keep its result at once
                    break
            lost: list[Task] = []
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                task = running.pop(future)
                try:
                    end(task, future.result())
                except BrokenExecutor:
                    lost.append(task)
                except Exception as error:  # the worker's own end: lost by the cluster, say
                    end(task, f"{type(error).__name__}: {error}")
            if lost:
                lost += running.values()
                running.clear()
                executor.shutdown(wait=False)
                executor = place.make_executor()
                for task in lost:
                    if tries[task] == ATTEMPTS:
                        end(task, f"its worker died {ATTEMPTS} times")
                    else:
                        waiting.insert(0, task)
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
