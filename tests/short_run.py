"""A real experiment that takes a second, for runs in other processes, which import it by name."""

from dataclasses import dataclass, replace

from advtutor.claims.experiments import EXPERIMENTS, Experiment
from advtutor.claims.runs import Task

LOGISTIC = EXPERIMENTS["logistic"]
SHORT = replace(
    LOGISTIC,
    networks={
        name: replace(recipe, epochs=2, examples=20_000 + i)  # two recipes, two networks
        for i, (name, recipe) in enumerate(LOGISTIC.networks.items())
    },
)


@dataclass(frozen=True)
class ShortTask(Task):
    """A seed of it."""

    @property
    def definition(self) -> Experiment:
        """The experiment with shorter trainings."""
        return SHORT
