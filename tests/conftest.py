"""Profiles of hypothesis: `pytest --hypothesis-profile=long` looks a hundred times as long for what breaks.

And the order of the tests: those of the whole pipeline take longest, so that they begin first.
"""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("short", deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
settings.register_profile(
    "long",
    deadline=None,
    max_examples=10_000,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("short")

_FIRST = ("test_whole.py", "test_benchmarks.py", "test_training.py", "test_new_clone.py", "test_own_photographs.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take minutes, else one process works on them when all others have finished."""
    items.sort(key=lambda item: _place(item.path))


def _place(path: Path) -> int:
    return _FIRST.index(path.name) if path.parent.name == "pipeline" and path.name in _FIRST else len(_FIRST)
