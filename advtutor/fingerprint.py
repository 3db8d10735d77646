"""Fingerprints: whether two values, functions among them, are the same, also in another process."""

import contextlib
import dis
import functools
import hashlib
import sys
from collections.abc import Iterable, Iterator, Mapping
from types import CodeType, FunctionType, MethodType, ModuleType

import numpy as np
import torch
from torch import Tensor, nn

# What comes from these is told by its name.
_LIBRARIES = {"advtutor", "numpy", "torch", "torchvision", *sys.stdlib_module_names} - {"__main__"}
# What has been told, by its id, with its number; it is kept, so that no other gets that id.
Seen = dict[int, tuple[int, object]]


def fingerprint(value: object, *, but: object = None) -> str:
    """A digest of what `value` is made of, not of where it lies.

    Of a function it takes the code, the defaults, and the values that the code reads from around
    it; of a tensor the numbers; of a module its classes and weights. `but` is left out wherever it
    occurs: what changes by itself.
    """
    return hashlib.sha256(_words(value, {id(but): (0, but)}).encode()).hexdigest()


def form(model: nn.Module) -> str:
    """A digest of the model's classes, their code and their settings, but not of its weights."""
    return fingerprint(_of_module(model))


def _words(value: object, seen: Seen) -> str:
    if value is None or isinstance(value, bool | int | float | complex | str | bytes):
        return repr(value)
    if isinstance(value, Tensor | np.ndarray):
        numbers = torch.as_tensor(value).detach().cpu().contiguous()
        content = hashlib.sha256(numbers.flatten().view(torch.uint8).numpy()).hexdigest()
        return f"{numbers.dtype}{list(numbers.shape)}{content}"
    if id(value) in seen:
        return f"#{seen[id(value)][0]}"
    seen[id(value)] = (len(seen), value)
    name, parts = _made_of(value)
    words = [_words(part, seen) for part in parts]
    return f"{name}[{', '.join(sorted(words) if isinstance(value, set | frozenset) else words)}]"


def _made_of(value: object) -> tuple[str, Iterable[object]]:
    """The name of `value`, and its parts."""
    if isinstance(value, ModuleType):
        return value.__name__, ()
    if isinstance(value, MethodType):
        return "", (value.__func__, value.__self__)
    if isinstance(value, functools.partial):
        return "", (value.func, value.args, value.keywords)
    if isinstance(value, FunctionType | type):
        name = f"{value.__module__}.{value.__qualname__}"
        if of_a_library(value):
            return name, ()
        if isinstance(value, FunctionType):
            return value.__qualname__, (value.__code__, *values_around(value))
        own = {k: v for k, v in vars(value).items() if isinstance(v, FunctionType) or k[0] != "_"}
        return name, (own, *value.__bases__)
    if isinstance(value, CodeType):
        return value.co_code.hex(), (value.co_names, value.co_varnames, *value.co_consts)
    if isinstance(value, Mapping):
        return "", value.items()
    if isinstance(value, list | tuple | set | frozenset):
        return "", value
    if isinstance(value, nn.Module):
        return "", (*_of_module(value), value.state_dict())
    # An objective's `progress` is set by `fit`.
    own = {k: v for k, v in getattr(value, "__dict__", {}).items() if k != "progress"}
    return "", (type(value), own)


def _of_module(module: nn.Module) -> list[object]:
    found: list[object] = [repr(module)]
    for part in module.modules():
        plain = {k: v for k, v in vars(part).items() if k[0] != "_" and k != "training"}
        found += [type(part), plain]
    return found


def values_around(value: FunctionType) -> list[object]:
    """What a function reads from around it: defaults, closed-over values, and globals by name."""
    found: list[object] = [value.__defaults__, value.__kwdefaults__]
    for cell in value.__closure__ or ():
        with contextlib.suppress(ValueError):  # not filled yet
            found.append(cell.cell_contents)
    names = sorted({*_globals_of(value.__code__)})
    return [*found, {name: value.__globals__.get(name) for name in names}]


def of_a_library(value: type | FunctionType) -> bool:
    """Whether it comes with Python, torch or this package: it stays as it is."""
    return (value.__module__ or "").partition(".")[0] in _LIBRARIES


def _globals_of(code: CodeType) -> Iterator[str]:
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield instruction.argval
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _globals_of(constant)
