"""What benchmarks of time share: measuring in turns, and the spread of what was measured. No program of its own."""

import time
from collections.abc import Callable

import numpy as np


def seconds_a_call(action: Callable[[], object], least: float) -> float:
    """Return the mean time of calls that take at least so many seconds together, after one that is not timed.

    That one is for the caches, which somebody else has had in the meantime.
    """
    action()
    calls, began = 0, time.perf_counter()
    while (passed := time.perf_counter() - began) < least:
        action()
        calls += 1
    return passed / calls


def spread(values: np.ndarray, digits: int) -> str:
    """Return the median and, in brackets, the quartiles."""
    low, middle, high = (f"{value:.{digits}f}" for value in np.percentile(values, (25, 50, 75)))
    return f"{middle} [{low}, {high}]"
