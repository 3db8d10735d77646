"""Section 7: the shallow RBF network, and the forms and lengths that the paper leaves open."""

from advtutor.claims.experiments.base import Run, measure
from advtutor.claims.experiments.digits import classes, error, fgsm, share
from advtutor.claims.experiments.table import TABLE
from advtutor.evaluation import evaluate, predict

RBF_FORMS = TABLE["experiments"]["RBF-forms"]["forms"]


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
