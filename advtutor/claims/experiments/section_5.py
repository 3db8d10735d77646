"""Section 5: L1 decay in a maxout network."""

from advtutor.claims.experiments.base import Run, measure
from advtutor.claims.experiments.digits import error
from advtutor.evaluation import evaluate


@measure("training_error")
def training(run: Run, name: str) -> float:
    """A network's error on all training digits."""
    return evaluate(run.network(name), *run.train).error


@measure("added_error")
def decay(run: Run, decayed: str, free: str) -> float:
    """What the decay adds to the clean error, in points."""
    return error(run, decayed) - error(run, free)
