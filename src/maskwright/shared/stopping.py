"""Being told to stop: `kill`, a closed terminal and a batch system clean up in the same way as Ctrl-C."""

import signal
from typing import Any, NoReturn


class Stopped(KeyboardInterrupt):
    """A signal told this process to stop. Whatever cleans up after Ctrl-C cleans up after this, too."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def stop_as_by_ctrl_c() -> None:
    """Raise `Stopped` in the main thread for SIGTERM and SIGHUP. What the caller ignores, as nohup does, stays so."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _stop)


def exit_code(interrupt: KeyboardInterrupt) -> int:
    """Return the code that a shell gives a process that ended so: 128 and the number of the signal."""
    return 128 + (interrupt.number if isinstance(interrupt, Stopped) else signal.SIGINT)


def _stop(number: int, frame: Any) -> NoReturn:
    raise Stopped(number)
