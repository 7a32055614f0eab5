"""Map over work in processes, in order, holding only a few items at a time."""

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import chain, islice
from multiprocessing.process import BaseProcess
from typing import NoReturn, TypeVar

from maskwright.shared.errors import MaskwrightError

T = TypeVar("T")
R = TypeVar("R")


def available_cores() -> int:
    """Return how many processors this process may use (at least 1)."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return max(1, os.cpu_count() or 1)


def parallel_map(
    function: Callable[[T], R], items: Iterable[T], *, workers: int | None = None, chunk: int = 8
) -> Iterator[R]:
    """Yield `function(item)` for each item, in the items' order.

    At most `2 * workers` chunks are read from `items` ahead of what has been yielded, so memory does not grow
    with their number. With only one worker or one chunk, everything runs in this process.

    Args:
        function: a picklable function of one picklable item.
        items: any iterable; it is consumed lazily.
        workers: number of processes; the available cores if None.
        chunk: items sent to a process at a time, which spreads the cost of sending.

    Raises:
        Whatever `function` raises, at the place of its item; MaskwrightError if a process is killed.
    """
    workers = workers or available_cores()
    chunks = _chunked(items, chunk)
    first = next(chunks, [])
    second = next(chunks, [])
    if workers == 1 or not second:
        for item in chain(first, second, chain.from_iterable(chunks)):
            yield function(item)
        return
    # "spawn", because forking a process in which TensorFlow or a thread pool has started may hang the child.
    context = multiprocessing.get_context("spawn")
    pending: deque[Future[list[R]]] = deque()
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_end_with_parent)
    try:
        for batch in chain([first, second], chunks):
            pending.append(pool.submit(_run_chunk, function, batch))
            if len(pending) >= 2 * workers:
                yield from pending.popleft().result()
        while pending:
            yield from pending.popleft().result()
    except BrokenProcessPool:
        raise MaskwrightError(
            "a worker process was killed, most likely for lack of memory; close other programs and run it again"
        ) from None
    finally:
        # Not by each future's own `cancel`: the pool may then wait for ever for results that will not come.
        pool.shutdown(cancel_futures=True)


def _end_with_parent() -> None:
    """End this process as soon as the one that started it is gone. Otherwise it would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_wait_and_exit, args=(parent,), daemon=True).start()


def _wait_and_exit(parent: BaseProcess) -> NoReturn:
    parent.join()
    os._exit(1)


def _chunked(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def _run_chunk(function: Callable[[T], R], batch: list[T]) -> list[R]:
    return [function(item) for item in batch]
