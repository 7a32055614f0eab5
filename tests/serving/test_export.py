"""Exported models in their runtimes, by the example that is written beside them."""

import importlib.util
import json
import re
import sys

import keras
import numpy as np
import pytest
from PIL import Image

from maskwright.catalogue import EXPERIMENTS
from maskwright.experiments.detection.params import Nms
from maskwright.experiments.detection.report.inference import Scheme
from maskwright.experiments.detection.serve import as_served as detections_of
from maskwright.experiments.instances.params import Grouping
from maskwright.experiments.instances.report.inference import InstancesFacts
from maskwright.experiments.instances.serve import as_served as objects_of
from maskwright.experiments.segmentation.serve import as_served as masks_of
from maskwright.learning.common.layers import CropLike, DepthToSpace, PadToStride, PyramidPooling
from maskwright.photos.objects import read_objects
from maskwright.serving.export import FORMATS, check_export, export, in_float32
from maskwright.shared.errors import MaskwrightError
from support import centres_model
from support.tiny_detection import small_network, tiny_settings

CLASSES = ["background", "cup", "can"]
NEEDED = {"onnx": ["tf2onnx", "onnxruntime"], "litert": ["ai_edge_litert"], "openvino": ["openvino"]}
SIZES = [(32, 48), (61, 40), (7, 90)]


def photographs():
    rng = np.random.default_rng(0)
    coarse = [Image.fromarray(rng.integers(0, 256, (5, 4, 3), np.uint8)) for _ in SIZES]
    pairs = zip(coarse, SIZES, strict=True)
    noise = [np.asarray(image.resize(size[::-1], Image.Resampling.BICUBIC)) for image, size in pairs]
    return [*noise, centres_model.scene()[2].repeat(3, axis=0).repeat(2, axis=1)]  # objects, for `instances`


def segmentation():
    """A network of all own layers of the default one, in bfloat16, as it may have been trained."""
    keras.utils.set_random_seed(0)
    image = keras.Input((None, None, 3), name="image")
    x = keras.layers.Rescaling(1 / 127.5, offset=-1)(PadToStride(8)(image))
    x = keras.layers.Conv2D(6, 4, 4, dtype="mixed_bfloat16")(x)
    x = keras.layers.Conv2D(16 * 3, 1, dtype="mixed_bfloat16")(PyramidPooling(4, dtype="mixed_bfloat16")(x))
    x = CropLike(dtype="float32")([DepthToSpace(4, dtype="float32")(x), image])
    return masks_of(keras.Model(image, x, name="own_layers"), (30, 44))


def detection():
    keras.utils.set_random_seed(1)
    network = small_network(tiny_settings(), 3)
    scheme = Scheme((32, 48), (0.2, 0.9), "normalised")
    return detections_of(network, scheme, Nms(kind="soft", most=6), 0.01)


def instances():
    """A network that reads objects off the colours, at `centres_model.SIZE`, which is the first of `SIZES`."""
    about = InstancesFacts(
        network="colours",
        classes=centres_model.CLASSES,
        size=centres_model.SIZE,
        stuff=[],
        grouping=Grouping(least_pixels=3, window=5),
    )
    return objects_of(centres_model.centres_model(), about)


def objects_at_random():
    """A picture of random classes, centres and offsets, in which many distances and many scores are the same.

    Nothing is rounded on the way to them, so each runtime must break the ties alike.
    """
    rng = np.random.default_rng(0)
    image = rng.integers(108, 149, (*SIZES[0], 3), np.uint8)
    image[..., 0] = rng.choice(centres_model.RED[::2], SIZES[0])  # the probability of the class is 1 to the last bit
    return image


