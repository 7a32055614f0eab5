from pathlib import Path

import keras
import numpy as np
import pytest

from maskwright.experiments.detection.learn import network as ssd
from maskwright.experiments.detection.learn.anchors import make_anchors
from maskwright.experiments.detection.learn.batches import BoxedImages, ordered_batches
from maskwright.experiments.detection.learn.losses import anchor_loss
from maskwright.experiments.detection.params import SOURCE, Detection
from maskwright.learning.common.saved import load_model, save_model
from maskwright.learning.single.training import optimizer
from maskwright.params import load_params
from maskwright.photos import pretrained
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.settings import Backbone

SHIPPED = Path(__file__).parents[4] / "params.yaml"


def sources_settings(**changes):
    """The section `detection` as shipped, with the source's settings and `changes`."""
    values = load_params(SHIPPED).section("detection").model_dump(mode="json")
    for key, value in {**SOURCE, **changes}.items():
        *parents, last = key.split(".")
        inner = values
        for parent in parents:
            inner = inner[parent]
        assert last in inner
        inner[last] = value
    return Detection.model_validate(values)


def test_the_sources_network_has_its_parameters_maps_and_anchors():
    model = ssd.build(sources_settings(), 4)
    # ResNet56v2: a stem of 3x3 to 16 filters with batch norm (4 for each filter), 9 * 3 * 16 + 16 + 64 = 512; three
    # stages of six bottlenecks, 4,896 + 5 * 4,832 = 29,056, 58,496 + 5 * 54,528 = 331,136 and 231,680 + 5 * 215,552
    # = 1,309,440; batch norm of 256, 1,024. Together 1,671,168.
    # Three further levels, 3x3 with batch norm: 256 to 64 filters, 147,776; to 128, 74,368; to 256, 296,192.
    # Heads on 256, 64, 128 and 256 filters: two of 3x3 to 16 each, 2 * (9 * 704 * 16 + 4 * 16) = 202,880.
    assert model.count_params() == 1_671_168 + 147_776 + 74_368 + 296_192 + 202_880 == 2_392_384
    maps = ssd.feature_maps(model)
    assert maps == [(30, 40), (15, 20), (8, 10), (4, 5)]
    assert len(make_anchors(maps, (480, 640), (0.2, 0.9)).boxes) == 6_400
    assert model.output_shape == (None, 6_400, 4 + 4)


@pytest.mark.parametrize("size", [(96, 128), (100, 75)])
def test_the_fast_network_has_an_output_for_each_anchor(size):
    model = ssd.fast(size, 3)
    anchors = make_anchors(ssd.feature_maps(model), size, (0.2, 0.9)).boxes
    assert len(ssd.feature_maps(model)) == 4
    assert model.output_shape == (None, len(anchors), 3 + 4)
    outputs = np.asarray(model(np.zeros((1, *size, 3), np.float32)))
    assert outputs.shape == (1, len(anchors), 7)
    assert outputs.dtype == np.float32


def test_the_fast_network_at_its_default_size():
    assert ssd.feature_maps(ssd.fast((96, 128), 4)) == [(12, 16), (6, 8), (3, 4), (2, 2)]


@pytest.mark.slow
def test_the_sources_settings_train_a_step():
    settings = sources_settings(size=[64, 96])
    keras.utils.set_random_seed(0)
    model = ssd.build(settings, 3)
    anchors = make_anchors(ssd.feature_maps(model), settings.size, settings.anchor_sizes)
    boxes = np.array([[10, 10, 40, 50], [5, 5, 30, 25], [50, 20, 90, 60], [0, 0, 96, 64]], np.float32)
    images = np.random.default_rng(0).integers(0, 256, (settings.batch_size, 64, 96, 3)).astype(np.uint8)
    data = BoxedImages(images, boxes, np.array([1, 2, 1, 2], np.int32), np.arange(5))
    ((batch, targets),) = ordered_batches(
        data, anchors, settings.batch_size, match_iou=settings.match_iou, offsets=settings.offsets
    )
    # Eagerly, since one step is faster than building its graph.
    model.compile(optimizer(settings, model, 250), anchor_loss(settings.loss), run_eagerly=True)
    before = [weight.numpy() for weight in model.trainable_weights]
    assert np.isfinite(model.train_on_batch(batch, targets))
    changed = [np.any(weight.numpy() != old) for weight, old in zip(model.trainable_weights, before, strict=True)]
    assert np.mean(changed) > 0.9


def test_an_output_belongs_to_its_anchor():
    model = ssd.fast((64, 64), 2)
    maps = ssd.feature_maps(model)
    anchors = make_anchors(maps, (64, 64), (0.2, 0.9)).boxes
    # A kernel that looks at its own position only, and passes on a feature that is 1 there and 0 elsewhere.
    head = model.get_layer("offsets_0")
    sub = keras.Model(head.input, model.get_layer("offsets_0").output)
    kernel = np.zeros(head.kernel.shape, np.float32)
    kernel[1, 1, 0] = np.arange(16)
    head.kernel.assign(kernel)
    feature = np.zeros((1, *head.input.shape[1:]), np.float32)
    feature[0, 2, 5, 0] = 1
    offsets = np.asarray(sub(feature)).reshape(-1, 4)
    number = (2 * maps[0][1] + 5) * 4
    assert offsets[number : number + 4].tolist() == np.arange(16).reshape(4, 4).tolist()
    assert not np.delete(offsets, np.s_[number : number + 4], axis=0).any()
    middle = (anchors[number : number + 4, :2] + anchors[number : number + 4, 2:]) / 2
    assert np.allclose(middle, [5.5 * 64 / maps[0][1], 2.5 * 64 / maps[0][0]])


