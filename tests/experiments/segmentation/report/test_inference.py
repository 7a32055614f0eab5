import weakref
from itertools import pairwise

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskwright.experiments.segmentation.report import inference
from maskwright.experiments.segmentation.report.inference import (
    _starts,
    _tent,
    compiled,
    most_probable,
    segment,
    segment_tiled,
)


def network(classes: int = 3, seed: int = 0) -> keras.Model:
    """Return a small network whose answers vary smoothly enough to survive resizing, but are not symmetric."""
    rng = np.random.default_rng(seed)
    image = keras.Input((None, None, 3))
    layer = keras.layers.Conv2D(classes, 3, padding="same")
    logits = layer(image)
    layer.set_weights([rng.normal(size=(3, 3, 3, classes)) / 50, rng.normal(size=classes)])
    return keras.Model(image, logits)


def photograph(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Return smooth colours: (H, W, 3) uint8."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(rng.uniform(1, 5) * x / width * 3 + rng.uniform(1, 5) * y / height * 3 + i) for i in range(3)]
    return ((np.stack(waves, axis=2) + 1) * 127).astype(np.uint8)


class TestCompiled:
    def test_probabilities(self):
        model = network()
        images = np.stack([photograph(6, 8, seed) for seed in range(2)])
        found = compiled(model)(images)
        logits = np.asarray(model(images.astype(np.float32)))
        expected = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, atol=1e-5)

    def test_weights_are_those_of_the_moment(self):
        model, images = network(), photograph(6, 8)[None]
        forward = compiled(model)
        before = forward(images)
        model.set_weights([2 * weight for weight in model.get_weights()])
        np.testing.assert_array_equal(forward(images), before)
        np.testing.assert_array_equal(forward(images[:, :5]).shape, (1, 5, 8, 3))
        assert np.abs(compiled(model)(images) - before).max() > 1e-3

    def test_flip_averages_the_mirror_image(self):
        model = network()
        images = photograph(6, 8)[None]
        plain, flipped = compiled(model), compiled(model, flip=True)
        expected = (plain(images) + plain(images[:, :, ::-1])[:, :, ::-1]) / 2
        np.testing.assert_allclose(flipped(images), expected, atol=1e-6)
        np.testing.assert_allclose(flipped(images[:, :, ::-1]), flipped(images)[:, :, ::-1], atol=1e-6)
        assert np.abs(plain(images) - flipped(images)).max() > 1e-3


class TestSegment:
    def test_each_image_at_its_own_size(self):
        sizes = [(20, 30), (1, 1), (7, 50), (16, 24), (64, 3)]
        images = [photograph(*size, seed=i) for i, size in enumerate(sizes)]
        forward = compiled(network())
        masks = list(segment(forward, images, (16, 24), batch_size=2))
        assert [mask.shape for mask in masks] == sizes
        assert all(mask.dtype == np.uint8 for mask in masks)
        for image, mask in zip(images, masks, strict=True):  # the batch makes no difference
            np.testing.assert_array_equal(next(segment(forward, [image], (16, 24))), mask)

    def test_at_the_size_of_the_network_it_is_the_largest_logit(self):
        image = photograph(16, 24)
        expected = np.argmax(np.asarray(network()(image[None].astype(np.float32))), axis=-1)[0]
        assert len(set(expected.ravel())) > 1
        np.testing.assert_array_equal(next(segment(compiled(network()), [image], (16, 24))), expected)

    def test_nothing(self):
        assert list(segment(compiled(network()), [], (16, 24))) == []

    def test_holds_one_photograph_at_a_time(self):
        alive: list[weakref.ref] = []
        most = 0

        def photographs():
            nonlocal most
            for seed in range(8):
                image = photograph(40, 60, seed)
                alive.append(weakref.ref(image))
                yield image
                del image
                most = max(most, sum(reference() is not None for reference in alive))

        assert len(list(segment(compiled(network()), photographs(), (16, 24), batch_size=4))) == 8
        assert most == 1


class TestMostProbable:
    def test_by_hand(self):
        # Class 1 rises from 0.25 to 0.75 between the middles of two columns, so it wins from the middle on.
        probabilities = np.array([[[0.75, 0.25], [0.25, 0.75]]], np.float32)
        assert most_probable(probabilities, (1, 6)).tolist() == [[0, 0, 0, 1, 1, 1]]
        assert most_probable(probabilities, (2, 2)).tolist() == [[0, 1], [0, 1]]

    def test_same_size_is_the_argmax(self):
        probabilities = np.random.default_rng(0).random((5, 7, 4)).astype(np.float32)
        np.testing.assert_array_equal(most_probable(probabilities, (5, 7)), probabilities.argmax(axis=2))

    @settings(max_examples=30, deadline=None)
    @given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 12), st.integers(1, 12), st.integers(1, 700))
    def test_strips_are_seamless(self, height: int, width: int, rows: int, columns: int, pixels: int):
        probabilities = np.random.default_rng(rows * 13 + columns).random((rows, columns, 3)).astype(np.float32)
        whole = most_probable(probabilities, (height, width))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(inference, "_STRIP_PIXELS", pixels)
            np.testing.assert_array_equal(most_probable(probabilities, (height, width)), whole)


class TestTiles:
    @given(st.integers(1, 2000), st.integers(1, 300))
    def test_starts_cover_everything(self, more: int, window: int):
        length = window + more - 1
        starts = _starts(length, window)
        assert starts[0] == 0
        assert starts[-1] == length - window
        # At least half of a window is seen by the next one too, up to rounding.
        assert all(0 <= b - a <= window / 2 + 1 for a, b in pairwise(starts))

    def test_starts_by_hand(self):
        assert _starts(8, 8) == [0]
        assert _starts(12, 8) == [0, 4]
        assert _starts(13, 8) == [0, 2, 5]

    def test_tent(self):
        assert _tent(1).tolist() == [1]
        assert _tent(4).tolist() == [0.5, 1, 1, 0.5]
        assert _tent(5).tolist() == [1 / 3, 2 / 3, 1, 2 / 3, 1 / 3]

    def test_one_tile_is_the_whole(self):
        image, forward = photograph(32, 48), compiled(network())
        expected = next(segment(forward, [image], (16, 24)))
        np.testing.assert_array_equal(segment_tiled(forward, image, (16, 24), tile=48), expected)

    @pytest.mark.parametrize("size", [(1, 1), (5, 100), (100, 5), (40, 60)])
    def test_any_size(self, size: tuple[int, int]):
        mask = segment_tiled(compiled(network()), photograph(*size), (16, 24), tile=24, batch_size=3)
        assert mask.shape == size
        assert mask.dtype == np.uint8

    def test_of_a_network_that_looks_at_single_pixels_it_changes_nothing(self):
        # Tiles of the network's own width: no resizing, and each pixel is the same in every tile.
        image = keras.Input((None, None, 3))
        layer = keras.layers.Conv2D(3, 1)
        model = keras.Model(image, layer(image))
        layer.set_weights([np.eye(3).reshape(1, 1, 3, 3) / 20, np.zeros(3)])
        photo = np.random.default_rng(0).integers(0, 256, (37, 51, 3)).astype(np.uint8)
        photo[..., 0] = photo[..., 0] // 2 * 2  # no ties: the others are odd, and differ by more than 1
        photo[..., 1] |= 1
        photo[..., 2] = np.where(np.abs(photo[..., 2].astype(int) - photo[..., 1]) < 3, 0, photo[..., 2])
        expected = photo.argmax(axis=2)
        found = segment_tiled(compiled(model), photo, (16, 24), tile=24)
        assert (found == expected).mean() > 0.999
