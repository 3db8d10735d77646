"""Section 5: logistic regression (Figure 2), and L1 decay in a maxout network."""

from dataclasses import replace

from advtutor.claims.experiments.base import Experiment, Run, each, measure
from advtutor.claims.experiments.digits import UNCLIPPED, clean, error, errors
from advtutor.claims.experiments.section_4 import SHORT_MAXOUT
from advtutor.claims.trained import Recipe
from advtutor.evaluation import evaluate

LOGISTIC = Recipe("LogisticRegression", epochs=10, lr=0.1, classes=(3, 7))
NO_DECAY = replace(SHORT_MAXOUT, epochs=5)
DECAYS = {
    f"L1 {penalty}": replace(NO_DECAY, objective="L1 decay", penalty=float(penalty))
    for penalty in ("0.0025", "0.00025", "0.000025")
} | {"no decay": NO_DECAY}


@measure("training_error")
def training(run: Run, name: str) -> float:
    """A network's error on all training digits."""
    return evaluate(run.network(name), *run.train).error


@measure("added_error")
def decay(run: Run, decayed: str, free: str) -> float:
    """What the decay adds to the clean error, in points."""
    return error(run, decayed) - error(run, free)


EXPERIMENTS = [
    Experiment(
        "logistic",
        {"logistic": LOGISTIC, "logistic, 40 epochs": replace(LOGISTIC, epochs=40)},
        each(["logistic"], errors) | each(["logistic, 40 epochs"], clean),
        UNCLIPPED,
        quick=True,
    ),
    Experiment(
        "L1-decay",
        DECAYS,
        {**each(DECAYS, training, clean), "least decay": [(decay, "L1 0.000025", "no decay")]},
        minutes=3,
    ),
]
