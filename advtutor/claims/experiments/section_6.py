"""Section 6: adversarial training, its controls with noise, and the large network."""

from dataclasses import dataclass, replace
from functools import partial

from torch import Tensor, nn

from advtutor import attacks
from advtutor.claims.experiments.base import Experiment, Run
from advtutor.claims.experiments.digits import EPS, UNCLIPPED, Errors, errors, fgsm
from advtutor.claims.experiments.section_4 import MAXOUT, SHORT_MAXOUT
from advtutor.claims.trained import Recipe
from advtutor.data import Split
from advtutor.evaluation import evaluate

ADVERSARIAL = replace(MAXOUT, objective="adversarial", epochs=60)
SIGN_NOISE = replace(MAXOUT, objective="sign noise")
UNIFORM_NOISE = replace(MAXOUT, objective="uniform noise")
# The large network, 1,600 units, in as many epochs as two cores do in a quarter of an hour.
# bfloat16 would take 0.6 of the time, but does not learn: the clean error stays at 90 %.
LARGE = replace(SHORT_MAXOUT, epochs=6, options={"units": 1600, "pieces": 5})
LARGE_ADVERSARIAL = replace(LARGE, objective="adversarial")
LARGE_STOPPED = replace(LARGE_ADVERSARIAL, examples=50_000, held_out=10_000, stop_on="FGSM error")


@dataclass(frozen=True)
class Transfer:
    """Errors of each of two networks on the examples that are made for the other."""

    made_for_usual_read_by_hardened: float
    made_for_hardened_read_by_usual: float


@dataclass(frozen=True)
class Comparison(Transfer):
    """The same, and what the adversarial training adds to the clean error, hardened minus usual."""

    clean_error_added: float


def adversarial(run: Run) -> dict[str, Errors | Comparison]:
    """The maxout network trained on its own examples, beside the one that was not."""
    usual, hardened = run.network("maxout"), run.network("adversarial")
    after = errors(hardened, run.test)
    added = after.clean_error - evaluate(usual, *run.test).error
    passed = transfer(usual, hardened, run.test)
    return {"adversarial": after, "both": Comparison(**vars(passed), clean_error_added=added)}


def transfer(usual: nn.Module, hardened: nn.Module, test: Split) -> Transfer:
    """One step is made for each of the two networks and shown to the other."""

    def through(source: nn.Module, victim: nn.Module) -> float:
        return evaluate(victim, *test, lambda _, x, y: fgsm()(source, x, y)).error

    return Transfer(through(usual, hardened), through(hardened, usual))


@dataclass(frozen=True)
class Broken:
    """The error after 40 steps of PGD, unclipped, on the first 1,000 test digits."""

    pgd_error: float


def pgd(run: Run) -> dict[str, Broken]:
    """The repeated step against the hardened network, which the paper does not try."""
    return {"adversarial": Broken(pgd_error(run.network("adversarial"), run))}


def pgd_error(model: nn.Module, run: Run) -> float:
    """`Broken.pgd_error` of `model`."""
    attack = partial(attacks.pgd, eps=EPS, clip=None, early_stop=True, generator=run.generator())
    return evaluate(model, run.test.x[:1000], run.test.y[:1000], attack).error


@dataclass(frozen=True)
class Concentration:
    """Of the squared first-layer weights, the part in the strongest tenth of the pixels.

    The median over units; `added` is that of the hardened network minus that of the usual one.
    """

    usual: float
    hardened: float
    added: float


def weights(run: Run) -> dict[str, Concentration]:
    """Whether the weights of the hardened network are more localized (Figure 3)."""
    return {"both": concentration(run.network("maxout"), run.network("adversarial"))}


def concentration(usual: nn.Module, hardened: nn.Module) -> Concentration:
    """`Concentration` of the two networks."""
    before, after = (_concentration(_first_layer(model)) for model in (usual, hardened))
    return Concentration(before, after, after - before)


def _first_layer(model: nn.Module) -> Tensor:
    return next(m for m in model.modules() if isinstance(m, nn.Linear)).weight.detach()


def _concentration(weight: Tensor) -> float:
    energy = weight.square().sort(dim=1, descending=True).values
    tenth = weight.shape[1] // 10
    return (energy[:, :tenth].sum(dim=1) / energy.sum(dim=1)).median().item()


def one_network(run: Run) -> dict[str, Errors]:
    """Errors of the only network of an experiment."""
    (name,) = run.networks
    return {name: errors(run.network(name), run.test)}


@dataclass(frozen=True)
class Stopping:
    """On 10,000 held-out digits, in the course of a training; epochs are counted from 1.

    after: the epochs after which the two lists of errors were measured.
    """

    epochs: int
    best_epoch: int
    best_fgsm_error: float
    after: list[int]
    fgsm_error: list[float]
    clean_error: list[float]


def stopping(run: Run) -> dict[str, Stopping]:
    """For how many epochs adversarial training goes on to help on held-out digits."""
    (name,) = run.networks
    epochs = run.trained(name).epochs
    error = [epoch["FGSM error"] for epoch in epochs]
    return {
        name: Stopping(
            epochs=len(epochs),
            best_epoch=1 + error.index(min(error)),
            best_fgsm_error=min(error),
            after=list(range(1, len(epochs) + 1)),
            fgsm_error=error,
            clean_error=[epoch["clean error"] for epoch in epochs],
        )
    }


def one(name: str, recipe: Recipe, minutes: float, seeds: int | None = None) -> Experiment:
    """An experiment on one network."""
    networks = {"maxout": recipe}
    gives = {"maxout": Errors}
    return Experiment(name, one_network, gives, networks, UNCLIPPED, minutes=minutes, seeds=seeds)


def stopped(name: str, recipe: Recipe, minutes: float) -> Experiment:
    """An experiment on the course of a training."""
    networks = {"maxout": recipe}
    gives = {"maxout": Stopping}
    return Experiment(name, stopping, gives, networks, UNCLIPPED, minutes=minutes, seeds=1)


_BOTH = {"maxout": MAXOUT, "adversarial": ADVERSARIAL}

EXPERIMENTS = [
    Experiment(
        "maxout-adversarial",
        adversarial,
        {"adversarial": Errors, "both": Comparison},
        _BOTH,
        UNCLIPPED,
        minutes=28,
    ),
    Experiment("weights", weights, {"both": Concentration}, _BOTH, minutes=28),
    Experiment(
        "PGD",
        pgd,
        {"adversarial": Broken},
        {"adversarial": ADVERSARIAL},
        {**UNCLIPPED, "steps": 40, "digits": 1000},
        minutes=20,
    ),
    one("maxout-sign-noise", SIGN_NOISE, minutes=14),
    one("maxout-uniform-noise", UNIFORM_NOISE, minutes=14),
    one("large", LARGE, minutes=14, seeds=1),
    one("large-adversarial", LARGE_ADVERSARIAL, minutes=24, seeds=1),
    stopped("large-stopping", LARGE_STOPPED, minutes=22),
]
