"""Run tasks on Dask workers: processes of this computer, or those of a scheduler that is named."""

import logging
import math
import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from maskwright.shared.errors import MaskwrightError

if TYPE_CHECKING:
    from distributed import Client, Future

T = TypeVar("T")
R = TypeVar("R")

_CONNECTING = "20s"
_EVERY = 5.0
"""Seconds between two looks whether a process must be started anew."""

_LOCAL = {
    # A task whose worker died is handed back, to be tried with nothing beside it; see `unordered`.
    "distributed.scheduler.allowed-failures": 0,
    # Measuring every 10 ms where each thread is would be work too.
    "distributed.worker.profile.enabled": False,
    "distributed.scheduler.active-memory-manager.start": False,
    # Dask keeps diaries of its last thousand or so events: 8 MB that nobody reads.
    "distributed.admin.low-level-log-length": 100,
    "distributed.diagnostics.computations.max-history": 1,
    # A process is given up that is not there so long after it died, even if it has since come back and died again.
    "distributed.deploy.lost-worker-timeout": "60s",
}


@contextmanager
def open_cluster(scheduler: str | None, *, workers: int, preload: str) -> Iterator["Client"]:
    """Connect to a Dask scheduler, or start one here with workers of one thread each, which end with the block.

    Args:
        scheduler: its address, as tcp://host:8786; None for this computer.
        workers: number of processes here.
        preload: module with a function `dask_setup` for each process here.

    Raises:
        MaskwrightError: no scheduler answers at that address.
    """
    import dask.config as settings
    from distributed import Client, LocalCluster
    from distributed.utils import silence_logging_cmgr
    from tornado.ioloop import PeriodicCallback

    with ExitStack() as stack:
        if scheduler is None:
            # Whoever waits for the tasks hears of a worker's death; Dask's twenty lines on it would hide the rest.
            stack.enter_context(silence_logging_cmgr(logging.CRITICAL))
            stack.enter_context(_same_environment())
            stack.enter_context(settings.set(_LOCAL))
            cluster = LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                # With a limit, Dask lets a process rest that has used much memory, for ever if it does not give it
                # back; without one, the system ends a process where memory is short, and its task is tried again.
                memory_limit=0,
                dashboard_address="127.0.0.1:0",
                silence_logs=logging.CRITICAL,
                preload=preload,
            )
            stack.enter_context(cluster)
            client = stack.enter_context(Client(cluster, set_as_default=False))
            # Dask starts a process that died again, but once that fails, or it is given up, never more.
            again = PeriodicCallback(lambda: cluster.scale(workers), _EVERY * 1000)
            loop: Any = client.loop
            loop.add_callback(again.start)
            stack.callback(loop.add_callback, again.stop)
            yield client
            return
        try:
            client = Client(scheduler, timeout=_CONNECTING, set_as_default=False)
        except (OSError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise MaskwrightError(
                f"no Dask scheduler answers at {scheduler} ({reason}); start one there, or correct sweeps.scheduler "
                "or DASK_SCHEDULER_ADDRESS"
            ) from None
        yield stack.enter_context(client)


def unordered(client: "Client", function: Callable[[T], R], tasks: Iterable[T]) -> Iterator[tuple[T, R | Exception]]:
    """Yield each task once, when it is done, with `function(task)` or with what kept it from being done.

    At most two tasks for each thread of a worker are with Dask at any time, and a result is let go when it was
    yielded, so memory does not grow with their number.

    A task whose worker died is run again elsewhere. Dask counts a death against all tasks the worker had, so one
    that it gives up may be innocent, or may only have lacked memory beside others: it is tried once more in the end,
    with nothing beside it, and only if that fails too it is yielded with Dask's exception.

    Raises:
        MaskwrightError: the connection to the scheduler is lost.
    """
    from distributed import KilledWorker

    suspects: list[T] = []
    for task, result in _windowed(client, function, tasks, _Threads(client)):
        if isinstance(result, KilledWorker):
            suspects.append(task)
        else:
            yield task, result
    for task in suspects:
        yield from _windowed(client, function, [task], lambda: 1)


def _windowed(
    client: "Client", function: Callable[[T], R], tasks: Iterable[T], window: Callable[[], int]
) -> Iterator[tuple[T, R | Exception]]:
    waiting = iter(tasks)
    running: dict[Future, T] = {}
    while True:
        for task in islice(waiting, max(0, window() - len(running))):
            running[client.submit(function, task, pure=False)] = task
        if not running:
            return
        for future in _some_done(running):
            task = running.pop(future)
            try:
                result = future.result()
            except CancelledError:
                message = "the connection to the Dask scheduler is lost; start it, and run this again"
                raise MaskwrightError(message) from None
            except Exception as error:
                result = error
            future.release()
            yield task, result


def _some_done(futures: Iterable["Future"]) -> list["Future"]:
    """Wait until some futures are done, and return them.

    By looking, since `distributed.as_completed` overlooks a task now and then whose worker dies as it ends.
    """
    begun = time.monotonic()
    while not (done := [future for future in futures if future.done()]):
        time.sleep(min(0.1, 0.001 + 0.02 * (time.monotonic() - begun)))
    return done


class _Threads:
    """Says how many tasks the workers there are now should have; asks the scheduler for it once in a second."""

    def __init__(self, client: "Client") -> None:
        self._client = client
        self._asked = -math.inf
        self._window = 1

    def __call__(self) -> int:
        if time.monotonic() - self._asked > 1:
            threads: Any = self._client.nthreads()
            self._window = max(1, 2 * sum(threads.values()))
            self._asked = time.monotonic()
        return self._window


@contextmanager
def _same_environment() -> Iterator[None]:
    """Undo what Dask sets in this process for the ones it starts."""
    before = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
