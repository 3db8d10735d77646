"""Finds the change of an argument for which the course's own answer gives what an answer gave."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from advtutor.checks.differences import same

Arguments = dict[str, Any]
Change = Callable[[Any], Any]

NUMBERS: dict[str, Change] = {
    "1": lambda n: type(n)(1),
    "-{0}": lambda n: -n,
    "2 * {0}": lambda n: 2 * n,
    "{0} / 2": lambda n: n / 2,
    "{0} / 255": lambda n: n / 255,
    "255 * {0}": lambda n: 255 * n,
    "{0} ** 2": lambda n: n**2,
    "{0} ** 0.5": lambda n: n**0.5,
    "1 - {0}": lambda n: 1 - n,
    "1 / {0}": lambda n: 1 / n,
}
WHOLE_NUMBERS: dict[str, Change] = {
    "1": lambda n: 1,
    "{0} - 1": lambda n: n - 1,
    "{0} + 1": lambda n: n + 1,
    "2 * {0}": lambda n: 2 * n,
    "{0} // 2": lambda n: n // 2,
}
TENSORS: dict[str, Change] = {
    "0 * {0}": torch.zeros_like,
    "{0}[:1] for all": lambda t: t[:1].expand_as(t),
    "{0}.flip(0)": lambda t: t.flip(0),
    "-{0}": lambda t: -t,
    "2 * {0}": lambda t: 2 * t,
    "{0} / 2": lambda t: t / 2,
    "2 * {0} - 1": lambda t: 2 * t - 1,
    "1 - {0}": lambda t: 1 - t,
    "{0}.abs()": Tensor.abs,
    "{0}.sign()": Tensor.sign,
    "{0}.square()": Tensor.square,
    "{0}.relu()": Tensor.relu,
    "{0}.clamp(0, 1)": lambda t: t.clamp(0, 1),
    "{0}.mean(0) for all": lambda t: t.mean(0, keepdim=True).expand_as(t),
}
LABELS = dict(itertools.islice(TENSORS.items(), 3))


class _Then(nn.Module):
    """A model with one more step at its end."""

    def __init__(self, model: nn.Module, last: Change) -> None:
        super().__init__()
        self.model, self.last = model, last

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.model(x))


MODELS: dict[str, Change] = {
    "{0}(x).softmax(1)": lambda model: _Then(model, lambda z: z.softmax(1)),
    "-{0}(x)": lambda model: _Then(model, torch.neg),
    "{0}(x).relu()": lambda model: _Then(model, torch.relu),
}


def as_if(
    due: Callable[[Arguments], Any], inputs: Sequence[Callable[[], Arguments]], given: Sequence[Any]
) -> str | None:
    """The words for that change; None where no change explains what was given.

    due: the right result. inputs: each makes one input's arguments afresh. given: for each input
    what the answer gave.
    """

    def explains(change: Callable[[Arguments], Arguments]) -> bool:
        try:
            return all(
                same(due(arguments | change(arguments)), one)
                for arguments, one in zip((make() for make in inputs), given, strict=True)
            )
        except Exception:  # not every change makes sense
            return False

    return next((words for words, change in _changes(inputs[0]()) if explains(change)), None)


def _changes(arguments: Arguments) -> Iterator[tuple[str, Callable[[Arguments], Arguments]]]:
    for name, value in arguments.items():
        for words, change in _table(value).items():
            whole = f"{name}(x)" if isinstance(value, nn.Module) else name
            yield f"{words.format(name)} in the place of {whole}", _one(name, change)
    for one, other in itertools.permutations(arguments, 2):
        if not _alike(arguments[one], arguments[other]):
            continue
        if one < other:
            yield f"{one} and {other} exchanged", _exchange(one, other)
        yield f"{other} in the place of {one}", _copy(one, other)


def _table(value: Any) -> dict[str, Change]:
    if isinstance(value, Tensor):
        return TENSORS if value.is_floating_point() else LABELS
    if isinstance(value, nn.ModuleList):
        return {}
    if isinstance(value, nn.Module):
        return MODELS
    return {float: NUMBERS, int: WHOLE_NUMBERS}.get(type(value), {})


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return one.shape == other.shape and one.dtype == other.dtype
    return type(one) is type(other) and type(one) in (int, float)


def _one(name: str, change: Change) -> Callable[[Arguments], Arguments]:
    def changed(arguments: Arguments) -> Arguments:
        value = arguments[name]
        if not isinstance(value, Tensor):
            return {name: change(value)}
        return {name: change(value.detach()).clone().requires_grad_(value.requires_grad)}

    return changed


def _exchange(one: str, other: str) -> Callable[[Arguments], Arguments]:
    return lambda arguments: {one: arguments[other], other: arguments[one]}


def _copy(one: str, other: str) -> Callable[[Arguments], Arguments]:
    return lambda arguments: {one: arguments[other]}
