"""Imports without what is not needed."""

import gc
import subprocess
import sys

from maskwright.shared.lean import lean_imports

CODE = """if True:
    import gc, sys
    from maskwright.shared.lean import lean_imports

    with lean_imports():
        assert not gc.isenabled()
        import keras
    LARGE = ("matplotlib", "pandas", "scipy.stats", "sklearn")
    print([name for name in LARGE if name in sys.modules])
    print(gc.isenabled(), gc.get_freeze_count() > 100_000)
    with lean_imports():
        import matplotlib.pyplot, pandas, sklearn.cluster
    print(keras.Sequential([keras.layers.Dense(1)])(keras.ops.ones((2, 3))).shape)
"""


def test_keras_imports_nothing_that_is_not_needed_and_others_import_what_they_want():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", "True True", "(2, 1)"]


def test_nothing_is_left_behind():
    finders, collecting, frozen = list(sys.meta_path), gc.isenabled(), gc.get_freeze_count()
    with lean_imports():
        pass
    assert (sys.meta_path, gc.isenabled()) == (finders, collecting)
    # Without an import there is nothing to keep; garbage of tests would be kept with it.
    assert gc.get_freeze_count() <= frozen
