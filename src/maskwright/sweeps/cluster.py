"""Run tasks on Dask workers: processes on this computer, or the workers of a given scheduler."""

import asyncio
import gc
import logging
import math
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from concurrent.futures import Future as Promise
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from maskwright.shared.errors import MaskwrightError
from maskwright.shared.sweep_settings import Certificates

if TYPE_CHECKING:
    from distributed import Client, Future
    from distributed.security import Security
    from tornado.ioloop import IOLoop

T = TypeVar("T")
R = TypeVar("R")

_CONNECTING = "20s"
_EVERY = 5.0
"""Seconds between two checks whether a process must be restarted."""

_LOCAL = {
    # A task whose worker died is handed back, to be tried alone; see `unordered`.
    "distributed.scheduler.allowed-failures": 0,
    # Sampling the position of each thread every 10 ms would cost time.
    "distributed.worker.profile.enabled": False,
    "distributed.scheduler.active-memory-manager.start": False,
    # Dask logs its last thousand or so events: 8 MB that nobody reads.
    "distributed.admin.low-level-log-length": 100,
    "distributed.diagnostics.computations.max-history": 1,
    # A process is given up if it is missing this long after it died, even if it came back and died again meanwhile.
    "distributed.deploy.lost-worker-timeout": "60s",
}


@contextmanager
def open_cluster(
    scheduler: str | None, *, workers: int, preload: str, certificates: Certificates | None = None
) -> Iterator["Client"]:
    """Connect to a Dask scheduler, or start one here with single-threaded workers, which end with the block.

    Args:
        scheduler: its address, as tcp://host:8786; None for this computer.
        workers: number of processes here.
        preload: module whose function `dask_setup` each process here calls.
        certificates: for a scheduler with a tls:// address; None for those of Dask's own configuration, if any.

    Raises:
        MaskwrightError: no scheduler answers at that address, or the certificates are missing or do not fit it.
    """
    import dask.config as settings
    from distributed import Client, LocalCluster
    from distributed.utils import silence_logging_cmgr
    from tornado.ioloop import PeriodicCallback

    with ExitStack() as stack:
        loop = stack.enter_context(_event_loop())
        if scheduler is None:
            # The caller learns of a worker's death from its tasks; Dask's twenty lines about it would hide the rest.
            stack.enter_context(silence_logging_cmgr(logging.CRITICAL))
            stack.enter_context(settings.set(_LOCAL))
            stack.enter_context(_same_environment())
            cluster = LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                # With a limit, Dask pauses a process that has used much memory, forever if it does not free it.
                # Without one, the system kills a process when memory is short, and its task is tried again.
                memory_limit=0,
                dashboard_address="127.0.0.1:0",
                silence_logs=logging.CRITICAL,
                # Whoever gets at the scheduler runs code as this user, and other users of this computer reach its
                # port. So it speaks TLS only, with a certificate made for this cluster, which stays in memory.
                security=True,
                preload=preload,
                loop=loop,
            )
            stack.enter_context(cluster)
            client = stack.enter_context(Client(cluster, loop=loop, set_as_default=False))
            # Dask restarts a process that died, but not once a restart has failed or the process has been given up.
            again = PeriodicCallback(lambda: cluster.scale(workers), _EVERY * 1000)
            loop.add_callback(again.start)
            stack.callback(loop.add_callback, again.stop)
            yield client
            return
        security = None if certificates is None else _security(certificates, scheduler)
        yield stack.enter_context(_connected(scheduler, loop, security))


def _connected(scheduler: str, loop: "IOLoop", security: "Security | None") -> "Client":
    from distributed import Client

    try:
        return Client(scheduler, loop=loop, timeout=_CONNECTING, set_as_default=False, security=security)
    # A TypeError: an address with tls:// without certificates.
    except (OSError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())
    # A refused client closes itself when it is collected: here, while its loop runs. Left to chance, it may be amid
    # the start of another client, which then waits for ever, for a lock that it holds itself.
    gc.collect()
    raise MaskwrightError(
        f"no Dask scheduler answers at {scheduler} ({reason}); start one there, or correct sweeps.scheduler, "
        "DASK_SCHEDULER_ADDRESS or sweeps.security"
    )


@contextmanager
def _event_loop() -> Iterator["IOLoop"]:
    """Run an event loop in a thread while the block lasts.

    Dask would start one itself, but leaves it running if no scheduler answers.
    """
    from tornado.ioloop import IOLoop

    started: Promise[IOLoop] = Promise()
    end = asyncio.Event()

    async def run() -> None:
        started.set_result(IOLoop.current())
        await end.wait()

    def work() -> None:
        try:
            asyncio.run(run())
        except OSError as error:  # too many open files
            started.set_exception(error)

    thread = threading.Thread(target=work, name="Dask's event loop", daemon=True)
    thread.start()
    loop = started.result()
    try:
        yield loop
    finally:
        loop.add_callback(end.set)
        thread.join(timeout=10)


def _security(certificates: Certificates, scheduler: str) -> "Security":
    from distributed.security import Security

    if not scheduler.startswith("tls://"):
        raise MaskwrightError(f"sweeps.security needs a scheduler with an address tls://..., not {scheduler}")
    paths = {key: Path(path).expanduser() for key, path in certificates.model_dump().items()}
    missing = next((key for key, path in paths.items() if not path.is_file()), None)
    if missing is not None:
        raise MaskwrightError(f"params.yaml: sweeps.security.{missing}: {paths[missing]}: no such file")
    security = Security(
        tls_ca_file=str(paths["authority"]),
        tls_client_cert=str(paths["certificate"]),
        tls_client_key=str(paths["key"]),
        require_encryption=True,
    )
    try:
        security.get_connection_args("client")
    except OSError as error:
        reason = " ".join(str(error).split())
        raise MaskwrightError(
            f"params.yaml: sweeps.security: no certificates in PEM, or a key to another one ({reason})"
        ) from None
    return security


def unordered(client: "Client", function: Callable[[T], R], tasks: Iterable[T]) -> Iterator[tuple[T, R | Exception]]:
    """Yield each task once, when it is done, with `function(task)` or with the exception that prevented it.

    Dask holds at most two tasks for each worker thread at any time, and a result is released once it has been
    yielded, so memory does not grow with the number of tasks.

    A task whose worker died is run again elsewhere. Dask counts a death against all tasks of the worker, so a task
    that it gives up may not be the cause, or may only have lacked memory beside others. Such a task is tried once
    more at the end, alone. Only if that fails too is it yielded with Dask's exception.

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

    This polls, since `distributed.as_completed` sometimes misses a task whose worker dies as the task ends.
    """
    begun = time.monotonic()
    while not (done := [future for future in futures if future.done()]):
        time.sleep(min(0.1, 0.001 + 0.02 * (time.monotonic() - begun)))
    return done


class _Threads:
    """Says how many tasks the current workers should have; asks the scheduler at most once a second."""

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
    """Undo the environment variables that Dask sets in this process for those it starts.

    No others: another thread may be changing one of its own, which a copy of the whole would bring back.
    """
    import dask.config as settings

    before = {name: os.environ.get(name) for name in settings.get("distributed.nanny.pre-spawn-environ")}
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
