"""Where runs are computed: in this process, in several, or on a Dask cluster."""

import contextlib
import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from typing import Any, Protocol

from advtutor._threads import share_cores

Message = tuple[str, float, str]  # the run's name, the share that is done, and what is being done
Listener = Callable[[Message], None]
SECONDS_TO_ANSWER = 5


class Channel(Protocol):
    """How a run says how far it is, from wherever it runs."""

    def put(self, message: Message) -> None:
        """Send a message to whoever listens."""


class ExecutorError(Exception):
    """There is no such place to compute in; the message says what to do."""


class Inline(Executor):
    """Runs each call at once, in this process, with all of torch's threads."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future:
        """Call and wait: the future that comes back is done."""
        future: Future = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class _Direct:
    def __init__(self, listener: Listener) -> None:
        self.put = listener


@contextlib.contextmanager
def inline(listener: Listener) -> Iterator[tuple[Callable[[], Executor], Channel, int | None]]:
    """In this process: (a maker of executors, the channel, torch threads for each run)."""
    yield Inline, _Direct(listener), None


@contextlib.contextmanager
def processes(
    jobs: int, listener: Listener
) -> Iterator[tuple[Callable[[], Executor], Channel, int | None]]:
    """In `jobs` processes with one torch thread each, which end with this one."""
    context = multiprocessing.get_context("spawn")
    share_cores(os.environ)
    with context.Manager() as manager:
        channel = manager.Queue()
        ear = threading.Thread(target=_listen, args=(channel, listener), daemon=True)
        ear.start()
        try:
            yield (
                lambda: ProcessPoolExecutor(jobs, context, initializer=_leave_interrupts),
                channel,
                1,
            )
        finally:
            _end_children(manager)
            with contextlib.suppress(OSError, EOFError):
                channel.put(None)
            ear.join(timeout=2)


def _leave_interrupts() -> None:
    # Ctrl-C reaches every process of the terminal; the first one ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _listen(channel: queue.Queue, listener: Listener) -> None:
    with contextlib.suppress(OSError, EOFError):
        while (message := channel.get()) is not None:
            listener(message)


def _end_children(manager: Any) -> None:
    spared = manager._process.pid  # still needed to say goodbye; `with` ends it
    for child in multiprocessing.active_children():
        if child.pid != spared:
            child.terminate()


class _Topic:
    """Messages of a Dask worker to the client, as events of the cluster."""

    NAME = "advtutor"

    def put(self, message: Message) -> None:
        from distributed import get_worker

        get_worker().log_event(self.NAME, message)


@contextlib.contextmanager
def dask(
    scheduler: str, jobs: int, listener: Listener
) -> Iterator[tuple[Callable[[], Executor], Channel, int | None]]:
    """On a Dask cluster: `scheduler` is its address, or "local" for `jobs` workers made here.

    A run whose worker dies is repeated by the cluster. Raises ExecutorError if Dask is not
    installed or the scheduler does not answer.
    """
    try:
        import distributed
    except ImportError:
        raise ExecutorError(
            "--scheduler needs Dask, an optional part of the installation: "
            'pip install "advtutor[cluster]"'
        ) from None
    with contextlib.ExitStack() as stack:
        if scheduler == "local":
            share_cores(os.environ)
            cluster = distributed.LocalCluster(
                n_workers=jobs,
                threads_per_worker=1,
                host="127.0.0.1",
                dashboard_address=None,
                silence_logs="ERROR",
            )
            scheduler = stack.enter_context(cluster).scheduler_address
        try:
            client = distributed.Client(scheduler, timeout=SECONDS_TO_ANSWER, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            raise ExecutorError(
                f"no scheduler answers at {scheduler} within {SECONDS_TO_ANSWER} s ({error}); "
                "start one with `dask scheduler`, and give its address, e.g. "
                "--scheduler tcp://127.0.0.1:8786"
            ) from None
        stack.enter_context(client)
        client.subscribe_topic(_Topic.NAME, lambda event: listener(event[1]))
        # A run has no side effect on what is not its own: the same call may be made again.
        yield (lambda: client.get_executor(pure=False)), _Topic(), 1
