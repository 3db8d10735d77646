"""The exercises on breaking a defence: `break_sure`, `break_staircase`, `break_hardened`.

There is no one right result here. An answer is an attack; it is run against the defended network,
and what comes back is judged by what it does: on a network built afresh, against the digits and
labels as they were.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from advtutor import attacks
from advtutor.checks.breaking import estimated_gradient, margin_loss
from advtutor.checks.defences import Probe, hardened, read_rightly, staircase, sure
from advtutor.checks.engine import Case, Exercise, Function, Run
from advtutor.checks.stub import source_of
from advtutor.data import mnist

TOLERANCE = 1e-6  # of float32, in pixels


@dataclass(frozen=True)
class Target(Case):
    """A defended network, digits that it reads rightly, and the share that a real break reaches."""

    level: float


@dataclass(frozen=True)
class Outcome:
    """What one run of an attack did; `run.arguments` may have been tampered with, `fresh` not."""

    run: Run
    asked: int  # how often the attack has put a batch to the model

    @classmethod
    def of(cls, run: Run) -> "Outcome":
        modules = run.arguments["model"].modules()
        return cls(run, sum(len(module.modes) for module in modules if isinstance(module, Probe)))

    @cached_property
    def fresh(self) -> tuple[nn.Module, Tensor, Tensor, float]:
        """The model, x, y and eps as they were handed over."""
        return self.run.case.build()

    @property
    def level(self) -> float:
        return self.run.case.level

    @property
    def eps(self) -> float:
        return self.fresh[3]

    @cached_property
    def moved(self) -> Tensor:
        """How far the most moved pixel of each digit went: [N]."""
        return (self.run.result.detach() - self.fresh[1]).abs().flatten(1).amax(dim=1)

    @cached_property
    def margins(self) -> tuple[Tensor, Tensor]:
        """How far the best wrong class is ahead, before and after: two tensors [N]."""
        model, x, y, _ = self.fresh
        with torch.no_grad():
            return margin_loss(model(x), y), margin_loss(model(self.run.result), y)

    @property
    def share(self) -> float:
        """Which share of the digits the model misreads afterwards."""
        return (self.margins[1] > 0).float().mean().item()

    @property
    def weak(self) -> bool:
        return self.share < self.level

    @cached_property
    def noise(self) -> float:
        """Which share it misreads after noise of the same size."""
        model, x, y, eps = self.fresh
        with torch.no_grad():
            noisy = attacks.sign_noise(None, x, y, eps, generator=torch.Generator().manual_seed(0))
            return (model(noisy).argmax(dim=1) != y).float().mean().item()

    @property
    def defence_changed(self) -> bool:
        """Whether the model has come to answer otherwise: this one, or all of its class."""
        model, x, _, _ = self.fresh
        if (self.margins[0] >= 0).any():  # every digit was read rightly
            return True
        try:
            with torch.no_grad():
                return not torch.equal(self.run.arguments["model"](x), model(x))
        except Exception:
            return True

    @property
    def outside(self) -> bool:
        return self.moved.max().item() > self.eps + TOLERANCE

    @property
    def out_of_range(self) -> bool:
        low, high = torch.aminmax(self.run.result)
        return low.item() < -TOLERANCE or high.item() > 1 + TOLERANCE

    @property
    def untouched(self) -> bool:
        return (self.moved == 0).float().mean().item() > 0.5

    @property
    def real_digits(self) -> bool:
        """Whether the first result that left the ball is a digit out of the data."""
        out = self.run.result.detach()[self.moved > self.eps + TOLERANCE]
        return any((split.x == out[:1]).flatten(1).all(dim=1).any().item() for split in mnist())


@dataclass(frozen=True)
class Symptom:
    """A known way to fail: `shows` tells it from what the runs did; `source` as in `Mistake`."""

    name: str
    message: str
    shows: Callable[[list[Outcome]], bool]
    source: str | None = None


def anywhere(shows: Callable[[Outcome], bool]) -> Callable[[list[Outcome]], bool]:
    return lambda outcomes: any(shows(outcome) for outcome in outcomes)


def weak_and(shows: Callable[[Outcome], bool]) -> Callable[[list[Outcome]], bool]:
    return anywhere(lambda outcome: outcome.weak and shows(outcome))


def eps_is_fixed(outcomes: list[Outcome]) -> bool:
    """It leaves the smaller ball, and moves as far in the larger one."""
    reach = [outcome.moved.max().item() for outcome in outcomes]
    return any(outcome.outside for outcome in outcomes) and max(reach) - min(reach) < 1e-3


@dataclass(repr=False)
class Break(Exercise):
    """An exercise whose answer is an attack, and is right if it breaks every target."""

    patience: float = 3.0

    def seen(self, run: Run) -> tuple[bool, bool, bool]:
        """Whether the results lie in the ball, lie in [0, 1], and break the defence."""
        outcome = Outcome.of(run)
        return not outcome.outside, not outcome.out_of_range, not outcome.weak

    def _reference_runs(self) -> list[Run]:
        """Only the form of a result is compared, and the digits themselves have it."""
        runs = []
        for case in self.cases:
            model, x, y, eps = case.build()
            runs.append(Run(case, {"model": model, "x": x, "y": y, "eps": eps}, x, {}))
        return runs

    def _is_not_random(self, function: Function, runs: list[Run]) -> None:
        """An attack may draw at random: what it breaks is what counts."""

    def _has_the_right_values(self, function: Function, runs: list[Run], wanted: list[Run]) -> None:
        outcomes, text = [Outcome.of(run) for run in runs], source_of(function)
        for symptom in self.mistakes:
            fits = symptom.source is None or re.search(symptom.source, text)
            if fits and symptom.shows(outcomes):
                self._fail(symptom.name, symptom.message)
        for outcome in outcomes:
            if outcome.weak:
                self._fail("weak", how_weak(outcome))


def how_weak(outcome: Outcome) -> str:
    count = len(outcome.moved)
    broken, due, noise = (
        round(count * share) for share in (outcome.share, outcome.level, outcome.noise)
    )
    return (
        f"at eps = {outcome.eps:g} it breaks {broken} of {count} digits. Noise of the same size "
        f"breaks {noise}; a real break reaches {due} or more"
    )


def target(
    defence: Callable[[], nn.Module], seed: int, batch: int, eps: float, level: float
) -> Target:
    """`(model, x, y, eps)` for digits of the test set that the defence reads rightly."""

    def build() -> tuple[Any, ...]:
        x, y = read_rightly(defence)
        torch.random.default_generator.manual_seed(seed)
        rows = torch.randperm(len(x))[:batch]
        return defence(), x[rows], y[rows], eps

    return Target(build, batch, level)


def symptoms(*own: Symptom, untouched: str) -> Sequence[Symptom]:
    """What any break may get wrong, the most basic first, and what only this one may."""
    return [
        Symptom(
            "defence-changed",
            "it changes the model that it attacks; your pictures are tried on the model as it was",
            anywhere(lambda o: o.defence_changed),
        ),
        Symptom(
            "labels-changed",
            "it changes the labels y; whether a picture is misread is judged by the true ones",
            anywhere(lambda o: o.run.changed.get("in-place") == "y"),
        ),
        Symptom(
            "other-digits",
            "it returns other digits' pictures: of course they are read otherwise; change each "
            "digit by eps at most",
            anywhere(lambda o: o.outside and o.real_digits),
        ),
        Symptom(
            "fixed-eps",
            "it moves as far whatever eps is: is a number written into the function?",
            eps_is_fixed,
        ),
        Symptom(
            "outside-ball",
            "pixels move by more than eps: bring the result back between x - eps and x + eps",
            anywhere(lambda o: o.outside),
        ),
        Symptom(
            "out-of-range",
            "pixels leave [0, 1]: no picture holds such values; clamp the result",
            anywhere(lambda o: o.out_of_range),
        ),
        Symptom("untouched", untouched, weak_and(lambda o: o.untouched)),
        Symptom(
            "noise",
            "it never asks the model, and breaks no more than noise of the same size does",
            weak_and(lambda o: o.asked == 0 and o.share < o.noise + 0.15),
        ),
        *own,
        Symptom(
            "downhill",
            "it makes the model surer of the right class: the way goes up the loss",
            weak_and(lambda o: (o.margins[1] - o.margins[0]).mean().item() < 0),
        ),
    ]


TRANSFER = Symptom(
    "transfer",
    "it never asks the model it was given: what was made for another one breaks some digits here, "
    "and a real break far more",
    weak_and(lambda o: o.asked == 0),
)
SOFTMAX_LOSS = (
    r"cross_entropy|CrossEntropy|nll_loss|log_softmax|attacks\.(fgsm|bim|pgd)\((?!.*loss=)"
)

# --- the first defence ---


def break_sure(model: nn.Module, x: Tensor, y: Tensor, eps: float) -> Tensor:
    """Ten gradient-sign steps up the margin, in the ball and in [0, 1]."""
    return attacks.bim(model, x, y, eps, steps=10, loss=margin_loss)


BREAK_SURE = Break(
    reference=break_sure,
    recipe=lambda: lambda model, x, y, eps: break_sure(model, x, y, eps),
    cases=[
        target(sure, 81, 30, 0.15, level=0.8),
        target(sure, 82, 30, 0.25, level=0.9),
        target(sure, 92, 1, 0.3, level=1.0),
    ],
    mistakes=symptoms(
        TRANSFER,
        Symptom(
            "cross-entropy",
            "it climbs the cross-entropy, which is 0 on such logits and has no gradient: what is "
            "left of the way is its random start",
            weak_and(lambda o: True),
            source=SOFTMAX_LOSS,
        ),
        untouched="most digits come back as they were: the softmax of such logits is 1 to the last "
        "digit, and no gradient is left; climb a loss without a softmax",
    ),
    hints=(
        "Which loss has a gradient, however large the logits are? You have written it.",
        "The way is the one of notebook 02: several gradient-sign steps, in the ball. attacks.bim "
        "takes loss=, a function of the logits and y.",
        "return attacks.bim(model, x, y, eps, steps=10, loss=margin_loss)",
    ),
)

# --- the second defence ---


def break_staircase(model: nn.Module, x: Tensor, y: Tensor, eps: float) -> Tensor:
    """One step along the sign of an estimated gradient, in [0, 1]; 400 queries for each digit."""
    directions = torch.randint(0, 2, (200, *x.shape[1:])) * 2.0 - 1
    with torch.no_grad():
        uphill = estimated_gradient(lambda z: margin_loss(model(z), y), x, directions, 0.1)
    return (x + eps * uphill.sign()).clamp(0, 1)


BREAK_STAIRCASE = Break(
    reference=break_staircase,
    recipe=lambda: lambda model, x, y, eps: break_staircase(model, x, y, eps),
    cases=[
        target(staircase, 84, 30, 0.2, level=0.6),
        target(staircase, 92, 1, 0.3, level=1.0),
    ],
    mistakes=symptoms(
        TRANSFER,
        untouched="most digits come back as they were: a staircase is flat, so its gradient is 0 "
        "with any loss; ask the model for values in the place of gradients",
    ),
    hints=(
        "You have written an estimate that needs values only. Of which loss, along which "
        "directions?",
        "The loss is margin_loss(model(z), y) as a function of z; the directions are 100 to 200 "
        "pictures of coins, +1 and -1; h = 0.1. The rest is a step of eps along the estimate's "
        "sign.",
        "estimated_gradient(lambda z: margin_loss(model(z), y), x, directions, 0.1), then "
        "(x + eps * uphill.sign()).clamp(0, 1)",
    ),
)

# --- the third defence ---


def break_hardened(model: nn.Module, x: Tensor, y: Tensor, eps: float) -> Tensor:
    """Twenty small steps up the margin from a random point of the ball."""
    x_adv = (x + eps * (2 * torch.rand_like(x) - 1)).clamp(0, 1)
    for _ in range(20):
        x_adv = x_adv.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(margin_loss(model(x_adv), y).sum(), x_adv)
        x_adv = x_adv + eps / 8 * gradient.sign()
        x_adv = torch.clamp(x_adv, x - eps, x + eps).clamp(0, 1)
    return x_adv.detach()


BREAK_HARDENED = Break(
    reference=break_hardened,
    recipe=lambda: lambda model, x, y, eps: break_hardened(model, x, y, eps),
    cases=[
        target(hardened, 87, 30, 0.2, level=0.65),
        target(hardened, 88, 30, 0.25, level=0.75),
        target(hardened, 95, 1, 0.3, level=1.0),
    ],
    mistakes=symptoms(
        Symptom(
            "cross-entropy",
            "the logits are as sure as those of the first defence: the cross-entropy has no "
            "gradient here; climb the margin",
            weak_and(lambda o: True),
            source=SOFTMAX_LOSS,
        ),
        Symptom(
            "one-step",
            "one step of eps lands behind the ridge, where this network was trained to be right: "
            "take several small ones",
            weak_and(lambda o: o.asked <= 2),
        ),
        untouched="most digits come back as they were: the logits are as sure as those of the "
        "first defence; climb a loss without a softmax",
    ),
    hints=(
        "Two locks, and you have a key to each: the first defence was broken by its loss, the "
        "network of section 1 by its path.",
        "Begin at a random point of the ball. Repeat: the gradient of the margin, a small step "
        "along its sign, back between x - eps and x + eps, back into [0, 1].",
        "attacks.pgd takes loss=margin_loss too; or write the loop, 20 steps of eps / 8.",
    ),
)