def module_of(path):
    spec = importlib.util.spec_from_file_location("example", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.parametrize("chosen", FORMATS)
@pytest.mark.parametrize("name", ["segmentation", "detection", "instances"])
def test_it_says_the_same_as_the_keras_model(tmp_path, monkeypatch, capsys, name, chosen):
    for module in NEEDED.get(chosen, []):
        pytest.importorskip(module)
    model = {"segmentation": segmentation, "detection": detection, "instances": instances}[name]()
    shows = EXPERIMENTS[name].shows()
    out = tmp_path / "out"
    export(model, chosen, out, name=name, classes=CLASSES, shows=shows)
    expected = [np.asarray(model(image[None])) for image in photographs()]  # in float32 now, too
    example = module_of(out / "example.py")
    predict = example.load(out / FORMATS[chosen].file)
    for image, ours in zip(photographs(), expected, strict=True):
        theirs = predict(image[None])
        assert theirs.shape == ours.shape
        assert theirs.dtype == ours.dtype
        if name != "detection":
            assert (theirs == ours).mean() > 0.999  # a tie may be rounded to either side
        else:
            np.testing.assert_allclose(theirs, ours, atol=1e-2)
    assert len({value for masks in expected for value in np.unique(masks)}) > 2
    about = json.loads((out / "model.json").read_text())
    assert about["classes"] == CLASSES
    assert about["input"]["shape"] == [1 if chosen == "litert" else None, None, None, 3]
    # As a person would run it, in a folder of their own.
    Image.fromarray(photographs()[1]).save(tmp_path / "a.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["example.py", "a.png"])
    capsys.readouterr()
    example.main()
    pictures = {"segmentation": "a_mask.png", "detection": "a_boxes.png", "instances": "a_mask.png"}
    written = Image.open(tmp_path / pictures[name])
    assert written.size == SIZES[1][::-1]
    told = capsys.readouterr().out
    if name == "segmentation":
        np.testing.assert_array_equal(np.asarray(written), expected[1][0])
        shares = [float(share) for share in re.findall(r"([\d.]+)%", told)]
        assert sum(shares) == pytest.approx(100, abs=0.2)
    elif name == "instances":
        np.testing.assert_array_equal(np.asarray(written), expected[1][0, ..., 0])
    else:
        assert told.count("a: c") == np.count_nonzero(expected[1][0, :, 5])


@pytest.mark.slow
@pytest.mark.parametrize("chosen", FORMATS)
def test_objects_are_numbered_as_by_the_keras_model(tmp_path, monkeypatch, capsys, chosen):
    """Exactly, where the photograph has the network's size, so that it is not interpolated."""
    for module in NEEDED.get(chosen, []):
        pytest.importorskip(module)
    shows = EXPERIMENTS["instances"].shows()
    model, three = instances(), centres_model.scene()[2]
    export(model, chosen, tmp_path / "out", name="instances", classes=CLASSES, shows=shows)
    example = module_of(tmp_path / "out/example.py")
    predict = example.load(tmp_path / "out" / FORMATS[chosen].file)
    images = np.stack([three, objects_at_random(), np.zeros_like(three)])
    expected = np.asarray(model(images))
    assert [ours[..., 1].max() for ours in expected] == [3, 25, 0]
    theirs = np.concatenate([predict(image[None]) for image in images])
    if FORMATS[chosen].batch is None:
        np.testing.assert_array_equal(predict(images), theirs)
    np.testing.assert_array_equal(theirs[..., 0], expected[..., 0])
    if chosen == "openvino":  # the same objects, but those of equal scores in another order
        np.testing.assert_array_equal(theirs[[0, 2]], expected[[0, 2]])
        assert len({*zip(theirs[1, ..., 1].flat, expected[1, ..., 1].flat, strict=True)}) == 26
    else:
        np.testing.assert_array_equal(theirs, expected)
    Image.fromarray(three).save(tmp_path / "a.png")
    Image.fromarray(images[2]).save(tmp_path / "b.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["example.py", "a.png", "b.png"])
    capsys.readouterr()
    example.main()
    assert capsys.readouterr().out.splitlines() == [
        "a: 3 objects",
        "a: 1 can, 187 pixels, at 34 8 45 25",
        "a: 2 cup, 187 pixels, at 4 8 15 25",
        "a: 3 cup, 187 pixels, at 15 8 26 25",
        "b: 0 objects",
    ]
    for stem, ours in (("a", expected[0]), ("b", expected[2])):
        np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / f"{stem}_mask.png")), ours[..., 0])
        np.testing.assert_array_equal(read_objects(tmp_path / f"{stem}_objects.png"), ours[..., 1])


def test_bfloat16_becomes_float32():
    model = segmentation()
    policies = {layer.compute_dtype for layer in model._flatten_layers()}
    assert "bfloat16" in policies
    in_float32(model)
    assert {layer.compute_dtype for layer in model._flatten_layers()} == {"float32"}


@pytest.mark.parametrize("name", ["segmentation", "detection", "instances"])
@pytest.mark.parametrize("chosen", FORMATS)
def test_the_example_needs_nothing_of_this_project(name, chosen):
    from maskwright.serving.export import example

    text = example(chosen, name, EXPERIMENTS[name].shows())
    compile(text, "example.py", "exec")
    found = set(re.findall(r"^\s*(?:import|from) (\w+)", text, re.MULTILINE))
    runtime = {"onnx": "onnxruntime", "litert": "ai_edge_litert", "savedmodel": "tensorflow", "openvino": "openvino"}
    assert found == {"json", "sys", "collections", "pathlib", "numpy", "PIL", runtime[chosen]}
    assert f"pip install numpy pillow {FORMATS[chosen].runtime}\n" in text


def test_a_missing_package_is_named_with_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr("maskwright.serving.export.find_spec", lambda name: None)
    for chosen, part in (("onnx", "needs tf2onnx and onnx; run `"), ("openvino", "needs openvino; run `")):
        with pytest.raises(MaskwrightError) as caught:
            check_export(chosen, tmp_path / "new")
        assert part in str(caught.value)
        assert '-e ".[export]"`' in str(caught.value)
        assert "\n" not in str(caught.value)
    check_export("litert", tmp_path / "new")  # needs nothing more
    assert not (tmp_path / "new").exists()


def test_only_an_earlier_export_is_replaced(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/model.json").write_text("{}")
    with pytest.raises(MaskwrightError, match="no earlier export"):
        check_export("litert", tmp_path / "mine")
    (tmp_path / "mine/example.py").write_text("")
    check_export("litert", tmp_path / "mine")