def test_an_untrained_anchor_is_most_likely_background():
    keras.utils.set_random_seed(0)
    model = ssd.fast((64, 64), 4)
    logits = np.asarray(model(np.zeros((1, 64, 64, 3), np.float32)))[..., :4]
    head = model.get_layer("classes_0").bias.numpy().reshape(4, 4)
    shares = np.exp(head) / np.exp(head).sum(axis=1, keepdims=True)
    assert shares[:, 1:] == pytest.approx(np.full((4, 3), 0.01))
    assert (logits.argmax(axis=-1) == 0).mean() > 0.7


def test_attention_adds_its_weights():
    plain, with_attention = ssd.fast((64, 64), 2), ssd.fast((64, 64), 2, attention="spatial")
    assert with_attention.count_params() == plain.count_params() + 5 * 2 * 49


@pytest.mark.slow
def test_another_backbone():
    model = ssd.backbone_ssd(Backbone("MobileNetV2", None, 0), (96, 128), 3)
    assert ssd.feature_maps(model) == [(12, 16), (6, 8), (3, 4), (2, 2)]
    assert model.output_shape[-1] == 7


def test_a_pretrained_backbone_is_stored_with_the_detector(tmp_path, monkeypatch):
    # Sides that are no multiples of 32: 8 x 13 at 1/8, then half of it, rounded up.
    model = ssd.build(settings(size=(60, 100), backbone="lite0", weights="imagenet"), 3)
    assert ssd.feature_maps(model) == [(8, 13), (4, 7), (2, 4), (1, 2)]
    save_model(model, {}, tmp_path / "model")
    monkeypatch.setattr(pretrained, "find_spec", lambda name: None)
    loaded, _ = load_model(tmp_path / "model")
    image = np.random.default_rng(0).uniform(0, 255, (1, 60, 100, 3)).astype(np.float32)
    assert np.array_equal(loaded(image), model(image))


def test_survives_being_stored(tmp_path):
    model = ssd.fast((64, 96), 2)
    save_model(model, {}, tmp_path / "model")
    loaded, _ = load_model(tmp_path / "model")
    image = np.random.default_rng(0).uniform(0, 255, (1, 64, 96, 3)).astype(np.float32)
    assert np.array_equal(loaded(image), model(image))
    assert ssd.feature_maps(loaded) == ssd.feature_maps(model)


def settings(**changes):
    section = load_params(SHIPPED).section("detection")
    return section.model_validate({**section.model_dump(), **changes})


class TestBuild:
    @pytest.mark.parametrize(("precision", "compute"), [("float32", "float32"), ("bfloat16", "bfloat16")])
    def test_precision(self, precision, compute):
        model = ssd.build(settings(size=(32, 48), precision=precision), 3)
        convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
        heads = [layer for layer in convolutions if layer.name.startswith(("classes_", "offsets_"))]
        assert {layer.compute_dtype for layer in convolutions if layer not in heads} == {compute}
        assert {layer.compute_dtype for layer in heads} == {"float32"}
        assert keras.config.dtype_policy().name == "float32"

    def test_presets_and_backbones(self, monkeypatch):
        monkeypatch.setattr(ssd, "resnet56v2_ssd", lambda *arguments, **more: (*arguments, more))
        monkeypatch.setattr(ssd, "backbone_ssd", lambda *arguments, **more: (*arguments, more))
        found = ssd.build(settings(preset="resnet56v2-ssd", attention="cbam"), 4)
        assert found == ((96, 128), 4, {"attention": "cbam"})
        found = ssd.build(settings(backbone="VGG16", weights="imagenet"), 4)
        assert found == (Backbone("VGG16", "imagenet", 0), (96, 128), 4, {"attention": "none"})
        found = ssd.build(settings(preset="pretrained", frozen=3), 4)
        assert found == (Backbone("lite0", "imagenet", 3), (96, 128), 4, {"attention": "none"})

    def test_weights_belong_to_a_backbone(self):
        with pytest.raises(MaskwrightError, match=r"detection.weights: belongs to detection.backbone"):
            ssd.build(settings(weights="imagenet"), 4)

    def test_messages_name_the_section(self):
        with pytest.raises(MaskwrightError, match=r"^detection\.backbone: VGG is not one of: "):
            ssd.build(settings(backbone="VGG"), 4)
        with pytest.raises(MaskwrightError, match=r"^detection\.weights: none\.h5: no such file"):
            ssd.build(settings(backbone="VGG16", weights="none.h5"), 4)
