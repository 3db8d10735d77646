"""Runs a function that may do anything, and leaves the notebook as it was.

Random numbers of torch, NumPy and Python come from generators of its own: the shared ones are
neither read nor moved, whoever draws from them meanwhile.
"""

import contextlib
import ctypes
import functools
import inspect
import io
import random
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from operator import attrgetter
from types import FrameType
from typing import Any, TextIO

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from advtutor.checks.code import innermost

AGAIN = 0.2  # seconds until the next try, where a bare `except:` has swallowed the first


class TooLong(BaseException):
    """The time is up. No Exception, so that a learner's `except Exception` does not swallow it."""


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TooLong in the block once it has run for so long.

    A running call into C code, such as one huge product of matrices, is left to end first.
    """
    in_main = threading.current_thread() is threading.main_thread()
    by = _limit_by_signal if in_main and hasattr(signal, "setitimer") else _limit_by_thread
    with by(seconds):
        yield


@contextlib.contextmanager
def _limit_by_signal(seconds: float) -> Iterator[None]:
    def ring(_signal: int, _frame: FrameType | None) -> None:
        raise TooLong

    handler = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    finally:
        signal.signal(signal.SIGALRM, handler)


@contextlib.contextmanager
def _limit_by_thread(seconds: float) -> Iterator[None]:
    """The same without signals: on Windows, and in threads other than the main one."""
    caller = ctypes.c_ulong(threading.get_ident())
    raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc
    over, lock = threading.Event(), threading.Lock()

    def watch() -> None:
        wait = seconds
        while not over.wait(wait):
            with lock:
                if not over.is_set():
                    raise_in(caller, ctypes.py_object(TooLong))
            wait = AGAIN

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        with lock:
            over.set()
            raise_in(caller, None)  # one that is on its way, but has not arrived


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Swallow what the block prints, displays and warns about, and threads that it starts.

    What other threads print meanwhile comes through; what they display does not.
    """
    others = {thread.ident for thread in threading.enumerate()} - {threading.get_ident()}
    with contextlib.ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        ipython = sys.modules.get("IPython")
        if ipython is not None and ipython.get_ipython() is not None:
            from IPython.utils.capture import capture_output

            # Pictures and widgets, a progress bar among them.
            stack.enter_context(capture_output(stdout=False, stderr=False))
        out, err = (_Muted(stream, others) for stream in (sys.stdout, sys.stderr))
        stack.enter_context(contextlib.redirect_stdout(out))
        stack.enter_context(contextlib.redirect_stderr(err))
        yield


class _Muted(io.StringIO):
    """A stream that only some threads reach."""

    def __init__(self, stream: TextIO, heard: set[int | None]) -> None:
        super().__init__()
        self._stream, self._heard = stream, heard

    def write(self, text: str) -> int:
        if threading.get_ident() in self._heard:
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        if threading.get_ident() in self._heard:
            self._stream.flush()


@contextlib.contextmanager
def restored(function: Any = None) -> Iterator[None]:
    """Put back, after the block, what `function` can change behind its caller's back.

    That is torch's default dtype, whether it records gradients, and the random states of GPUs. The
    block runs with torch's own defaults, on the CPU, recording gradients.
    """
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None
    dtype = torch.get_default_dtype()
    try:
        torch.set_default_dtype(torch.float32)
        with (
            torch.inference_mode(False),
            torch.enable_grad(),
            _on_the_cpu(),
            _generators_by_thread(function),
        ):
            yield
    finally:
        torch.set_default_dtype(dtype)
        if cuda is not None:
            torch.cuda.set_rng_state_all(cuda)


def _on_the_cpu() -> contextlib.AbstractContextManager[Any]:
    # The context slows every call into torch, so it is entered only where it changes something.
    cpu = torch.device("cpu")
    return contextlib.nullcontext() if torch.get_default_device() == cpu else cpu


