"""Two experiments for runs in other processes, which import them by name."""

import time
from dataclasses import dataclass, replace

from advtutor.claims.experiments import EXPERIMENTS, Experiment, Run
from advtutor.claims.experiments.base import measure
from advtutor.claims.runs import Task

LOGISTIC = EXPERIMENTS["logistic"]
SHORT = replace(  # a real one that takes a second
    LOGISTIC,
    networks={
        name: replace(recipe, epochs=2, examples=2_000 + i)  # two recipes, two networks
        for i, (name, recipe) in enumerate(LOGISTIC.networks.items())
    },
)


@measure("seed")
def when_told(run: Run) -> float:
    """The seed: that of seed 0 at once, the others when a file `go` lies beside the results."""
    folder = run.store.parent
    (folder / f"begun-{run.seed}").touch()
    deadline = time.monotonic() + 120
    while run.seed and not (folder / "go").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    return float(run.seed)


MADE = {"logistic": SHORT, "waits": Experiment("waits", {}, {"it": [(when_told,)]})}


@dataclass(frozen=True)
class ShortTask(Task):
    """A seed of one of them."""

    @property
    def definition(self) -> Experiment:
        """The experiment."""
        return MADE[self.experiment]


def waiting(_: object, seeds: int) -> list[Task]:
    """So many runs that wait, whatever was asked for."""
    return [ShortTask("waits", seed) for seed in range(seeds)]
