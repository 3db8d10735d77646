"""What an experiment is: the networks that it needs, the numbers that it gives, and one run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cached_property
from pathlib import Path
from types import UnionType
from typing import Any

import torch
from torch import nn

from advtutor import data
from advtutor.claims.trained import Recipe, Report, Trained, trained
from advtutor.data import Split

Measured = Mapping[str, Any]  # what was looked at (a network, mostly): an instance of a dataclass


@dataclass(frozen=True)
class Run:
    """One experiment with one seed, on one machine: what a measuring function is given."""

    seed: int
    networks: Mapping[str, Recipe]
    store: Path
    device: str = "cpu"
    report: Report = lambda share, words: None

    @cached_property
    def _mnist(self) -> data.MNIST:
        return data.mnist()

    @cached_property
    def cifar_test(self) -> Split:
        """The 10,000 test images of CIFAR-10, on the run's device."""
        return Split(*(part.to(self.device) for part in data.cifar10().test))

    @cached_property
    def test(self) -> Split:
        """The 10,000 test digits, on the run's device."""
        return Split(*(part.to(self.device) for part in self._mnist.test))

    @cached_property
    def train(self) -> Split:
        """The 60,000 training digits, on the run's device."""
        return Split(*(part.to(self.device) for part in self._mnist.train))

    def trained(self, name: str, seed: int | None = None) -> Trained:
        """The network called `name` in this experiment, of this run's seed unless told."""
        share = len(self.networks)
        done = list(self.networks).index(name) / share

        def report(part: float, words: str) -> None:
            self.report(done + part / share, f"{name}, {words}")

        recipe = self.networks[name]
        seed = self.seed if seed is None else seed
        train = self._mnist.train if recipe.data == "mnist" else data.cifar10().train
        return trained(recipe, seed, train, store=self.store, device=self.device, report=report)

    def network(self, name: str, seed: int | None = None) -> nn.Module:
        """The model of `trained`."""
        return self.trained(name, seed).model

    def generator(self) -> torch.Generator:
        """A source of random numbers that follows from the seed, on the run's device."""
        return torch.Generator(self.device).manual_seed(self.seed)


@dataclass(frozen=True)
class Experiment:
    """A measuring function, the networks that it needs, and what it costs.

    gives: the numbers, as dataclasses by what they are measured on: a network of `networks`, or
        another name for what belongs to several of them.
    uses: the networks behind what is measured on several of them, where these are not all, or on
        one with the help of others.
    settings: what else its numbers follow from. Whoever changes what is measured, and not the
        networks, changes a setting, so that runs that were kept are not taken for new ones.
    minutes: of one run on one core of two, when none of its networks is there yet.
    seeds: at most so many, where a run takes hours or nothing is random.
    quick: whether a quick run has it.
    """

    name: str
    measure: Callable[[Run], Measured]
    gives: Mapping[str, type]
    networks: Mapping[str, Recipe] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    uses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    minutes: float = 0.2
    seeds: int | None = None
    quick: bool = False

    def recipe(self) -> dict[str, Any]:
        """All that its numbers follow from, besides the seed and the code: plain data."""
        return {
            "experiment": self.name,
            "settings": dict(self.settings),
            "networks": {name: recipe.as_data() for name, recipe in self.networks.items()},
        }

    def networks_of(self, of: str) -> list[Recipe]:
        """The networks behind what is measured on `of`."""
        names = self.uses.get(of) or ([of] if of in self.networks else self.networks)
        return [self.networks[name] for name in names]

    def check(self, of: str, number: str) -> None:
        """Raise ValueError if the experiment gives no such number of `of`."""
        if of not in self.gives:
            raise ValueError(
                f"experiment {self.name!r} measures nothing of {of!r}: it has {list(self.gives)}"
            )
        names = [each.name for each in fields(self.gives[of])]
        if number not in names:
            raise ValueError(
                f"experiment {self.name!r} has no number {number!r} of {of!r}: it has {names}"
            )

    def gave(self, numbers: Mapping[str, Mapping[str, Any]]) -> bool:
        """Whether stored `numbers` have the names that the experiment gives."""
        return numbers.keys() == self.gives.keys() and all(
            _required(kind) <= group.keys() <= {each.name for each in fields(kind)}
            for kind, group in ((self.gives[of], numbers[of]) for of in self.gives)
        )

    def as_data(self, measured: Measured) -> dict[str, dict[str, Any]]:
        """What `measure` gave, as plain data without what was not there to be measured.

        Raises TypeError if that is something else than `gives` announces.
        """
        if {name: type(numbers) for name, numbers in measured.items()} != dict(self.gives):
            raise TypeError(f"experiment {self.name!r} gives {dict(measured)}, not {self.gives}")
        return {
            of: {
                each.name: value
                for each in fields(numbers)
                if (value := getattr(numbers, each.name)) is not None
            }
            for of, numbers in measured.items()
            if is_dataclass(numbers)
        }


def _required(kind: type) -> set[str]:
    return {each.name for each in fields(kind) if not isinstance(each.type, UnionType)}
