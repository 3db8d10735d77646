"""Section 6: what adversarial training does to a network."""

from functools import partial
from typing import Any

from torch import Tensor, nn

from advtutor import attacks
from advtutor.claims.experiments.base import Run, measure
from advtutor.claims.experiments.digits import EPS, error, fgsm
from advtutor.data import Split
from advtutor.evaluation import evaluate


@measure("made_for_usual_read_by_hardened", "made_for_hardened_read_by_usual")
def transfer(run: Run, usual: str, hardened: str) -> tuple[float, ...]:
    """The errors of each of two networks on the examples that are made for the other."""
    pairs = (usual, hardened), (hardened, usual)
    return tuple(through(run.network(a), run.network(b), run.test) for a, b in pairs)


def through(source: nn.Module, victim: nn.Module, test: Split) -> float:
    """The error of `victim` on examples that are made for `source`, unclipped."""
    return evaluate(victim, *test, lambda _, x, y: fgsm()(source, x, y)).error


@measure("clean_error_added")
def gain(run: Run, usual: str, hardened: str) -> float:
    """What adversarial training adds to the clean error: hardened minus usual."""
    return error(run, hardened) - error(run, usual)


@measure("pgd_error")
def pgd(run: Run, name: str) -> float:
    """The error after 40 steps, unclipped, on the first 1,000 test digits: not in the paper."""
    attack = partial(attacks.pgd, eps=EPS, clip=None, early_stop=True, generator=run.generator())
    return evaluate(run.network(name), run.test.x[:1000], run.test.y[:1000], attack).error


@measure("usual", "hardened", "added")
def concentration(run: Run, usual: str, hardened: str) -> tuple[float, ...]:
    """Whether the weights of the hardened network are more localized (Figure 3).

    Of the squared first-layer weights, the part in the strongest tenth of the pixels: the median
    over units. The last is the hardened network's minus the usual one's.
    """
    before, after = (in_a_tenth(_first_layer(run.network(name))) for name in (usual, hardened))
    return before, after, after - before


def _first_layer(model: nn.Module) -> Tensor:
    return next(m for m in model.modules() if isinstance(m, nn.Linear)).weight.detach()


def in_a_tenth(weight: Tensor) -> float:
    """The concentration of weights `[units, pixels]`."""
    energy = weight.square().sort(dim=1, descending=True).values
    tenth = weight.shape[1] // 10
    return (energy[:, :tenth].sum(dim=1) / energy.sum(dim=1)).median().item()


@measure("epochs", "best_epoch", "best_fgsm_error", "after", "fgsm_error", "clean_error")
def stopping(run: Run, name: str) -> tuple[Any, ...]:
    """For how many epochs adversarial training goes on to help on 10,000 held-out digits.

    The last three are lists: epochs, counted from 1, and the errors that were measured after them.
    """
    epochs = run.trained(name).epochs
    errors = [epoch["FGSM error"] for epoch in epochs]
    after = list(range(1, len(epochs) + 1))
    best = min(errors)
    clean = [epoch["clean error"] for epoch in epochs]
    return len(epochs), 1 + errors.index(best), best, after, errors, clean


@measure("fgsm_error")
def one_step(run: Run, name: str) -> float:
    """The error of a network on its own examples, unclipped."""
    return evaluate(run.network(name), *run.test, fgsm()).error
