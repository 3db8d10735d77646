"""What several sections measure in the same way on the test digits, at the paper's eps."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor, nn

from advtutor import attacks
from advtutor.claims.experiments.base import Run
from advtutor.data import Split
from advtutor.evaluation import evaluate, predict

EPS = 0.25  # of every digit experiment
UNCLIPPED = {"eps": EPS, "clip": None}  # the paper mentions no clipping
RUBBISH = 10_000  # pictures of Gaussian noise


@dataclass(frozen=True)
class Errors:
    """On the 10,000 test digits: clean, and after one step, unclipped as in the paper and clipped.

    A confidence is the mean of the largest probability over the mistakes.
    """

    clean_error: float
    fgsm_error: float
    fgsm_confidence: float
    clipped_fgsm_error: float
    clipped_fgsm_confidence: float


@dataclass(frozen=True)
class ErrorsAndRubbish(Errors):
    """The same, and the share of Gaussian noise that gets some class with more than half.

    rubbish_confidence: the mean probability of that class; None where there is no such noise.
    """

    rubbish_error: float
    rubbish_confidence: float | None


def fgsm(clip: attacks.Clip = None, loss: attacks.Loss | None = None) -> Callable[..., Tensor]:
    """One step of `EPS`, unclipped unless told."""
    return partial(attacks.fgsm, eps=EPS, clip=clip, loss=loss)


def errors(model: nn.Module, test: Split, loss: attacks.Loss | None = None) -> Errors:
    """`Errors` of `model`, whose attack climbs `loss`: the cross-entropy unless told."""
    return Errors(**_errors(model, test, loss))


def errors_and_rubbish(run: Run, name: str) -> ErrorsAndRubbish:
    """`ErrorsAndRubbish` of a network of the run, whose attack climbs the loss of its training."""
    model = run.network(name)
    return ErrorsAndRubbish(
        **_errors(model, run.test, run.networks[name].loss), **rubbish(model, run)
    )


def on_each(run: Run) -> dict[str, ErrorsAndRubbish]:
    """`ErrorsAndRubbish` of each of the run's networks."""
    return {name: errors_and_rubbish(run, name) for name in run.networks}


def _errors(model: nn.Module, test: Split, loss: attacks.Loss | None) -> dict[str, float]:
    paper = evaluate(model, *test, fgsm(loss=loss))
    clipped = evaluate(model, *test, fgsm(clip=(0.0, 1.0), loss=loss))
    return {
        "clean_error": evaluate(model, *test).error,
        "fgsm_error": paper.error,
        "fgsm_confidence": paper.confidence_on_errors,
        "clipped_fgsm_error": clipped.error,
        "clipped_fgsm_confidence": clipped.confidence_on_errors,
    }


def rubbish(model: nn.Module, run: Run) -> dict[str, Any]:
    """The two numbers on Gaussian noise, as `ErrorsAndRubbish` has them."""
    noise = attacks.gaussian_rubbish(RUBBISH, generator=run.generator())
    sure = predict(model, noise).confidence
    taken = sure > 0.5
    return {
        "rubbish_error": taken.float().mean().item(),
        "rubbish_confidence": sure[taken].mean().item() if taken.any() else None,
    }


def share(of: Tensor, among: Tensor) -> float:
    """The share of `among`, a mask `[N]`, in which `of` is true."""
    return of[among].float().mean().item()
