"""Model folders that somebody else made: none runs code, reads another file, or ends in more than one line."""

import base64
import json
import marshal
import pickle
import shutil
import sys
from contextlib import suppress
from functools import reduce
from operator import getitem
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskwright.learning.common.saved import Facts, load_model, read_about, save_model
from maskwright.shared.errors import MaskwrightError
from support.refusals import refusal

KERNEL = "layers/conv2d/vars/0"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with the smallest network, never changed."""
    folder = tmp_path_factory.mktemp("made") / "model"
    inputs = keras.Input((8, 8, 3))
    save_model(keras.Model(inputs, keras.layers.Conv2D(2, 1, name="c")(inputs)), {"classes": ["a"]}, folder)
    return folder


@pytest.fixture
def folder(made, tmp_path):
    return Path(shutil.copytree(made, tmp_path / "model"))


class Order:
    """What is unpickled as an order to write a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def hostile(marker):
    """Return layers, each of which would leave the file `marker` if it were obeyed, and what is said of them."""
    source = f"lambda x: __import__('pathlib').Path({str(marker)!r}).touch() or x"
    function = marshal.dumps(compile(source, "hostile", "eval").co_consts[0])
    bytecode = {
        "class_name": "__lambda__",
        "config": {"code": base64.b64encode(function).decode(), "defaults": None, "closure": None},
    }
    touch = f"touch '{marker}'"

    def layer(module, name, /, **config):
        return {"module": module, "class_name": name, "registered_name": None, "config": {"name": "c", **config}}

    def function_of(module, name):
        return {"module": module, "class_name": "function", "config": name, "registered_name": "function"}

    inner = layer("keras.layers", "Lambda", function=bytecode)
    pickled = base64.b64encode(pickle.dumps(Order(marker))).decode()
    convolution = {"filters": 2, "kernel_size": [1, 1]}
    return {
        "lambda": inner,
        "lambda, named": layer(
            "keras.layers", "Lambda", function=function_of("os", "system"), arguments={"command": touch}
        ),
        "lambda, within": layer("keras.layers", "TimeDistributed", layer=inner),
        "a class of the system": {**layer("os", "system"), "config": {"command": touch}},
        "a process": {**layer("subprocess", "Popen"), "config": {"args": ["touch", str(marker)]}},
        "a function of ours": {
            **layer("maskwright.shared.outputs", "write_json"),
            "config": {"path": str(marker), "value": 1},
        },
        "initialiser": layer("keras.layers", "Conv2D", **convolution, kernel_initializer=bytecode),
        "initialiser, named": layer(
            "keras.layers", "Conv2D", **convolution, kernel_initializer=function_of("os", "system")
        ),
        "activation": layer("keras.layers", "Conv2D", **convolution, activation=function_of("builtins", "exec")),
        "download": layer("keras.layers", "Conv2D", **convolution, activation=function_of("keras.utils", "get_file")),
        "pickle": layer(
            "keras.layers", "TorchModuleWrapper", module={"class_name": "__bytes__", "config": {"value": pickled}}
        ),
        "SavedModel": layer("keras.layers", "TFSMLayer", filepath=str(marker.parent)),
        "JAX": layer("keras.layers", "JaxLayer", call_fn=bytecode),
        "a file's content": layer("keras.layers", "StringLookup", vocabulary="/etc/passwd"),
        "safety off": {**layer("keras.config", "enable_unsafe_deserialization"), "config": {}},
        "safety off, called": layer(
            "keras.layers",
            "Conv2D",
            **convolution,
            activation=function_of("keras.config", "enable_unsafe_deserialization"),
        ),
        "an own module": layer("left_here", "Layer"),
    }


@pytest.mark.parametrize("what", hostile(Path("x")))
def test_no_code_runs(folder, tmp_path, monkeypatch, what):
    marker = tmp_path / "marker"
    # A module that lies where Python finds modules, as in the folder that a command runs in.
    (tmp_path / "left_here.py").write_text(f"open({str(marker)!r}, 'w')\nclass Layer: pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    config = json.loads((folder / "config.json").read_text())
    config["config"]["layers"][1] |= hostile(marker)[what]
    (folder / "config.json").write_text(json.dumps(config))
    assert (refusal(load_model, folder) or "").startswith(f"{folder}: not a complete model (")
    assert not marker.exists()
    assert "left_here" not in sys.modules
    # Safe mode is still on.
    config["config"]["layers"][1] |= hostile(marker)["lambda"]
    (folder / "config.json").write_text(json.dumps(config))
    assert "Lambda" in (refusal(load_model, folder) or "")


def test_the_orders_above_would_be_obeyed(tmp_path):
    """What is refused is dangerous: without its safe mode, Keras runs the function that is in the file."""
    layer = hostile(tmp_path / "marker")["lambda"]
    layer["config"]["output_shape"] = [1]
    keras.saving.deserialize_keras_object(layer, safe_mode=False)(np.zeros((1, 1), np.float32))
    assert (tmp_path / "marker").exists()
    pickle.loads(pickle.dumps(Order(tmp_path / "other")))
    assert (tmp_path / "other").exists()


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "9" * 5000, "\x00", '"\\ud800"', "NaN"])
@pytest.mark.parametrize("name", ["config.json", "about.json"])
def test_json_that_nobody_writes(folder, name, text):
    (folder / name).write_text(text)
    message = refusal(load_model, folder)
    expected = f"{folder}: not a complete model (" if name == "config.json" else f"{folder / name}: damaged; train"
    assert message is not None
    assert message.startswith(expected)
    assert len(message) < 300 + len(str(folder))


