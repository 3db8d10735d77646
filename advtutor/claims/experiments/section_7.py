"""Section 7: the shallow RBF network, and the forms and lengths that the paper leaves open."""

from dataclasses import replace

from advtutor.claims.experiments.base import Experiment, Run, each, measure
from advtutor.claims.experiments.digits import (
    UNCLIPPED,
    agreement,
    classes,
    error,
    errors,
    fgsm,
    rubbish,
    share,
)
from advtutor.claims.experiments.section_4 import MAXOUT
from advtutor.claims.trained import Recipe
from advtutor.evaluation import evaluate, predict

RBF = Recipe(
    "RBF", epochs=3, lr=1e-2, objective="yes or no", optimizer="one_cycle_adam", batch_size=128
)
RBF_FORMS = {
    "RBF, 1 epoch": replace(RBF, epochs=1),
    "RBF, 2 epochs": replace(RBF, epochs=2),
    "RBF": RBF,
    "RBF, 5 epochs": replace(RBF, epochs=5),
    "RBF, 20 epochs": replace(RBF, epochs=20),
    "RBF, one width": replace(RBF, model="IsotropicRBF"),
    "RBF, rank 20": replace(RBF, model="LowRankRBF", lr=3e-3),
    "RBF, shared softmax": replace(RBF, model="SoftmaxRBF", objective="clean"),
}


@measure("clean_confidence")
def certainty(run: Run, name: str) -> float:
    """The mean confidence on clean digits."""
    return predict(run.network(name), run.test.x).confidence.mean().item()


@measure("clean_error", "fgsm_error", "fgsm_confidence", "misread")
def form(run: Run, maxout: str, name: str) -> tuple[float, ...]:
    """One form on its own examples, and its error on those that fool maxout."""
    own = evaluate(run.network(name), *run.test, fgsm(loss=run.networks[name].loss))
    theirs, seen = classes(run, maxout, maxout, name)
    misread = share(seen != run.test.y, theirs != run.test.y)
    return error(run, name), own.error, own.confidence_on_errors, misread


EXPERIMENTS = [
    Experiment(
        "RBF", {"RBF": RBF}, each(["RBF"], errors, rubbish, certainty), UNCLIPPED, quick=True
    ),
    Experiment(
        "RBF-forms",
        {"maxout": MAXOUT, **RBF_FORMS},
        {name: [(form, "maxout", name), (agreement, "maxout", name)] for name in RBF_FORMS},
        UNCLIPPED,
        minutes=10,
        seeds=3,
    ),
]
