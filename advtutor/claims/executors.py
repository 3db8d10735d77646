"""Where runs are computed: in this process, in several, or on a Dask cluster."""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from multiprocessing.managers import SyncManager
from typing import Any, NamedTuple

from advtutor._threads import share_cores

Message = tuple[str, float, str]  # the run's name, the share that is done, and what is being done
Tell = Callable[[Message], None]
SECONDS_TO_ANSWER = 5


class ExecutorError(Exception):
    """There is no such place to compute in; the message says what to do."""


class Place(NamedTuple):
    """How to make an executor, how a run says there how far it is, and torch's threads for it."""

    make_executor: Callable[[], Executor]
    tell: Tell
    threads: int | None = None


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


def _belong_to_the_first() -> None:
    """Leave Ctrl-C to the process that started this one, and end where that has been killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def follow() -> None:
        first = multiprocessing.parent_process()
        if first is not None:
            first.join()
            os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


@contextlib.contextmanager
def processes(jobs: int, listener: Tell) -> Iterator[Place]:
    """In `jobs` processes with one torch thread each, which end with this one."""
    context = multiprocessing.get_context("spawn")
    share_cores(os.environ)
    manager = SyncManager(ctx=context)
    manager.start(_belong_to_the_first)
    with manager:
        spared = manager._process.pid  # type: ignore[attr-defined]  # needed to say goodbye
        messages = manager.Queue()

        def listen() -> None:
            with contextlib.suppress(OSError, EOFError):
                while (message := messages.get()) is not None:
                    listener(message)

        ear = threading.Thread(target=listen, daemon=True)
        ear.start()
        try:
            yield Place(
                lambda: ProcessPoolExecutor(jobs, context, _belong_to_the_first),
                messages.put,
                threads=1,
            )
        finally:
            for child in multiprocessing.active_children():
                if child.pid != spared:
                    child.terminate()
            with contextlib.suppress(OSError, EOFError):
                messages.put(None)
            ear.join(timeout=2)


def _tell_the_cluster(message: Message) -> None:
    from distributed import get_worker

    get_worker().log_event("advtutor", message)


@contextlib.contextmanager
def dask(scheduler: str, jobs: int, listener: Tell) -> Iterator[Place]:
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
        client.subscribe_topic("advtutor", lambda event: listener(event[1]))
        # A run has no side effect on what is not its own: the same call may be made again.
        yield Place(lambda: client.get_executor(pure=False), _tell_the_cluster, threads=1)