class OwnDraws(TorchDispatchMode):
    """In this thread, what torch draws on the CPU comes from a generator with this seed.

    The numbers are those that torch.manual_seed(seed) would have led to.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.generator = torch.Generator().manual_seed(seed)

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # what torch wraps around each call otherwise costs more than the call

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if not _draws(func) or kwargs.get("generator") or not _on_cpu(args, kwargs):
            return func(*args, **kwargs)
        if drawing := _with_a_generator(func):
            return drawing(*args, **kwargs | {"generator": self.generator})
        # An older torch has some that take none: no other thread should draw in this moment.
        shared, own = torch.default_generator, self.generator
        state = shared.get_state()
        shared.set_state(own.get_state())
        try:
            return func(*args, **kwargs)
        finally:
            own.set_state(shared.get_state())
            shared.set_state(state)


@functools.cache
def _draws(func: Any) -> bool:
    return torch.Tag.nondeterministic_seeded in func.tags


def _on_cpu(args: Any, kwargs: Any) -> bool:
    places = [one.device for one in args if isinstance(one, torch.Tensor)] + [kwargs.get("device")]
    return all(torch.device(place).type == "cpu" for place in places if place is not None)


@functools.cache
def _with_a_generator(func: Any) -> Any:
    """The form of one of torch's drawing operations that takes a generator, if there is one."""
    packet, names = func.overloadpacket, {one.name for one in func._schema.arguments}
    forms = [func, *(getattr(packet, name) for name in packet.overloads())]
    wanted = names | {"generator"}
    return next((f for f in forms if {a.name for a in f._schema.arguments} == wanted), None)


@contextlib.contextmanager
def own_draws(seed: int) -> Iterator[None]:
    """`OwnDraws`, and inside `restored` also for random, numpy.random and torch.manual_seed."""
    with OwnDraws(seed) as torchs:
        before, _here.own = vars(_here).get("own"), _Own(seed, torchs.generator)
        try:
            yield
        finally:
            _here.own = before


_here = threading.local()  # .own: what this thread draws from, or None


class _Own:
    """Generators with one seed, those of Python and NumPy made when they are asked for."""

    def __init__(self, seed: int, torchs: torch.Generator) -> None:
        self.seed, self.torchs = seed, torchs

    @functools.cached_property
    def python(self) -> Any:
        return random.Random(self.seed)

    @functools.cached_property
    def numpy(self) -> Any:
        return sys.modules["numpy"].random.RandomState(self.seed)


class _ByThread:
    """A shared generator, or one function of it, for threads that draw from none of their own."""

    def __init__(self, shared: Any, own: Callable[[_Own], Any]) -> None:
        self._shared, self._own = shared, own

    def _now(self) -> Any:
        own = vars(_here).get("own")
        return self._own(own) if own else self._shared

    def __getattr__(self, name: str) -> Any:
        return getattr(self._now(), name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._now()(*args, **kwargs)


@contextlib.contextmanager
def _generators_by_thread(function: Any) -> Iterator[None]:
    """Let what draws without being told from where ask in which thread it is.

    Under whatever name `function` finds it: random.choice, or choice alone. Python's and NumPy's
    are not found in a closure, a default argument or a class attribute: what holds random.choice
    there draws from the shared stream.
    """
    own: dict[int, tuple[Any, Callable[[_Own], Any]]] = {}
    for module, whose in ((random, "python"), (sys.modules.get("numpy.random"), "numpy")):
        for name in _functions(module) if module else ():
            one = getattr(module, name)
            own[id(one)] = one, attrgetter(f"{whose}.{name}")
    shared = [
        (names, name, one)
        for names in _namespaces(function)
        for name, one in [*names.items()]
        if id(one) in own
    ]
    for names, name, one in shared:
        names[name] = _ByThread(*own[id(one)])
    torchs = torch.random.default_generator
    torch.random.default_generator = _ByThread(torchs, attrgetter("torchs"))
    try:
        yield
    finally:
        torch.random.default_generator = torchs
        for names, name, one in shared:
            names[name] = one


def _namespaces(function: Any) -> list[dict[str, Any]]:
    """Where a function, and what it calls, finds what draws; each once."""
    around = getattr(innermost(function), "__globals__", {})
    found = [vars(module) for module in (random, sys.modules.get("numpy.random")) if module]
    found += [around, *(vars(one) for one in [*around.values()] if inspect.ismodule(one))]
    found += [one.__globals__ for one in [*around.values()] if inspect.isfunction(one)]
    return [*{id(names): names for names in found}.values()]


def _functions(module: Any) -> set[str]:
    """The functions of random or numpy.random that draw from its shared generator, or set it."""
    methods = dir(random.Random if module is random else module.RandomState)
    return {name for name in methods if not name.startswith("_") and name in vars(module)}
