import keras
import numpy as np
import pytest

from maskwright.boxes import Found
from maskwright.nn.anchors import encode, make_anchors
from maskwright.nn.detector import Scheme, as_served, detect_objects, detector, found_in
from maskwright.nn.nms import Detections
from maskwright.params import Nms

SIZE = (32, 64)
SCHEME = Scheme(SIZE, (0.25, 0.5), "normalised")
HARD, SOFT = Nms(most=5), Nms(kind="soft", most=5)


@keras.saving.register_keras_serializable("tests")
class Fixed(keras.layers.Layer):
    """Says of every image the same, brighter ones with more certainty."""

    def __init__(self, outputs, **kwargs):
        super().__init__(**kwargs)
        self.outputs = np.asarray(outputs, np.float32)

    def call(self, image):
        bright = keras.ops.mean(image, axis=(1, 2, 3))[:, None, None] / 100
        return bright * self.outputs[None]

    def compute_output_shape(self, shape):
        return (shape[0], *self.outputs.shape)


def network():
    """One level of 1 x 2: the first anchor sees a dog in its place, the second one the same dog, less surely."""
    boxes = make_anchors([(1, 2)], SIZE, (0.25, 0.5)).boxes
    outputs = np.zeros((8, 3 + 4), np.float32)
    outputs[:, 0] = 9
    outputs[0, :3] = [0, 0, 3]
    outputs[4, :3] = [0, 0, 2]
    outputs[4, 3:] = encode(boxes[0], boxes[4], "normalised")
    image = keras.Input((*SIZE, 3))
    marker = keras.layers.Conv2D(16, 1, name="offsets_0")(keras.layers.AveragePooling2D((32, 32))(image))
    fixed = Fixed(outputs)(image)
    zero = keras.ops.sum(marker, axis=(1, 2, 3))[:, None, None] * 0
    return keras.Model(image, fixed + zero), boxes


def images():
    """Of 100 as brightness, so that the logits are those above; the second is twice as large."""
    return [np.full((32, 64, 3), 100, np.uint8), np.full((64, 128, 3), 100, np.uint8)]


def test_finds_in_each_photographs_own_pixels_with_each_kind_of_nms():
    model, boxes = network()
    run = detector(model, SCHEME, [HARD, SOFT])
    (hard, soft), (hard_large, _) = detect_objects(run, iter(images()), SIZE)
    shares = [np.exp(3) / (np.exp(3) + 2), np.exp(2) / (np.exp(2) + 2)]
    # The background's own anchors say 9 against 0: below the least score.
    dogs = hard.classes == 2
    assert hard.scores[dogs] == pytest.approx([shares[0]], rel=1e-5)
    assert hard.boxes[dogs] == pytest.approx(boxes[:1], abs=1e-3)
    assert hard_large.boxes[dogs] == pytest.approx(boxes[:1] * 2, abs=1e-3)
    assert soft.scores[soft.classes == 2] == pytest.approx([shares[0], shares[1] * np.exp(-2)], rel=1e-4)


def test_the_least_score():
    model, _ = network()
    run = detector(model, SCHEME, [HARD], 0.5)
    ((found,),) = detect_objects(run, images()[:1], SIZE)
    assert found.classes.tolist() == [2]


def test_batches_do_not_matter():
    model, _ = network()
    run = detector(model, SCHEME, [HARD])
    one_by_one = [found for (found,) in detect_objects(run, images() * 3, SIZE, batch_size=1)]
    together = [found for (found,) in detect_objects(run, images() * 3, SIZE, batch_size=4)]
    assert len(one_by_one) == 6
    for one, other in zip(one_by_one, together, strict=True):
        for a, b in zip(one, other, strict=True):
            assert np.allclose(a, b, atol=1e-4)


def test_boxes_are_cut_off_at_the_border_and_vanish_beyond_it():
    detections = Detections(
        np.array([[[-5, 2, 10, 40], [64, 0, 70, 9], [0, 0, 0, 0]]], np.float32),
        np.array([[0.9, 0.8, 0]], np.float32),
        np.array([[1, 1, 0]], np.int32),
    )
    found = found_in(detections, 0, SIZE, (64, 64))
    assert isinstance(found, Found)
    assert found.boxes.tolist() == [[0, 4, 10, 64]]
    assert found.scores.tolist() == [pytest.approx(0.9)]


def test_the_served_model_finds_the_same():
    model, _ = network()
    served = as_served(model, SCHEME, HARD, 0.5)
    assert len(served.inputs) == len(served.outputs) == 1
    assert served.output_shape == (None, 5, 6)
    run = detector(model, SCHEME, [HARD], 0.5)
    for image in images():
        ((found,),) = detect_objects(run, [image], SIZE)
        rows = np.asarray(served(image[None]))[0]
        count = len(found.boxes)
        assert count == 1
        assert rows[:count, :4] == pytest.approx(found.boxes, abs=1e-3)
        assert rows[:count, 4] == pytest.approx(found.scores, abs=1e-6)
        assert rows[:count, 5].tolist() == found.classes.tolist()
        assert not rows[count:].any()
