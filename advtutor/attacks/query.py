"""How a model is asked: in eval mode, with a copy, and its answer is looked at."""

import contextlib
import dis
import functools
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from types import CodeType, FunctionType, MethodType, ModuleType

import torch
from torch import Tensor, nn

from advtutor.attacks.ball import widened
from advtutor.attacks.inputs import check_output

Model = Callable[[Tensor], Tensor]

_LOCK = threading.Lock()
_HELD: dict[int, int] = {}  # how many hold a module, by its id, in eval mode


@contextlib.contextmanager
def eval_mode(model: object) -> Iterator[None]:
    """Put every submodule into eval mode, and back as it was, also after an exception.

    Where several threads do so at once, the last to leave puts it back.
    """
    with _LOCK:
        held = [module for module in modules_of(model) if module.training or id(module) in _HELD]
        for module in held:
            module.training = False
            _HELD[id(module)] = _HELD.get(id(module), 0) + 1
    try:
        yield
    finally:
        with _LOCK:
            for module in held:
                _HELD[id(module)] -= 1
                if not _HELD[id(module)]:
                    del _HELD[id(module)]
                    module.training = True


@contextlib.contextmanager
def eval_mode_with_grad(model: object) -> Iterator[None]:
    """As `eval_mode`, with gradients on whatever the caller has switched off."""
    with torch.inference_mode(False), torch.enable_grad(), eval_mode(model):
        yield


def modules_of(model: object) -> list[nn.Module]:
    """The module and all in it; of a function or an object that is called, those that it uses.

    A function uses what it closes over, its defaults, and the globals that its code names.
    """
    if isinstance(model, nn.Module):
        return list(model.modules())
    found: dict[int, object] = {}
    todo = [model]
    while todo and len(found) < _MOST:
        part = todo.pop()
        if id(part) not in found:
            found[id(part)] = part
            todo += _parts_of(part)
    modules = (m for part in found.values() if isinstance(part, nn.Module) for m in part.modules())
    return list(dict.fromkeys(modules))


def _parts_of(value: object) -> list[object]:
    """What a function, an object that is called, or a few of them in a container hold on to."""
    if isinstance(value, Tensor | nn.Module | type | ModuleType | str | bytes):
        return []
    if isinstance(value, functools.partial):
        return [value.func, *value.args, *value.keywords.values()]
    if isinstance(value, MethodType):
        return [value.__self__, value.__func__]
    if isinstance(value, FunctionType):
        return values_around(value)
    if isinstance(value, Mapping):
        return [*value.values()] if len(value) <= _FEW else []
    if isinstance(value, list | tuple | set | frozenset):
        return [*value] if len(value) <= _FEW else []
    if not hasattr(value, "__dict__"):
        return []
    return [vars(type(value)).get("__call__"), *vars(value).values()]


def values_around(value: FunctionType) -> list[object]:
    """What a function reads from around it: defaults, closed-over values, and globals.

    Nothing for one of a library, which stays as it is.
    """
    if (value.__module__ or "").partition(".")[0] in _LIBRARIES:
        return []
    found: list[object] = [value.__defaults__, value.__kwdefaults__]
    for cell in value.__closure__ or ():
        with contextlib.suppress(ValueError):  # not filled yet
            found.append(cell.cell_contents)
    return found + [value.__globals__.get(name) for name in _globals_of(value.__code__)]


def _globals_of(code: CodeType) -> list[str]:
    read = ("LOAD_GLOBAL", "LOAD_NAME")
    names = [step.argval for step in dis.get_instructions(code) if step.opname in read]
    inner = (one for one in code.co_consts if isinstance(one, CodeType))
    return list(dict.fromkeys([*names, *(name for one in inner for name in _globals_of(one))]))


# What is defined in these holds no model of the caller's.
_LIBRARIES = {"advtutor", "numpy", "torch", "torchvision", *sys.stdlib_module_names} - {"__main__"}
_FEW = 100  # as many models as somebody may hold in a list; a longer one holds data
_MOST = 10_000  # of the things that a function can be made of


def answer(model: Model, x: Tensor, y: Tensor | None = None) -> Tensor:
    """The logits at `x`, `[N, K]`, in float32 or better: half precision rounds losses to 0.

    The model gets `x` itself: hand over a copy of what it must not write to. Raises as
    `check_output`.
    """
    try:
        logits = model(x)
    except RuntimeError as error:
        weights = [p for module in modules_of(model) for p in module.parameters()]
        if weights and not any((p.dtype, p.device) == (x.dtype, x.device) for p in weights):
            raise TypeError(
                f"x is {x.dtype} on {x.device}, the model's weights are {weights[0].dtype} on "
                f"{weights[0].device}; bring them together: x.to(next(model.parameters()))"
            ) from error
        error.add_note(f"The model was given images of the shape {tuple(x.shape)}.")
        raise
    check_output(logits, x, y)
    return widened(logits)


class Query:
    """A model that an attack asks again and again at points of its own.

    It gets a copy of the first, the caller's images. If it writes to it, it gets copies for good.
    """

    def __init__(self, model: Model) -> None:
        self.model, self._copies = model, True

    def __call__(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """As `answer`."""
        given = x.clone() if self._copies else x
        logits = answer(self.model, given, y)
        self._copies = self._copies and not _same(given, x)
        return logits


def _same(x: Tensor, before: Tensor) -> bool:
    """Whether `x` holds what it held before, bit for bit."""
    return torch.equal(*_bits(x, before))


def _bits(*tensors: Tensor) -> list[Tensor]:
    """What to compare: the tensors, eight bytes at a time if that fits them all."""
    if all(t.is_contiguous() and t.numel() * t.element_size() % 8 == 0 for t in tensors):
        return [t.detach().flatten().view(torch.int64) for t in tensors]
    return [t.detach() for t in tensors]


def differentiable(x: Tensor) -> Tensor:
    """`x`, or a copy if it was made in inference mode and no gradient can flow into it."""
    return x.clone() if x.is_inference() else x


class Guard:
    """Keeps a model in eval mode as it is while somebody else's code works: `with guard.on():`."""

    def __init__(self, model: object) -> None:
        self._modules = modules_of(model)
        self._parameters = [p for m in self._modules for p in m.parameters(recurse=False)]
        buffers = (b for m in self._modules for b in m.buffers(recurse=False))
        numbers = (n for n in (*self._parameters, *buffers) if not nn.parameter.is_lazy(n))
        copies = [(number, number.detach().clone()) for number in numbers]
        self._numbers = [(*pair, pair[0].data_ptr(), _bits(*pair)) for pair in copies]

    @contextlib.contextmanager
    def on(self) -> Iterator[None]:
        """No gradients inside; afterwards numbers and gradients of before, and eval mode."""
        switches = [(p, p.requires_grad, p.grad) for p in self._parameters]
        try:
            for parameter in self._parameters:
                parameter.grad = None
            yield
        finally:
            for module in self._modules:
                if module.training:
                    module.training = False
            for number, before, place, bits in self._numbers:
                if number.data_ptr() != place or not torch.equal(*bits):
                    number.data.copy_(before)
            for parameter, learns, gradient in switches:
                if parameter.requires_grad != learns:
                    parameter.requires_grad_(learns)
                parameter.grad = gradient
