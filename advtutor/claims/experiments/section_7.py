"""Section 7: the shallow RBF network, and the forms and lengths that the paper leaves open."""

from dataclasses import dataclass, replace

from advtutor import models
from advtutor.claims.experiments.base import Experiment, Run
from advtutor.claims.experiments.digits import (
    UNCLIPPED,
    ErrorsAndRubbish,
    errors_and_rubbish,
    fgsm,
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


@dataclass(frozen=True)
class Shallow(ErrorsAndRubbish):
    """The same, and the mean confidence on clean digits."""

    clean_confidence: float


def rbf(run: Run) -> dict[str, Shallow]:
    """The shallow RBF network."""
    sure = predict(run.network("RBF"), run.test.x).confidence
    numbers = errors_and_rubbish(run, "RBF")
    return {"RBF": Shallow(**vars(numbers), clean_confidence=sure.mean().item())}


@dataclass(frozen=True)
class Form:
    """Of one form by itself, and of its reading of maxout's examples (section 8).

    misread, maxouts_class: shares of the examples that fool maxout; maxouts_class_both_wrong: of
    those that fool both.
    """

    clean_error: float
    fgsm_error: float
    fgsm_confidence: float
    misread: float
    maxouts_class: float
    maxouts_class_both_wrong: float


def forms(run: Run) -> dict[str, Form]:
    """What the paper leaves open of that network, on its own examples and on maxout's."""
    maxout, (x, y) = run.network("maxout"), run.test
    made_for_maxout = fgsm()(maxout, x, y)
    theirs = predict(maxout, made_for_maxout).classes
    fooled = theirs != y
    numbers = {}
    for name in (n for n in run.networks if n != "maxout"):
        model = run.network(name)
        own = evaluate(model, x, y, fgsm(loss=models.binary_cross_entropy))
        seen = predict(model, made_for_maxout).classes
        numbers[name] = Form(
            clean_error=evaluate(model, x, y).error,
            fgsm_error=own.error,
            fgsm_confidence=own.confidence_on_errors,
            misread=share(seen != y, fooled),
            maxouts_class=share(seen == theirs, fooled),
            maxouts_class_both_wrong=share(seen == theirs, fooled & (seen != y)),
        )
    return numbers


EXPERIMENTS = [
    Experiment("RBF", rbf, {"RBF": Shallow}, {"RBF": RBF}, UNCLIPPED, quick=True),
    Experiment(
        "RBF-forms",
        forms,
        dict.fromkeys(RBF_FORMS, Form),
        {"maxout": MAXOUT, **RBF_FORMS},
        UNCLIPPED,
        minutes=10,
        seeds=3,
    ),
]
