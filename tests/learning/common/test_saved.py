import json
from pathlib import Path

import keras
import numpy as np
import pytest

from maskwright.experiments.segmentation.learn import network as fcn
from maskwright.experiments.segmentation.learn.losses import SegmentationLoss
from maskwright.learning.common.saved import load_model, read_about, save_model
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.settings import Backbone
from support.full_disk import no_file_beyond

ABOUT = {"classes": ["background", "größe"], "size": [32, 48]}


@pytest.fixture(scope="module")
def fast() -> keras.Model:
    return fcn.fast(3)


@pytest.fixture
def folder(fast: keras.Model, tmp_path: Path) -> Path:
    save_model(fast, ABOUT, tmp_path / "segmentation")
    return tmp_path / "segmentation"


def image(height: int = 33, width: int = 47) -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 255, (1, height, width, 3)).astype(np.float32)


def test_round_trip(fast: keras.Model, folder: Path):
    assert sorted(file.name for file in folder.iterdir()) == ["about.json", "config.json", "model.weights.h5"]
    model, about = load_model(folder)
    assert about == ABOUT == read_about(folder)
    assert model.name == "fast"
    np.testing.assert_array_equal(np.asarray(model(image())), np.asarray(fast(image())))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["MobileNetV2", "EfficientNetV2B0", "VGG16"])
def test_application_models_survive_with_their_preprocessing(name: str, tmp_path: Path):
    # Between them: values scaled by operations, by layers inside, and means taken off with the channels turned round.
    network = fcn.backbone_fcn(Backbone(name, None, 0), 3)
    save_model(network, ABOUT, tmp_path / "m")
    model, _ = load_model(tmp_path / "m")
    np.testing.assert_array_equal(np.asarray(model(image(32, 32))), np.asarray(network(image(32, 32))))


def test_bfloat16_survives(tmp_path: Path):
    inputs = keras.Input((None, None, 3))
    hidden = keras.layers.Conv2D(4, 3, dtype="mixed_bfloat16")(inputs)
    network = keras.Model(inputs, keras.layers.Conv2D(2, 1, dtype="float32")(hidden))
    save_model(network, ABOUT, tmp_path / "m")
    model, _ = load_model(tmp_path / "m")
    assert model.layers[1].compute_dtype == "bfloat16"
    np.testing.assert_array_equal(np.asarray(model(image())), np.asarray(network(image())))


def test_equal_models_are_equal_files_however_they_were_trained(folder: Path, tmp_path: Path):
    again, _ = load_model(folder)
    again.compile("adam", SegmentationLoss("focal"))
    again.optimizer.build(again.trainable_variables)
    save_model(again, ABOUT, tmp_path / "again")
    for file in folder.iterdir():
        assert file.read_bytes() == (tmp_path / "again" / file.name).read_bytes(), file.name


def test_a_model_that_is_there_is_replaced(fast: keras.Model, folder: Path):
    (folder / "stale").write_text("")
    save_model(fast, {"classes": []}, folder)
    assert not (folder / "stale").exists()
    assert read_about(folder) == {"classes": []}


class TestProblems:
    def error(self, folder: Path) -> str:
        with pytest.raises(MaskwrightError) as caught:
            load_model(folder)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    def test_no_model(self, tmp_path: Path):
        expected = "no trained model; run `maskwright train segmentation` first"
        assert self.error(tmp_path / "segmentation") == f"{tmp_path / 'segmentation'}: {expected}"

    def test_damaged_facts(self, folder: Path):
        (folder / "about.json").write_text("{")
        assert self.error(folder) == f"{folder / 'about.json'}: damaged; train the model again"

    @pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"class_name": "Nothing", "config": {}}'])
    def test_damaged_architecture(self, folder: Path, text: str):
        (folder / "config.json").write_text(text)
        assert self.error(folder).startswith(f"{folder}: not a complete model (")

    @pytest.mark.parametrize("missing", ["config.json", "model.weights.h5"])
    def test_a_missing_file(self, folder: Path, missing: str):
        (folder / missing).unlink()
        assert self.error(folder).startswith(f"{folder}: not a complete model (")

    def test_damaged_weights(self, folder: Path):
        path = folder / "model.weights.h5"
        path.write_bytes(path.read_bytes()[:5000])
        assert self.error(folder).startswith(f"{folder}: not a complete model (")

    def test_weights_of_another_model(self, folder: Path, tmp_path: Path):
        inputs = keras.Input((None, None, 3))
        save_model(keras.Model(inputs, keras.layers.Conv2D(2, 1)(inputs)), ABOUT, tmp_path / "other")
        (tmp_path / "other" / "model.weights.h5").replace(folder / "model.weights.h5")
        assert self.error(folder).startswith(f"{folder}: not a complete model (")

    def test_a_layer_that_the_weights_lack(self, tmp_path: Path):
        inputs = keras.Input((None, None, 3))
        save_model(keras.Model(inputs, keras.layers.Conv2D(3, 1, name="a")(inputs)), ABOUT, tmp_path / "m")
        deeper = keras.layers.Conv2D(3, 1, name="b")(keras.layers.Conv2D(3, 1, name="a")(inputs))
        (tmp_path / "m" / "config.json").write_text(json.dumps(json.loads(keras.Model(inputs, deeper).to_json())))
        assert self.error(tmp_path / "m").startswith(f"{tmp_path / 'm'}: not a complete model (")


def test_a_disk_that_is_full_is_one_line_and_the_old_model_stays(folder: Path):
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    # The fast network has over 50,000 weights of four bytes.
    with (
        pytest.raises(MaskwrightError, match=rf"^{folder.parent}: no room for \d+ MB \(.+\); free some"),
        no_file_beyond(100_000),
    ):
        save_model(fcn.fast(3), {}, folder)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
