"""Runs a function that may do anything, and leaves the notebook as it was."""

import contextlib
import ctypes
import io
import random
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from types import FrameType
from typing import Any, TextIO

import torch

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
def restored() -> Iterator[None]:
    """Put back, after the block, what a function can change behind its caller's back.

    The random states of Python, NumPy and torch, torch's default dtype and whether it records
    gradients. The block runs with torch's own defaults, on the CPU, recording gradients.
    """
    numpy = sys.modules.get("numpy")
    states = random.getstate(), numpy and numpy.random.get_state(), torch.get_rng_state()
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None
    dtype = torch.get_default_dtype()
    try:
        torch.set_default_dtype(torch.float32)
        with torch.inference_mode(False), torch.enable_grad(), _on_the_cpu():
            yield
    finally:
        torch.set_default_dtype(dtype)
        random.setstate(states[0])
        if numpy:
            numpy.random.set_state(states[1])
        torch.set_rng_state(states[2])
        if cuda is not None:
            torch.cuda.set_rng_state_all(cuda)


def _on_the_cpu() -> contextlib.AbstractContextManager[Any]:
    # The context slows every call into torch, so it is entered only where it changes something.
    cpu = torch.device("cpu")
    return contextlib.nullcontext() if torch.get_default_device() == cpu else cpu


def seed_everything(seed: int) -> None:
    """Seed Python, torch and, where it is loaded, NumPy: the same verdict on every machine."""
    random.seed(seed)
    torch.random.default_generator.manual_seed(seed)  # torch.manual_seed would also seed CUDA
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed(seed)
