"""A store that did not answer: the commands that follow do not wait for it again, for some minutes.

A pipeline has dozens of commands, each a process of its own, so the file `FILE` remembers it for them.
"""

import time
from contextlib import suppress
from pathlib import Path

from maskwright.tracking.locations import DATABASE, StoreUnavailable

FILE = Path(f"{DATABASE}.silent")
REST = 300.0
"""Seconds for which a silent store is not asked again."""


class NoAnswer(StoreUnavailable):
    """A store accepts connections, or none, and says nothing."""


def refuse_silent(root: Path, address: str) -> None:
    """Raise NoAnswer if this store gave no answer in the last `REST` seconds.

    Args:
        root: folder of the project.
        address: of the store, without name and password.
    """
    try:
        silent, age = (root / FILE).read_text(encoding="utf-8"), time.time() - (root / FILE).stat().st_mtime
    except (OSError, UnicodeDecodeError):
        return
    if silent == address and 0 <= age < REST:
        raise NoAnswer(
            f"{address}: gave no answer {age:.0f} s ago, and is asked again in {REST - age:.0f} s; "
            "to ask it now, run `maskwright sync`"
        )


def remember(root: Path, address: str) -> None:
    """Remember that this store gave no answer; where that cannot be written, each command waits."""
    with suppress(OSError):
        (root / FILE).write_text(address, encoding="utf-8")


def forget(root: Path) -> None:
    """Let any store be asked."""
    with suppress(OSError):
        (root / FILE).unlink(missing_ok=True)
