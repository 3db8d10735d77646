"""Section 5: logistic regression (Figure 2), and L1 decay in a maxout network."""

from dataclasses import dataclass, replace

from advtutor.claims.experiments.base import Experiment, Run
from advtutor.claims.experiments.digits import UNCLIPPED, Errors, errors
from advtutor.claims.experiments.section_4 import SHORT_MAXOUT
from advtutor.claims.trained import Recipe
from advtutor.evaluation import evaluate

LOGISTIC = Recipe("LogisticRegression", epochs=10, lr=0.1, classes=(3, 7))
NO_DECAY = replace(SHORT_MAXOUT, epochs=5)
L1 = replace(NO_DECAY, objective="L1 decay", penalty=0.0025)


@dataclass(frozen=True)
class Clean:
    """On clean test digits."""

    clean_error: float


def logistic(run: Run) -> dict[str, Errors | Clean]:
    """Logistic regression, 3 against 7, and after a longer training."""
    test = run.networks["logistic"].only(run.test)
    longer = evaluate(run.network("logistic, 40 epochs"), *test).error
    return {
        "logistic": errors(run.network("logistic"), test),
        "logistic, 40 epochs": Clean(longer),
    }


@dataclass(frozen=True)
class TrainAndTest:
    """On all training digits, and on the test digits."""

    training_error: float
    clean_error: float


@dataclass(frozen=True)
class Decay:
    """added_error: what the least decay adds to the clean error, in points."""

    added_error: float


def l1_decay(run: Run) -> dict[str, TrainAndTest | Decay]:
    """Maxout networks with L1 decay on the first layer, and one without."""
    each = {}
    for name in run.networks:
        model = run.network(name)
        clean = evaluate(model, *run.test).error
        each[name] = TrainAndTest(evaluate(model, *run.train).error, clean)
    added = each["L1 0.000025"].clean_error - each["no decay"].clean_error
    return {**each, "least decay": Decay(added)}


_DECAYS = {
    "L1 0.0025": L1,
    "L1 0.00025": replace(L1, penalty=0.00025),
    "L1 0.000025": replace(L1, penalty=0.000025),
    "no decay": NO_DECAY,
}

EXPERIMENTS = [
    Experiment(
        "logistic",
        logistic,
        {"logistic": Errors, "logistic, 40 epochs": Clean},
        {"logistic": LOGISTIC, "logistic, 40 epochs": replace(LOGISTIC, epochs=40)},
        UNCLIPPED,
        quick=True,
    ),
    Experiment(
        "L1-decay",
        l1_decay,
        {**dict.fromkeys(_DECAYS, TrainAndTest), "least decay": Decay},
        _DECAYS,
        uses={"least decay": ("L1 0.000025", "no decay")},
        minutes=3,
    ),
]
