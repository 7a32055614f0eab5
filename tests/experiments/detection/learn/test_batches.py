import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from maskwright.experiments.detection.learn.anchors import make_anchors
from maskwright.experiments.detection.learn.batches import (
    BoxedImages,
    augment_boxed,
    boxed_batches,
    load_boxed_images,
    ordered_batches,
    read_boxes,
    training_boxes,
)
from maskwright.experiments.detection.learn.boxes import UNKNOWN
from maskwright.photos.augment import NUMBERS
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.settings import Augmentation
from support.tiny_detection import tiny_settings

NEUTRAL = [0.9, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]
"""Numbers that change nothing: no mirror, and the middle of every range."""


def split(folder, images, annotations):
    """Write the index and the boxes of a split, whose photographs lie beside its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    listed = [{"id": i, "file_name": "?", "height": h, "width": w, **more} for i, (h, w, more) in images.items()]
    rows = [{"image_id": i, "category_id": c, "bbox": box} for i, c, box in annotations]
    (folder / "boxes.coco.json").write_text(json.dumps({"images": listed, "annotations": rows}))
    (folder / "index.csv").write_text("".join(["image,mask\n", *(f"../photos/{i}.png,\n" for i in images)]))
    return folder


def test_only_so_many_images_are_trained_on_and_never_more_than_there_are(tmp_path):
    split(tmp_path / "train", {number: (4, 4, {}) for number in (3, 1, 2)}, [(1, 1, [0, 0, 2, 2])])

    def names(**changes):
        return [example.image.name for example in training_boxes(tiny_settings(**changes), tmp_path)]

    assert names() == names(images=3) == ["3.png", "1.png", "2.png"]
    drawn = [tuple(names(images=2, seed=seed)) for seed in range(20)]
    # Two of three in the index's order; another seed draws another pair.
    assert set(drawn) == {("3.png", "1.png"), ("3.png", "2.png"), ("1.png", "2.png")}
    assert names(images=2, seed=4) == list(drawn[4])
    with pytest.raises(MaskwrightError, match=r"^detection\.images: 4 are wanted, and .*train has 3; lower it$"):
        training_boxes(tiny_settings(images=4), tmp_path)


def moved(box, numbers, strength, label=1, size=(40, 60)):
    """Return where `augment_boxed` puts one box of one image, and its class."""
    images = np.zeros((1, *size, 3), np.uint8)
    boxes, classes = np.array([[box]], np.float32), np.array([[label]], np.int32)
    _, new, labels = augment_boxed(images, boxes, classes, tf.constant([numbers], tf.float32), strength)
    return new.numpy()[0, 0], int(labels.numpy()[0, 0])


def test_reads_boxes_by_image_and_marks_the_unlabelled(tmp_path):
    folder = split(
        tmp_path / "train",
        {7: (10, 20, {}), 3: (30, 40, {"unlabelled": [[1, 2, 3, 4]]})},
        [(3, 2, [5, 6, 10, 20]), (7, 1, [0, 0, 4, 5.5]), (3, 1, [1, 1, 1, 1])],
    )
    first, second = read_boxes(folder)
    assert (first.image, first.height, first.width) == (tmp_path / "photos/7.png", 10, 20)
    assert second.image.name == "3.png"
    assert first.truth.boxes.tolist() == [[0, 0, 4, 5.5]]
    assert second.truth.boxes.tolist() == [[5, 6, 15, 26], [1, 1, 2, 2], [1, 2, 4, 6]]
    assert second.truth.classes.tolist() == [2, 1, UNKNOWN]


def test_an_image_of_the_index_may_lie_anywhere(tmp_path):
    folder = split(tmp_path / "train", {1: (10, 20, {})}, [])
    (folder / "index.csv").write_text("image,mask\n/elsewhere/a.png,\n")
    (example,) = read_boxes(folder)
    assert example.image == Path("/elsewhere/a.png")


def test_no_file_or_no_image(tmp_path):
    with pytest.raises(MaskwrightError, match=r"boxes\.coco\.json: no such file; run `maskwright masks` first"):
        read_boxes(tmp_path)
    folder = split(tmp_path / "train", {}, [])
    with pytest.raises(MaskwrightError, match=r"index\.csv: lists no image; check annotations\.train"):
        read_boxes(folder)
    (folder / "index.csv").write_text("image,mask\na.png,\n")
    with pytest.raises(MaskwrightError, match=r"lists 0 images, but index\.csv 1; run `maskwright masks` again"):
        read_boxes(folder)
    (folder / "index.csv").unlink()
    with pytest.raises(MaskwrightError, match=r"index\.csv: no such file; run `maskwright masks` first"):
        read_boxes(folder)


def test_boxes_are_resized_with_their_images(tmp_path):
    sizes = {1: (10, 20), 2: (8, 8), 3: (40, 80)}
    folder = split(
        tmp_path / "train",
        {number: (*size, {}) for number, size in sizes.items()},
        [(1, 1, [2, 1, 10, 5]), (3, 2, [0, 0, 80, 40])],
    )
    (tmp_path / "photos").mkdir()
    for number, size in sizes.items():
        Image.fromarray(np.full((*size, 3), 50 * number, np.uint8)).save(tmp_path / f"photos/{number}.png")
    data = load_boxed_images(read_boxes(folder), (20, 30))
    assert data.images.shape == (3, 20, 30, 3)
    assert data.images[:, 0, 0, 0].tolist() == [50, 100, 150]
    assert data.splits.tolist() == [0, 1, 1, 2]
    assert data.boxes.tolist() == [[3, 2, 18, 12], [0, 0, 30, 20]]
    assert data.classes.tolist() == [1, 2]


class TestAugment:
    def test_mirror(self):
        numbers = [0.0, *NEUTRAL[1:]]
        box, label = moved([10, 5, 25, 30], numbers, Augmentation(flip=0.5))
        assert box.tolist() == pytest.approx([35, 5, 50, 30])
        assert label == 1

    def test_zoom_and_shift(self):
        # Zoomed by 2 about the middle (30, 20), it would be at (10, 10, 50, 30). The window moves by 0.1 of the width
        # and -0.05 of the height, in pixels of the source: twice 6 to the right and twice 2 up.
        numbers = [0.9, 1.0, 0.5, 1.0, 0.25, *NEUTRAL[5:]]
        box, _ = moved([20, 15, 40, 25], numbers, Augmentation(flip=0, scale=0.5, crop=0.1))
        assert box.tolist() == pytest.approx([0, 14, 38, 34], abs=1e-3)

    @pytest.mark.parametrize("seed", range(4))
    def test_the_box_follows_the_pixels(self, seed):
        rng = np.random.default_rng(seed)
        image = np.zeros((1, 80, 120, 3), np.uint8)
        image[0, 30:50, 40:70] = 255
        box = np.array([[[40, 30, 70, 50]]], np.float32)
        numbers = tf.constant(rng.uniform(0, 1, (1, NUMBERS)), tf.float32)
        strength = Augmentation(flip=0.5, scale=0.3, crop=0.1)
        changed, new, _ = augment_boxed(image, box, np.array([[1]]), numbers, strength)
        rows, columns = np.nonzero(changed.numpy()[0, ..., 0] > 190)  # the frame's outside is grey, 127.5
        expected = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        assert new.numpy()[0, 0].tolist() == pytest.approx(expected, abs=1.5)

    def test_a_turned_box_is_that_of_the_turned_ellipse(self):
        size = (100, 100)
        for turn in (0.0, 1.0):  # 45 degrees either way
            numbers = [0.9, 0.5, turn, *NEUTRAL[3:]]
            box, _ = moved([20, 40, 80, 60], numbers, Augmentation(flip=0, rotate=45), size=size)
            # The ellipse's half axes are 30 and 10: it reaches sqrt((30^2 + 10^2) / 2) both ways.
            reach = np.sqrt(500)
            assert box.tolist() == pytest.approx([50 - reach, 50 - reach, 50 + reach, 50 + reach], abs=1e-3)

    def test_what_is_cut_off(self):
        # The window moves 24 pixels to the right, so the picture 24 to the left.
        numbers, strength = [0.9, 0.5, 0.5, 1.0, 0.5, *NEUTRAL[5:]], Augmentation(flip=0, crop=0.4)
        assert moved([20, 0, 32, 8], numbers, strength)[1] == 1
        assert moved([20, 0, 32, 8], numbers, strength)[0].tolist() == pytest.approx([0, 0, 8, 8], abs=1e-4)
        assert moved([14, 0, 26, 8], numbers, strength)[1] == UNKNOWN  # a sixth is left
        assert moved([10, 0, 22, 8], numbers, strength)[1] == 0  # nothing
        assert moved([20, 0, 32, 8], numbers, strength, label=UNKNOWN)[1] == UNKNOWN
        assert moved([20, 0, 32, 8], numbers, strength, label=0)[1] == 0

    def test_the_outside_is_grey(self):
        images = np.full((1, 20, 20, 3), 10, np.uint8)
        numbers = tf.constant([[0.9, 0.0, *NEUTRAL[2:]]])
        changed, *_ = augment_boxed(
            images, np.zeros((1, 0, 4)), np.zeros((1, 0), int), numbers, Augmentation(flip=0, scale=0.5)
        )
        assert changed.numpy()[0, 0, 0].tolist() == pytest.approx([127.5] * 3)
        assert changed.numpy()[0, 10, 10].tolist() == pytest.approx([10] * 3)

    def test_without_any_strength_nothing_changes(self):
        images = np.random.default_rng(0).integers(0, 256, (1, 8, 9, 3)).astype(np.uint8)
        boxes, classes = np.array([[[1, 2, 3, 4]]], np.float32), np.array([[1]], np.int32)
        numbers = tf.random.stateless_uniform((1, NUMBERS), (1, 2))
        changed, new, labels = augment_boxed(images, boxes, classes, numbers, Augmentation(flip=0))
        assert np.array_equal(changed, images)
        assert np.array_equal(new, boxes)
        assert np.array_equal(labels, classes)


def five_images():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (5, 24, 32, 3)).astype(np.uint8)
    images[:, 0, 0, 0] = np.arange(5)  # tells them apart
    boxes = [[2, 2, 12, 12], [10, 5, 30, 20], [0, 0, 8, 20], [4, 4, 28, 22]]
    return BoxedImages(
        images, np.array(boxes, np.float32), np.array([1, 2, 1, UNKNOWN], np.int32), np.array([0, 2, 2, 3, 4, 4])
    )


ANCHORS = make_anchors([(3, 4), (2, 2)], (24, 32), (0.3, 0.8))


def stream(epochs, data=None, strength=None):
    return boxed_batches(
        data or five_images(),
        ANCHORS,
        match_iou=0.5,
        offsets="normalised",
        epoch_images=9,
        batch_size=4,
        augmentation=strength or Augmentation(flip=0.5, scale=0.2, rotate=5.0, crop=0.1, colour=0.2),
        seed=3,
        epochs=epochs,
    )


def test_batches_of_training():
    drawn = list(stream((0, 2)).as_numpy_iterator())
    assert [images.shape for images, _ in drawn] == [(4, 24, 32, 3)] * 4  # two passes of five an epoch, two dropped
    assert all(targets.shape == (4, 64, 5) for _, targets in drawn)
    assert {int(c) for _, targets in drawn for c in targets[..., 0].ravel()} <= {UNKNOWN, 0, 1, 2}
    assert any((targets[..., 0] > 0).any() for _, targets in drawn)


def test_a_later_start_continues_the_same_stream():
    whole, rest = list(stream((0, 3)).as_numpy_iterator()), list(stream((1, 3)).as_numpy_iterator())
    for (images, targets), (again, again_targets) in zip(whole[2:], rest, strict=True):
        assert np.array_equal(images, again)
        assert np.array_equal(targets, again_targets)


def test_targets_belong_to_their_images():
    data = five_images()
    plain = {int(image[0, 0, 0]): target for image, target in zip(data.images, all_targets(data, 5), strict=True)}
    for images, targets in stream((0, 2), strength=Augmentation(flip=0)).as_numpy_iterator():
        for image, target in zip(images, targets, strict=True):
            assert np.array_equal(target, plain[int(image[0, 0, 0])])


def all_targets(data, batch_size):
    parts = ordered_batches(data, ANCHORS, batch_size, match_iou=0.5, offsets="normalised")
    return np.concatenate([targets for _, targets in parts])


def test_batches_in_order_whatever_their_size():
    data = five_images()
    sizes = [len(images) for images, _ in ordered_batches(data, ANCHORS, 2, match_iou=0.5, offsets="raw")]
    assert sizes == [2, 2, 1]
    assert np.allclose(all_targets(data, 2), all_targets(data, 5), atol=1e-6)
    classes = all_targets(data, 5)[..., 0]
    assert [sorted(set(row.tolist())) for row in classes] == [[0, 1, 2], [0], [0, 1], [UNKNOWN, 0], [0]]


def test_a_split_without_any_box():
    data = BoxedImages(
        np.zeros((4, 24, 32, 3), np.uint8), np.zeros((0, 4), np.float32), np.zeros(0, np.int32), np.zeros(5, np.int64)
    )
    (first, *_) = stream((0, 1), data).as_numpy_iterator()
    assert not first[1].any()


def test_what_is_cut_out_is_hidden():
    # tests/photos/test_augment.py has this rectangle by hand: x from 8 to 13, y from 3 to 8, in 10 x 20 pixels.
    row = [*NEUTRAL, 0.39, 14 / 23, 0.5, 0.5, 0.5]
    boxes = [[8, 3, 13, 8], [8, 3, 13, 9], [8, 3, 13, 11], [0, 0, 8, 3], [8, 3, 13, 8], [0, 0, 0, 0]]
    # Hidden are all of it, 25 of 30 (83 %), 25 of 40 (63 %) and nothing. Then one of unknown class, and padding.
    classes = [1, 2, 2, 1, UNKNOWN, 0]
    images = np.random.default_rng(0).integers(0, 256, (1, 10, 20, 3)).astype(np.uint8)
    arguments = images, np.array([boxes], np.float32), np.array([classes], np.int32), tf.constant([row], tf.float32)
    found, moved, labels = augment_boxed(*arguments, Augmentation(flip=0.0, cutout=0.4))
    assert labels.numpy().tolist() == [[UNKNOWN, UNKNOWN, 2, 1, UNKNOWN, 0]]
    assert np.asarray(moved).tolist() == [boxes]
    expected = images.astype(np.float32)
    expected[0, 3:8, 8:13] = images[0].reshape(-1, 3).mean(axis=0)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    found, _, labels = augment_boxed(*arguments, Augmentation(flip=0.0, cutout=0.3))
    assert labels.numpy().tolist() == [classes]
    np.testing.assert_array_equal(found, images)
