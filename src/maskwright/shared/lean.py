"""Importing large libraries without what nothing here needs, which is half of the time."""

import gc
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

_ABSENT = frozenset({"matplotlib", "pandas", "sklearn"})
"""What Keras and TensorFlow import where they find it, for features that nothing here uses."""

_IMPORTERS = frozenset({"keras", "tensorflow"})


@contextmanager
def lean_imports() -> Iterator[None]:
    """Halve the time that imports of Keras take in this block.

    - Keras finds no matplotlib, pandas and scikit-learn, so it draws no galleries, takes no data frames and offers no
      estimators. Whatever else imports these libraries, also in this block, gets them.
    - Python does not look for garbage among what is imported, neither now nor later.
    """
    collecting, known = gc.isenabled(), len(sys.modules)
    gc.disable()
    finder = _Absent()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        if len(sys.modules) > known:
            gc.freeze()
        if collecting:
            gc.enable()


class _Absent(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None, /
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] in _ABSENT and _importer().partition(".")[0] in _IMPORTERS:
            raise ModuleNotFoundError(f"{fullname} is not needed", name=fullname)
        return None


def _importer() -> str:
    """Return the name of the module whose import statement is being run."""
    frame = sys._getframe(2)
    while frame is not None and frame.f_globals.get("__name__", "").startswith("importlib."):
        frame = frame.f_back
    return "" if frame is None else frame.f_globals.get("__name__", "")
