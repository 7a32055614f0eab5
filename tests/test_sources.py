import sys

import pytest

from maskwright.sources import _closure, code_hash, defines


def test_finds_what_a_module_imports_without_importing_it():
    before = set(sys.modules)
    found = set(_closure("maskwright.experiments.xor", set()))
    assert {"maskwright.experiments.xor", "maskwright.nn.replicates", "maskwright.data.xor"} <= found
    assert {"maskwright.params", "maskwright.errors"} <= found
    assert not {name for name in found if "segmentation" in name}
    assert "maskwright.errors" not in _closure("maskwright.data.xor", set())
    assert not {name for name in set(sys.modules) - before if name.startswith("maskwright")}


def test_what_is_left_out_does_not_count():
    assert "maskwright.params" not in _closure("maskwright.experiments.xor", {"maskwright.params"})
    assert code_hash("maskwright.data.xor") != code_hash("maskwright.data.xor", ("maskwright.outputs",))


def test_imports_inside_functions_and_of_modules_by_name(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    text = "from maskwright import errors\ndef f():\n    import maskwright.outputs\n    import json, no_such_thing\n"
    (tmp_path / "closure_example.py").write_text(text)
    assert set(_closure("closure_example", set())) == {
        "closure_example",
        "maskwright",
        "maskwright.errors",
        "maskwright.outputs",
    }
    first = code_hash("closure_example")
    code_hash.cache_clear()
    assert code_hash("closure_example") == first
    (tmp_path / "closure_example.py").write_text(text + "# changed\n")
    code_hash.cache_clear()
    assert code_hash("closure_example") != first


def test_whether_a_module_has_a_function():
    assert defines("maskwright.experiments.xor", "trial")
    assert defines("maskwright.experiments.xor", "read_xor")
    assert not defines("maskwright.data.xor", "trial")
    with pytest.raises(ModuleNotFoundError, match=r"maskwright\.nothing"):
        defines("maskwright.nothing", "trial")
