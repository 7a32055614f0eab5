"""A disk that is full, by the limit that the system sets for a file's size."""

import resource
from contextlib import contextmanager


@contextmanager
def no_file_beyond(size):
    """Let every write beyond so many bytes of a file fail, as it does on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
