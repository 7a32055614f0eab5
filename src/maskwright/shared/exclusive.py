"""Work that only one process may do at a time, such as training into a folder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO

from maskwright.shared.errors import MaskwrightError


@contextmanager
def only_here(lock: Path, what: str) -> Iterator[None]:
    """Hold a lock, which the system releases when the process ends, however it ends.

    Args:
        lock: the file that stands for the work. It exists while the work is done.
        what: what is done, as in "segmentation is training".

    Raises:
        MaskwrightError: another process is doing it.
    """
    with _locked(lock, what) as file:
        file.write(f"process {os.getpid()} since {datetime.now():%Y-%m-%d %H:%M}")
        file.flush()
        try:
            yield
        finally:
            # Before the release, so that nobody who got the lock loses the file.
            lock.unlink(missing_ok=True)


def _locked(lock: Path, what: str) -> IO[str]:
    while True:
        lock.parent.mkdir(parents=True, exist_ok=True)
        file = lock.open("a+", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with file:
                file.seek(0)
                whose = file.read() or "another process"
            raise MaskwrightError(f"{what} already ({whose}); wait for it, or stop it") from None
        if lock.exists() and os.path.samestat(os.fstat(file.fileno()), lock.stat()):
            file.truncate(0)
            return file
        file.close()  # who had the lock has deleted the file in between
