"""Section 6: adversarial training, its controls with noise, and the large network."""

from dataclasses import replace
from functools import partial
from typing import Any

from torch import Tensor, nn

from advtutor import attacks
from advtutor.claims.experiments.base import Experiment, Run, each, measure
from advtutor.claims.experiments.digits import EPS, UNCLIPPED, error, errors, fgsm
from advtutor.claims.experiments.section_4 import MAXOUT
from advtutor.claims.trained import Recipe
from advtutor.data import Split
from advtutor.evaluation import evaluate

ADVERSARIAL = replace(MAXOUT, objective="adversarial", epochs=60)
SIGN_NOISE = replace(MAXOUT, objective="sign noise")
UNIFORM_NOISE = replace(MAXOUT, objective="uniform noise")
LARGE = replace(MAXOUT, options={"units": 1600, "pieces": 5})
LARGE_ADVERSARIAL = replace(ADVERSARIAL, options=LARGE.options)
LARGE_LONGER = replace(LARGE, epochs=ADVERSARIAL.epochs)  # as long as the adversarial training
LARGE_STOPPED = replace(LARGE_ADVERSARIAL, examples=50_000, held_out=10_000, stop_on="FGSM error")


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


def one(name: str, recipe: Recipe, minutes: float, seeds: int | None = None) -> Experiment:
    """The errors of one network, or the course of its training if that was watched."""
    measure = stopping if recipe.stop_on else errors
    networks = {"maxout": recipe}
    return Experiment(name, networks, each(networks, measure), UNCLIPPED, minutes, seeds)


_BOTH = {"maxout": MAXOUT, "adversarial": ADVERSARIAL}
_LARGE_BOTH = {"maxout": LARGE, "adversarial": LARGE_ADVERSARIAL}
_TWO = ("maxout", "adversarial")
_HARDENED = {**each(["adversarial"], errors), "both": [(transfer, *_TWO), (gain, *_TWO)]}

EXPERIMENTS = [
    Experiment("maxout-adversarial", _BOTH, _HARDENED, UNCLIPPED, minutes=28),
    Experiment("weights", _BOTH, {"both": [(concentration, *_TWO)]}, minutes=28),
    Experiment(
        "PGD",
        {"adversarial": ADVERSARIAL},
        each(["adversarial"], pgd),
        {**UNCLIPPED, "steps": 40, "digits": 1000},
        minutes=20,
    ),
    one("maxout-sign-noise", SIGN_NOISE, minutes=14),
    one("maxout-uniform-noise", UNIFORM_NOISE, minutes=14),
    one("large", LARGE, minutes=110),
    Experiment("large-adversarial", _LARGE_BOTH, _HARDENED, UNCLIPPED, minutes=340),
    one("large-longer", LARGE_LONGER, minutes=140),
    one("large-stopping", LARGE_STOPPED, minutes=190),
]
