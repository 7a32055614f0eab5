import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
import pytest

from maskwright.shared.errors import MaskwrightError
from maskwright.shared.parallel import available_cores, parallel_map


def square(value: int) -> int:
    return value * value


def process_of(_: int) -> int:
    return os.getpid()


def fail_on_thirteen(value: int) -> int:
    if value == 13:
        raise MaskwrightError("thirteen")
    return value


def die(value: int) -> int:
    os._exit(value)


def counted(numbers: range, taken: list[int]) -> Iterator[int]:
    for number in numbers:
        taken.append(number)
        yield number


def test_at_least_one_core():
    assert available_cores() >= 1


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("count", [0, 1, 8, 9, 50])
def test_keeps_the_order(workers, count):
    assert list(parallel_map(square, range(count), workers=workers, chunk=8)) == [n * n for n in range(count)]


def test_little_work_stays_in_this_process():
    assert set(parallel_map(process_of, range(8), workers=2, chunk=8)) == {os.getpid()}


def test_more_work_goes_to_other_processes():
    found = set(parallel_map(process_of, range(40), workers=2, chunk=2))
    assert os.getpid() not in found
    assert 1 <= len(found) <= 2


@pytest.mark.parametrize("workers", [1, 2])
def test_errors_come_at_their_place(workers):
    results = parallel_map(fail_on_thirteen, range(40), workers=workers, chunk=1)
    assert [next(results) for _ in range(13)] == list(range(13))
    with pytest.raises(MaskwrightError, match="thirteen"):
        next(results)


def test_killed_process_is_one_clear_line():
    with pytest.raises(MaskwrightError, match="killed, most likely for lack of memory"):
        list(parallel_map(die, [3] * 10, workers=2, chunk=1))


@pytest.mark.parametrize("workers", [1, 2])
def test_reads_only_a_little_ahead(workers):
    taken: list[int] = []
    results = parallel_map(square, counted(range(1000), taken), workers=workers, chunk=4)
    assert taken == []
    next(results)
    # Two chunks to see whether there is work for a pool, then at most 2 chunks a worker.
    assert len(taken) <= 4 * max(2, 2 * workers)
    results.close()
    assert len(taken) < 1000


KILLED = """
import os, sys, time
from pathlib import Path
from maskwright.shared.parallel import parallel_map

def work(number):
    Path(sys.argv[1], str(os.getpid())).touch()
    time.sleep(0.05)

if __name__ == "__main__":
    for _ in parallel_map(work, range(10_000), workers=2, chunk=1):
        pass
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_their_parent(number, tmp_path):
    script, started = tmp_path / "main.py", tmp_path / "started"
    script.write_text(KILLED)
    started.mkdir()
    process = subprocess.Popen([sys.executable, script, started])
    wait_until(lambda: len(list(started.iterdir())) == 2)
    process.send_signal(number)
    process.wait()
    workers = [int(path.name) for path in started.iterdir()]
    assert len(workers) == 2
    wait_until(lambda: not any(psutil.pid_exists(worker) for worker in workers))


def wait_until(condition):
    for _ in range(400):
        if condition():
            return
        time.sleep(0.05)
    pytest.fail("20 seconds passed")
