"""What several sections measure in the same way on the test digits, at the paper's eps."""

from functools import partial

from torch import Tensor

from advtutor import attacks
from advtutor.claims.experiments.base import Run, measure
from advtutor.claims.experiments.table import settings
from advtutor.evaluation import Attack, evaluate, predict

EPS = settings("maxout")["eps"]  # of every digit experiment
RUBBISH = 10_000  # pictures of Gaussian noise


def fgsm(clip: attacks.Clip = None, loss: attacks.Loss | None = None) -> Attack:
    """One step of `EPS`, unclipped unless told."""
    return partial(attacks.fgsm, eps=EPS, clip=clip, loss=loss)


def error(run: Run, name: str) -> float:
    """The error of a network on the clean test digits of its classes."""
    return evaluate(run.network(name), *run.networks[name].only(run.test)).error


@measure("clean_error")
def clean(run: Run, name: str) -> float:
    """A network that is not attacked."""
    return error(run, name)


@measure(
    *("clean_error", "fgsm_error", "fgsm_confidence"),
    *("clipped_fgsm_error", "clipped_fgsm_confidence"),
)
def errors(run: Run, name: str) -> tuple[float, ...]:
    """On the test digits: clean, and after one step, unclipped as in the paper and clipped.

    The step climbs the loss of the network's training. A confidence is the mean of the largest
    probability over the mistakes.
    """
    found = [error(run, name)]
    recipe = run.networks[name]
    for clip in (None, (0.0, 1.0)):
        attack = fgsm(clip, recipe.loss)
        attacked = evaluate(run.network(name), *recipe.only(run.test), attack)
        found += [attacked.error, attacked.confidence_on_errors]
    return tuple(found)


@measure("rubbish_error", "rubbish_confidence", perhaps=("rubbish_confidence",))
def rubbish(run: Run, name: str) -> tuple[float, float | None]:
    """The share of Gaussian noise that gets some class with more than half, and how sure of it.

    The second is the mean probability of that class; None where there is no such noise.
    """
    noise = attacks.gaussian_rubbish(RUBBISH, generator=run.generator())
    sure = predict(run.network(name), noise).confidence
    taken = sure > 0.5
    return taken.float().mean().item(), sure[taken].mean().item() if taken.any() else None


@measure("maxouts_class", "maxouts_class_both_wrong")
def agreement(run: Run, maxout: str, name: str) -> tuple[float, float]:
    """How often a network takes maxout's wrong class, on examples made for maxout.

    Among those that fool maxout, and among those that fool both.
    """
    theirs, seen = classes(run, maxout, maxout, name)
    fooled = theirs != run.test.y
    both = fooled & (seen != run.test.y)
    return share(seen == theirs, fooled), share(seen == theirs, both)


def classes(run: Run, victim: str, *names: str) -> list[Tensor]:
    """What each of the networks sees in the examples that are made for `victim`, `[N]` each."""
    made = fgsm()(run.network(victim), *run.test)
    return [predict(run.network(name), made).classes for name in names]


def share(of: Tensor, among: Tensor) -> float:
    """The share of `among`, a mask `[N]`, in which `of` is true."""
    return of[among].float().mean().item()
