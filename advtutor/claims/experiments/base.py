"""What an experiment is: the networks that it needs, the numbers that it gives, and one run."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import nn

from advtutor import data
from advtutor.claims.trained import Recipe, Report, Trained, trained
from advtutor.data import Split

Numbers = dict[str, dict[str, Any]]  # by what they are measured on, by name


@dataclass(frozen=True)
class Run:
    """One experiment with one seed, on one machine: what a measure is given."""

    seed: int
    networks: Mapping[str, Recipe]
    store: Path
    device: str = "cpu"
    report: Report = lambda share, words: None
    _made: dict[tuple[str, int], Trained] = field(default_factory=dict)
    _read: dict[str, data.MNIST | data.CIFAR10] = field(default_factory=dict)

    def read(self, source: str) -> data.MNIST | data.CIFAR10:
        """What the function `source` of `advtutor.data` gives, asked for once."""
        if source not in self._read:
            self._read[source] = getattr(data, source)()
        return self._read[source]

    def here(self, split: Split) -> Split:
        """The same images on the run's device."""
        return Split(*(part.to(self.device) for part in split))

    @cached_property
    def test(self) -> Split:
        """The 10,000 test digits, on the run's device."""
        return self.here(self.read("mnist").test)

    @cached_property
    def train(self) -> Split:
        """The 60,000 training digits, on the run's device."""
        return self.here(self.read("mnist").train)

    def trained(self, name: str, seed: int | None = None) -> Trained:
        """The network called `name` in this experiment, of this run's seed unless told."""
        seed = self.seed if seed is None else seed
        if (name, seed) not in self._made:
            share = len(self.networks)
            done = list(self.networks).index(name) / share

            def report(part: float, words: str) -> None:
                self.report(done + part / share, f"{name}, {words}")

            recipe = self.networks[name]
            train = self.read(recipe.data).train
            self._made[name, seed] = trained(
                recipe, seed, train, store=self.store, device=self.device, report=report
            )
        return self._made[name, seed]

    def network(self, name: str, seed: int | None = None) -> nn.Module:
        """The model of `trained`."""
        return self.trained(name, seed).model

    def generator(self) -> torch.Generator:
        """A source of random numbers that follows from the seed, on the run's device."""
        return torch.Generator(self.device).manual_seed(self.seed)


@dataclass(frozen=True)
class Measure:
    """The names of some numbers, and the function that gives them in this order.

    It takes a run and names of the run's networks. What is in `perhaps` may be None.
    """

    function: Callable[..., Any]
    numbers: tuple[str, ...]
    perhaps: tuple[str, ...] = ()

    def __call__(self, run: Run, *networks: str) -> dict[str, Any]:
        """The numbers by name, without what was not there to be measured."""
        found = self.function(run, *networks)
        values = found if isinstance(found, tuple) else (found,)
        named = zip(self.numbers, values, strict=True)
        return {name: value for name, value in named if value is not None}


MEASURES: dict[str, Measure] = {}  # by the name that the table of experiments has for them


def measure(*numbers: str, perhaps: tuple[str, ...] = ()) -> Callable[[Callable], Measure]:
    """Make a `Measure` of a function that gives these numbers: one, or a tuple of several."""

    def of(function: Callable) -> Measure:
        MEASURES[function.__name__] = made = Measure(function, numbers, perhaps)
        return made

    return of


Parts = Mapping[str, Sequence[tuple]]  # by name: measures, each with its networks


@dataclass(frozen=True)
class Experiment:
    """The networks that it needs, what is measured on which of them, and what it costs.

    settings: what else its numbers follow from. Whoever changes what is measured, and not the
        networks, changes a setting, so that runs that were kept are not taken for new ones.
    minutes: of one run on one core of two, when none of its networks is there yet.
    seeds: at most so many, where a run takes hours or nothing is random.
    first_seed: where they begin.
    quick: whether a quick run has it.
    """

    name: str
    networks: Mapping[str, Recipe]
    parts: Parts
    settings: Mapping[str, Any] = field(default_factory=dict)
    minutes: float = 0.2
    seeds: int | None = None
    first_seed: int = 0
    quick: bool = False

    def recipe(self) -> dict[str, Any]:
        """All that its numbers follow from, besides the seed and the code: plain data."""
        return {
            "experiment": self.name,
            "settings": dict(self.settings),
            "networks": {name: recipe.as_data() for name, recipe in self.networks.items()},
        }

    def seeds_of(self, asked: int) -> range:
        """Its seeds, when `asked` for so many."""
        return range(self.first_seed, self.first_seed + min(asked, self.seeds or asked))

    def measure(self, run: Run) -> Numbers:
        """Its numbers in one run."""
        return {
            of: {k: v for part, *names in parts for k, v in part(run, *names).items()}
            for of, parts in self.parts.items()
        }

    def networks_of(self, of: str) -> list[Recipe]:
        """The networks behind what is measured on `of`."""
        names = dict.fromkeys(name for _, *names in self.parts[of] for name in names)
        return [self.networks[name] for name in names]

    def check(self, of: str, number: str) -> None:
        """Raise ValueError if the experiment gives no such number of `of`."""
        if of not in self.parts:
            raise ValueError(
                f"experiment {self.name!r} measures nothing of {of!r}: it has {list(self.parts)}"
            )
        names = self._names(of)
        if number not in names:
            raise ValueError(
                f"experiment {self.name!r} has no number {number!r} of {of!r}: it has {names}"
            )

    def gave(self, numbers: Numbers) -> bool:
        """Whether stored `numbers` have the names that the experiment gives."""
        perhaps = {name for parts in self.parts.values() for m, *_ in parts for name in m.perhaps}
        return numbers.keys() == self.parts.keys() and all(
            {*self._names(of)} - perhaps <= group.keys() <= {*self._names(of)}
            for of, group in numbers.items()
        )

    def _names(self, of: str) -> list[str]:
        return [name for measure, *_ in self.parts[of] for name in measure.numbers]