def test_layers_within_layers(folder):
    config = json.loads((folder / "config.json").read_text())
    inner = {**config["config"]["layers"][1]}
    for _ in range(300):
        outer = {"module": "keras.layers", "class_name": "TimeDistributed", "registered_name": None}
        inner = {**outer, "config": {"name": "c", "layer": inner}}
    config["config"]["layers"][1] |= inner
    (folder / "config.json").write_text(json.dumps(config))
    assert (refusal(load_model, folder) or "").startswith(f"{folder}: not a complete model (")


WAYS = ("external", "link", "virtual", "bomb", "circle", "texts", "group", "other_shape")


class TestWeights:
    @pytest.fixture
    def other(self, tmp_path):
        """A file of somebody who runs the command, which a model must not show to whom it came from."""
        with h5py.File(tmp_path / "other.h5", "w") as file:
            file["x"] = np.ones((1, 1, 3, 2), np.float32)
        (tmp_path / "raw").write_bytes(np.ones(6, np.float32).tobytes())
        return tmp_path / "other.h5"

    def external(self, file, other):
        file.create_dataset(KERNEL, (1, 1, 3, 2), "f4", external=[(str(other.with_name("raw")), 0, 24)])

    def link(self, file, other):
        file[KERNEL] = h5py.ExternalLink(str(other), "/x")

    def virtual(self, file, other):
        layout = h5py.VirtualLayout((1, 1, 3, 2), "f4")
        layout[:] = h5py.VirtualSource(str(other), "x", (1, 1, 3, 2))
        file.create_virtual_dataset(KERNEL, layout)

    def bomb(self, file, other):
        file.create_dataset(KERNEL, (10**10,), "f4", chunks=(10**6,), fillvalue=1)

    def circle(self, file, other):
        file[KERNEL] = h5py.SoftLink(f"/{KERNEL}")

    def texts(self, file, other):
        file.create_dataset(KERNEL, (1, 1, 3, 2), dtype=h5py.string_dtype())

    def group(self, file, other):
        file.create_group(KERNEL)

    def other_shape(self, file, other):
        file[KERNEL] = np.ones((1, 1, 3, 3), np.float32)

    @pytest.mark.parametrize("what", WAYS)
    def test_weights_that_are_not_the_models_own(self, folder, other, what):
        with h5py.File(folder / "model.weights.h5", "r+") as file:
            del file[KERNEL]
            getattr(self, what)(file, other)
        assert (refusal(load_model, folder) or "").startswith(f"{folder}: not a complete model (")


def test_facts_that_are_missing_or_of_another_kind(folder):
    class Needed(Facts):
        classes: list[str]
        seeds: int

    for about, wrong in (
        ({}, "classes, seeds"),
        ({"classes": 5, "seeds": 1}, "classes"),
        ({"classes": ["a"], "seeds": "1"}, "seeds"),
        ({"classes": [1], "seeds": None}, "classes, seeds"),
    ):
        (folder / "about.json").write_text(json.dumps(about))
        with pytest.raises(MaskwrightError) as caught:
            load_model(folder, Needed)
        assert str(caught.value) == (
            f"{folder / 'about.json'}: {wrong}: missing, or not what it should be; train the model again"
        )
    (folder / "about.json").write_text('{"classes": ["a"], "seeds": 2, "more": 3}')
    _, facts = load_model(folder, Needed)
    assert (facts.classes, facts.seeds) == (["a"], 2)


VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-2, 9)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(
        ["keras.layers", "Lambda", "Dense", "function", "__tuple__", "__numpy__", "float16", "relu", "os"]
    )
)
JSON = st.recursive(
    VALUES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)


def places(value, here=()):
    """Every place in a JSON document, as a path."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*here, key)
        yield from places(inner, (*here, key))


@given(st.data())
def test_any_change_of_the_architecture_is_loaded_or_refused_in_one_line(made, tmp_path, data):
    config = json.loads((made / "config.json").read_text())
    for *outer, key in data.draw(st.lists(st.sampled_from(list(places(config))), min_size=1, max_size=3)):
        value = data.draw(JSON)
        # An earlier change may have taken the place away.
        with suppress(KeyError, IndexError, TypeError):
            reduce(getitem, outer, config)[key] = value
    folder = Path(shutil.copytree(made, tmp_path / "model", dirs_exist_ok=True))
    (folder / "config.json").write_text(json.dumps(config))
    message = refusal(load_model, folder)
    assert message is None or message.startswith(f"{folder}: not a complete model (")


@given(st.data())
def test_any_damage_to_the_weights_is_loaded_or_refused_in_one_line(made, tmp_path, data):
    content = bytearray((made / "model.weights.h5").read_bytes())
    for at, byte in data.draw(st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), max_size=8)):
        content[at] = byte
    end = data.draw(st.just(len(content)) | st.integers(0, len(content)))
    # A new file each time: h5py may keep a damaged one open.
    folder = Path(shutil.copytree(made, tmp_path / str(len(list(tmp_path.iterdir())))))
    (folder / "model.weights.h5").write_bytes(content[:end])
    message = refusal(load_model, folder)
    assert message is None or message.startswith(f"{folder}: not a complete model (")


@given(JSON)
def test_any_facts_are_a_mapping_or_refused_in_one_line(made, tmp_path, about):
    folder = Path(shutil.copytree(made, tmp_path / "model", dirs_exist_ok=True))
    (folder / "about.json").write_text(json.dumps(about))
    message = refusal(read_about, folder)
    assert message == (
        None if isinstance(about, dict) else f"{folder / 'about.json'}: damaged; train the model again"
    )
