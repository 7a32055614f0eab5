"""Load TensorFlow quickly, and without its libraries' messages about this computer."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from maskwright.shared.lean import lean_imports

_QUIET = "3"
"""The level at which TensorFlow says nothing but errors that end it."""


@contextmanager
def no_chatter() -> Iterator[None]:
    """Keep the standard error of C libraries quiet, unless TF_CPP_MIN_LOG_LEVEL asks for more; see `lean_imports`.

    TensorFlow's libraries write a dozen lines as they load, straight to the file descriptor. TF_CPP_MIN_LOG_LEVEL=0
    shows them, for example to find out why a GPU is not used. An exception's traceback is printed after this, so none
    is lost.
    """
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL", "") not in ("", _QUIET):  # which is what an earlier call here has set
        with lean_imports():
            yield
        return
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = _QUIET
    sys.stderr.flush()
    stderr = os.dup(2)
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        with lean_imports():
            yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
