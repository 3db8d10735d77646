"""Fingerprints: whether two values, functions among them, are the same, also in another process."""

import contextlib
import dis
import functools
import hashlib
import sys
from collections.abc import Iterator, Mapping
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
    return hashlib.sha256(_module(model, {}, weights=False).encode()).hexdigest()


def _words(value: object, seen: Seen) -> str:
    if value is None or isinstance(value, bool | int | float | complex | str | bytes):
        return repr(value)
    if isinstance(value, Tensor):
        return _tensor(value)
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{value.shape}{hashlib.sha256(value.tobytes()).hexdigest()}"
    if isinstance(value, ModuleType):
        return value.__name__
    if id(value) in seen:
        return f"#{seen[id(value)][0]}"
    seen[id(value)] = (len(seen), value)
    if isinstance(value, MethodType):
        return f"{_words(value.__func__, seen)} of {_words(value.__self__, seen)}"
    if isinstance(value, functools.partial):
        return f"{_words(value.func, seen)}{_words([value.args, value.keywords], seen)}"
    if isinstance(value, FunctionType):
        return _function(value, seen)
    if isinstance(value, type):
        return _class(value, seen)
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_words(k, seen)}: {_words(v, seen)}' for k, v in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_words(item, seen) for item in value)}]"
    if isinstance(value, set | frozenset):
        return f"{{{', '.join(sorted(_words(item, seen) for item in value))}}}"
    if isinstance(value, nn.Module):
        return _module(value, seen, weights=True)
    # An objective's `progress` is set by `fit`.
    own = {k: v for k, v in getattr(value, "__dict__", {}).items() if k != "progress"}
    return f"{_class(type(value), seen)}{_words(own, seen)}"


def _tensor(value: Tensor) -> str:
    numbers = value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy()
    return f"{value.dtype}{list(value.shape)}{hashlib.sha256(numbers).hexdigest()}"


def _module(module: nn.Module, seen: Seen, *, weights: bool) -> str:
    words = [repr(module)]
    for part in module.modules():
        plain = {k: v for k, v in vars(part).items() if k[0] != "_" and k != "training"}
        words += [_class(type(part), seen), _words(plain, seen)]
    if weights:
        words += [f"{name} {_tensor(number)}" for name, number in module.state_dict().items()]
    return " ".join(words)


def _class(value: type, seen: Seen) -> str:
    name = f"{value.__module__}.{value.__qualname__}"
    if of_a_library(value):
        return name
    own = {k: v for k, v in vars(value).items() if isinstance(v, FunctionType) or k[0] != "_"}
    return f"{name}{_words(own, seen)}{[_class(base, seen) for base in value.__bases__]}"


def _function(value: FunctionType, seen: Seen) -> str:
    name = f"{value.__module__}.{value.__qualname__}"
    if of_a_library(value):
        return name
    cells = _cells_of(value)
    around = {n: value.__globals__.get(n) for n in sorted({*_globals_of(value.__code__)})}
    settings = [value.__defaults__, value.__kwdefaults__, cells, around]
    return f"{value.__qualname__} {_code(value.__code__)} {_words(settings, seen)}"


def values_around(value: FunctionType) -> list[object]:
    """What a function reads from around it: closed-over values, defaults, and globals."""
    around = [value.__globals__.get(name) for name in {*_globals_of(value.__code__)}]
    return [*_cells_of(value), value.__defaults__, value.__kwdefaults__, *around]


def _cells_of(value: FunctionType) -> list[object]:
    found: list[object] = []
    for cell in value.__closure__ or ():
        with contextlib.suppress(ValueError):  # not filled yet
            found.append(cell.cell_contents)
    return found


def of_a_library(value: type | FunctionType) -> bool:
    """Whether it comes with Python, torch or this package: it stays as it is."""
    return (value.__module__ or "").partition(".")[0] in _LIBRARIES


def _code(code: CodeType) -> str:
    constants = [_code(c) if isinstance(c, CodeType) else repr(c) for c in code.co_consts]
    return f"{code.co_code.hex()} {constants} {code.co_names} {code.co_varnames}"


def _globals_of(code: CodeType) -> Iterator[str]:
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield instruction.argval
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _globals_of(constant)
