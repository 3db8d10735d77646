"""What the exercises on breaking a defence have in common.

There is no one right result here. An answer is an attack; it is run against the defended network,
and what comes back is judged by what it does: on a network built afresh, against the digits and
labels as they were.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import torch
from torch import Tensor, nn

from advtutor import attacks
from advtutor.checks.code import Code
from advtutor.checks.defences import Probe, read_rightly
from advtutor.checks.engine import Case, Exercise, Found, Function, Run
from advtutor.data import mnist

TOLERANCE = 1e-6  # of float32, in pixels


@dataclass(frozen=True)
class Target(Case):
    """A defended network, digits that it reads rightly, and the share that a real break reaches."""

    level: float = 1.0


@dataclass(frozen=True)
class Outcome:
    """What one run of an attack did; `run.arguments` may have been tampered with, `fresh` not."""

    run: Run
    asked: int  # how often the attack has put a batch to the model
    level: float  # the share that a real break reaches
    same_reach: bool = False  # moves as far on the other inputs, whatever their eps

    @classmethod
    def of(cls, run: Run, same_reach: bool = False) -> "Outcome":
        assert isinstance(run.case, Target)
        asked = run.seen if isinstance(run.seen, int) else queries(run.arguments["model"])
        return cls(run, asked, run.case.level, same_reach)

    @cached_property
    def fresh(self) -> tuple[nn.Module, Tensor, Tensor, float]:
        """The model, x, y and eps as they were handed over."""
        model, x, y, eps = self.run.case.build()
        return model, x, y, eps

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
            return attacks.margin_loss(model(x), y), attacks.margin_loss(model(self.run.result), y)

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
        return not _fingerprints(out[:1]).isdisjoint(_digits())


@cache
def _digits() -> set[int]:
    """All pictures of the data, by their fingerprints: those take little room, and are kept."""
    return {one for split in mnist() for one in _fingerprints(split.x)}


def _fingerprints(x: Tensor) -> set[int]:
    return {hash(row.tobytes()) for row in (255 * x).round().byte().numpy()}


def queries(model: nn.Module) -> int:
    """How often batches have been put to a model."""
    return sum(len(module.modes) for module in model.modules() if isinstance(module, Probe))


Symptom = Callable[[Outcome], bool]  # a known way to fail, told from what one run did


@dataclass(repr=False)
class Break(Exercise):
    """An exercise whose answer is an attack, and is right if it breaks every target."""

    patience: float = 3.0

    def seen(self, run: Run) -> tuple[bool, bool, bool]:
        """Whether the results lie in the ball, lie in [0, 1], and break the defence."""
        outcome = Outcome.of(run)
        return not outcome.outside, not outcome.out_of_range, not outcome.weak

    @cached_property
    def wanted(self) -> list[Run]:
        """Only the form of a result is compared, and the digits themselves have it."""
        runs = []
        for case in self.cases:
            arguments = self.arguments(case)
            runs.append(Run(case, arguments, arguments["x"], {}))
        return runs

    def look_closer(self, function: Function, runs: list[Run]) -> None:
        """Note how often each asked its model. It may draw at random: what it breaks counts."""
        for run in runs:
            run.seen = queries(run.arguments["model"])

    def compare(self, runs: list[Run], wanted: list[Run], function: Function | None) -> None:
        """Name what shows in any run."""
        reach = [Outcome.of(run).moved.max().item() for run in runs]
        alike = max(reach) - min(reach) < 1e-3 and max(reach) < 0.99  # or other pictures came back
        outcomes = [Outcome.of(run, alike) for run in runs]
        code = Code.of(function) if function else None
        for name, shows in self.mistakes.items():
            if self.may_be(name, code) and any(map(shows, outcomes)):
                raise Found(name, self.message(name))
        for outcome in outcomes:
            if outcome.weak:
                self.fail("weak", how_weak(outcome))


def how_weak(outcome: Outcome) -> str:
    count = len(outcome.moved)
    broken, due, noise = (
        round(count * share) for share in (outcome.share, outcome.level, outcome.noise)
    )
    furthest = outcome.moved.max().item()
    return (
        f"at eps = {outcome.eps:g} it breaks {broken} of {count} digits. Noise of the same size "
        f"breaks {noise}; a real break reaches {due} or more"
        + (f". No pixel moves by more than {furthest:.2g}" if furthest < 0.9 * outcome.eps else "")
    )


def target(
    defence: Callable[[], nn.Module], seed: int, batch: int, eps: float, level: float
) -> Target:
    """`(model, x, y, eps)` for digits of the test set that the defence reads rightly."""

    def make() -> tuple[Any, ...]:
        x, y = read_rightly(defence)
        rows = torch.randperm(len(x))[:batch]
        return defence(), x[rows], y[rows], eps

    return Target(make, batch, seed, level)


def symptoms(*, transfer: bool, **own: Symptom) -> dict[str, Symptom]:
    """What any break may get wrong, the most basic first, and what only this one may.

    transfer: whether what was made for another network falls short here.
    """
    made_elsewhere = {"transfer": lambda o: o.weak and o.asked == 0} if transfer else {}
    return {
        "defence-changed": lambda o: o.defence_changed,
        "labels-changed": lambda o: o.run.changed.get("in-place") == "y",
        "other-digits": lambda o: o.outside and o.real_digits,
        "step-alone": lambda o: o.outside and 0 < o.run.result.abs().max() <= o.eps + TOLERANCE,
        "fixed-eps": lambda o: o.outside and o.same_reach,
        "outside-ball": lambda o: o.outside,
        "out-of-range": lambda o: o.out_of_range,
        "untouched": lambda o: o.weak and o.untouched,
        "noise": lambda o: o.weak and o.asked == 0 and o.share < o.noise + 0.15,
        **made_elsewhere,
        **{name.replace("_", "-"): shows for name, shows in own.items()},
        "downhill": lambda o: o.weak and (o.margins[1] - o.margins[0]).mean().item() < 0,
    }


def climbs_cross_entropy(code: Code) -> bool:
    """Whether code takes the cross-entropy, itself or through an attack that is given no loss."""
    attacking = code.calls("fgsm", "bim", "pgd")
    return bool(code.calls("cross_entropy", "CrossEntropyLoss", "nll_loss", "log_softmax")) or any(
        not {"loss", "targeted"} & {word.arg for word in call.keywords} for call in attacking
    )
