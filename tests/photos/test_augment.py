import math

import numpy as np
import pytest
import tensorflow as tf

from maskwright.photos.augment import NUMBERS, augment, cut_out, random_numbers, rectangles
from maskwright.photos.images import IGNORE
from maskwright.shared.settings import Augmentation

NOTHING = Augmentation(flip=0.0)
ALL = Augmentation(flip=0.5, scale=0.4, rotate=30.0, crop=0.2, colour=0.5, cutout=0.4)

# Which uniform number is for what; 0.5 stands in the middle, where nothing changes.
MIRROR, ZOOM, TURN, SHIFT_X, SHIFT_Y, BRIGHTNESS, CONTRAST, SATURATION, HUE, *CUT = range(NUMBERS)
WHETHER, AREA, SHAPE, LEFT, TOP = CUT


def numbers(**changes: float) -> np.ndarray:
    row = np.full((1, NUMBERS), 0.5, np.float32)
    for name, value in changes.items():
        row[0, globals()[name]] = value
    return row


def random_rows(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((count, NUMBERS)).astype(np.float32)


def random_batch(count: int = 2, height: int = 12, width: int = 20, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, height, width, 3)).astype(np.uint8)
    masks = rng.choice([0, 1, 3, IGNORE], (count, height, width)).astype(np.uint8)
    return images, masks


def ramp(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return an image whose every pixel has its own grey, and a mask of the same numbers: (1, H, W, 3), (1, H, W)."""
    mask = np.arange(height * width).reshape(1, height, width)
    return np.repeat(mask[..., None], 3, axis=3).astype(np.float32), mask.astype(np.uint8)


def varied(image: np.ndarray, mask: np.ndarray, rows: np.ndarray, strength: Augmentation):
    images, masks = augment(image, mask, tf.constant(rows), strength)
    assert images.dtype == tf.float32
    assert masks.dtype == tf.int32
    return images.numpy(), masks.numpy()


class TestNumbers:
    def test_are_a_function_of_the_seed(self):
        first = random_numbers(tf.constant([3, 7])).numpy()
        assert first.shape == (NUMBERS,)
        assert first.dtype == np.float32
        assert ((first >= 0) & (first < 1)).all()
        np.testing.assert_array_equal(first, random_numbers(tf.constant([3, 7], tf.int64)).numpy())
        for other in ([3, 8], [4, 7], [7, 3]):
            assert (first != random_numbers(tf.constant(other)).numpy()).all()

    def test_the_first_ones_are_what_they_were_when_there_were_no_others(self):
        # So a training without cutout sees the same pictures as before there was any.
        first = tf.random.stateless_uniform((9,), seed=[3, 7]).numpy()
        np.testing.assert_array_equal(first, random_numbers(tf.constant([3, 7])).numpy()[:9])
        np.testing.assert_allclose(
            first, [0.882201, 0.028234, 0.953457, 0.003299, 0.493901, 0.97256, 0.247444, 0.55424, 0.092467], atol=1e-6
        )

    @pytest.mark.parametrize("index", range(NUMBERS))
    def test_each_has_its_own_effect(self, index: int):
        image, mask = random_batch(count=1)
        usual = numbers(WHETHER=0.1) if index in CUT else numbers()
        images, masks = varied(image, mask, usual, ALL)
        row = usual.copy()
        row[0, index] = 0.5 if index == WHETHER else 0.05
        other_images, other_masks = varied(image, mask, row, ALL)
        assert (images != other_images).any()
        assert (masks != other_masks).any() == (index < BRIGHTNESS)

    @pytest.mark.parametrize(
        ("strength", "used"),
        [
            (NOTHING, []),
            (Augmentation(flip=0.5), [MIRROR]),
            (Augmentation(flip=0.0, scale=0.5), [ZOOM]),
            (Augmentation(flip=0.0, rotate=45.0), [TURN]),
            (Augmentation(flip=0.0, crop=0.3), [SHIFT_X, SHIFT_Y]),
            (Augmentation(flip=0.0, colour=0.5), [BRIGHTNESS, CONTRAST, SATURATION, HUE]),
            (Augmentation(flip=0.0, cutout=0.9), CUT),
        ],
    )
    def test_others_do_not_matter(self, strength: Augmentation, used: list[int]):
        image, mask = random_batch(count=1)
        one, other = random_rows(1, seed=1), random_rows(1, seed=2)
        other[0, used] = one[0, used]
        for a, b in zip(varied(image, mask, one, strength), varied(image, mask, other, strength), strict=True):
            np.testing.assert_array_equal(a, b)


class TestNothing:
    def test_zero_strength_is_the_identity(self):
        image, mask = random_batch()
        images, masks = varied(image, mask, random_rows(2), NOTHING)
        np.testing.assert_array_equal(images, image.astype(np.float32))
        np.testing.assert_array_equal(masks, mask.astype(np.int32))

    def test_the_middle_of_each_kind_is_the_identity(self):
        image, mask = random_batch(count=1)
        images, masks = varied(image, mask, numbers(MIRROR=0.9), ALL)
        np.testing.assert_allclose(images, image, atol=0.01)
        np.testing.assert_array_equal(masks, mask)


class TestMirror:
    def test_below_the_probability(self):
        image, mask = random_batch()
        rows = np.concatenate([numbers(MIRROR=0.29), numbers(MIRROR=0.31)])
        images, masks = varied(image, mask, rows, Augmentation(flip=0.3))
        np.testing.assert_array_equal(images[0], image[0, :, ::-1])
        np.testing.assert_array_equal(masks[0], mask[0, :, ::-1])
        np.testing.assert_array_equal(images[1], image[1])
        np.testing.assert_array_equal(masks[1], mask[1])

    def test_alone_equals_the_warp_that_does_nothing_else(self):
        image, mask = random_batch()
        rows = np.concatenate([numbers(MIRROR=0.1), numbers(MIRROR=0.9)])
        alone = varied(image, mask, rows, Augmentation(flip=0.5))
        warped = varied(image, mask, rows, Augmentation(flip=0.5, crop=0.1))
        np.testing.assert_allclose(alone[0], warped[0], atol=1e-3)
        np.testing.assert_array_equal(alone[1], warped[1])


class TestWarp:
    def test_shift_and_what_comes_in_at_the_edge(self):
        # The window moves right by 0.25 * 8 = 2 and up by 0.25 * 4 = 1: column x shows column x + 2, row y row y - 1.
        # Outside, the picture is mirrored at its edge: column 8 is column 7 again, 9 is 6; row -1 is row 0.
        image, mask = ramp(4, 8)
        rows = numbers(SHIFT_X=1.0, SHIFT_Y=0.0)
        images, masks = varied(image, mask, rows, Augmentation(flip=0.0, crop=0.25))
        expected = mask[0][[0, 0, 1, 2]][:, [2, 3, 4, 5, 6, 7, 7, 6]]
        np.testing.assert_array_equal(masks[0], expected)
        np.testing.assert_allclose(images[0, ..., 0], expected, atol=1e-3)

    def test_zoom_in(self):
        # By 1 / (1 - 0.5) = 2 about the centre 3.5: columns 0..7 show 1.75, 2.25, ..., 5.25.
        image, mask = ramp(1, 8)
        images, masks = varied(image, mask, numbers(ZOOM=1.0), Augmentation(flip=0.0, scale=0.5))
        np.testing.assert_allclose(images[0, 0, :, 0], np.arange(8) / 2 + 1.75, atol=1e-3)
        np.testing.assert_array_equal(masks[0, 0], [2, 2, 3, 3, 4, 4, 5, 5])

    def test_zoom_out_shows_the_mirrored_surroundings(self):
        # By 1 - 0.5: columns show -3.5, -1.5, 0.5, 2.5, 4.5, ...; mirrored at the edge -1 is 0 and -2 is 1.
        image, mask = ramp(1, 8)
        images, masks = varied(image, mask, numbers(ZOOM=0.0), Augmentation(flip=0.0, scale=0.5))
        np.testing.assert_allclose(images[0, 0, 2:6, 0], [0.5, 2.5, 4.5, 6.5], atol=1e-3)
        np.testing.assert_allclose(images[0, 0, [0, 1, 6, 7], 0], [2.5, 0.5, 6.5, 4.5], atol=1e-3)
        assert set(masks.ravel()) <= set(range(8))

    @pytest.mark.parametrize(("number", "quarters"), [(1.0, 1), (0.0, -1)])
    def test_turn(self, number: float, quarters: int):
        image, mask = ramp(5, 5)
        images, masks = varied(image, mask, numbers(TURN=number), Augmentation(flip=0.0, rotate=90.0))
        np.testing.assert_array_equal(masks[0], np.rot90(mask[0], quarters))
        np.testing.assert_allclose(images[0], np.rot90(image[0], quarters), atol=1e-3)

    @pytest.mark.parametrize("seed", range(4))
    def test_image_and_mask_move_together(self, seed: int):
        # The image is the mask in grey. Bilinear weights of the nearest pixel are at least a quarter, so a mask that
        # belongs to the image is never further from it than 3/4, and equals it where nothing is mixed.
        rng = np.random.default_rng(seed)
        mask = np.kron(rng.integers(0, 2, (6, 5, 6)), np.ones((1, 6, 7), int)).astype(np.uint8)
        image = np.repeat(mask[..., None] * 200, 3, axis=3)
        strength = Augmentation(flip=0.5, scale=0.4, rotate=30.0, crop=0.2)
        images, masks = varied(image, mask, random_rows(6, seed), strength)
        grey = images[..., 0] / 200
        assert np.abs(grey - masks).max() <= 0.75 + 1e-3
        pure = np.isclose(grey, grey.round(), atol=1e-4)
        assert pure.mean() > 0.5
        np.testing.assert_array_equal(grey[pure].round(), masks[pure])

    @pytest.mark.parametrize("seed", range(4))
    def test_no_label_is_invented(self, seed: int):
        image, mask = random_batch(count=4, seed=seed)
        mask[mask == 0] = 1
        images, masks = varied(image, mask, random_rows(4, seed), ALL)
        assert set(masks.ravel()) <= {1, 3, IGNORE}
        assert images.min() >= 0
        assert images.max() <= 255

    @pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 1)])
    def test_tiny_images(self, size: tuple[int, int]):
        image, mask = random_batch(1, *size)
        images, masks = varied(image, mask, random_rows(1), ALL)
        assert images.shape == (1, *size, 3)
        assert np.isfinite(images).all()
        assert set(masks.ravel()) <= set(mask.ravel())


class TestColour:
    COLOUR = Augmentation(flip=0.0, colour=0.4)
    LUMA = np.array([0.299, 0.587, 0.114])

    def recoloured(self, image: np.ndarray, **changes: float) -> np.ndarray:
        images, masks = varied(image, np.zeros(image.shape[:3], np.uint8), numbers(**changes), self.COLOUR)
        assert not masks.any()
        return images

    def muted(self) -> np.ndarray:
        """Return colours so near the middle that none is clipped."""
        return np.random.default_rng(0).uniform(110, 140, (1, 6, 7, 3)).astype(np.float32)

    def test_is_the_identity_in_the_middle(self):
        image = self.muted()
        np.testing.assert_allclose(self.recoloured(image), image, atol=0.01)

    def test_brightness_multiplies(self):
        image = self.muted()
        # exp(2 * 0.75 - 1) * 0.4) = e^0.2
        np.testing.assert_allclose(self.recoloured(image, BRIGHTNESS=0.75), image * math.exp(0.2), rtol=1e-3)

    def test_contrast_keeps_the_mean_grey(self):
        image = self.muted()
        changed = self.recoloured(image, CONTRAST=0.75)
        mean = (image @ self.LUMA).mean()
        assert (changed @ self.LUMA).mean() == pytest.approx(mean, rel=1e-4)
        np.testing.assert_allclose(changed - mean, (image - mean) * math.exp(0.2), atol=0.02)

    @pytest.mark.parametrize("change", [{"SATURATION": 1.0}, {"HUE": 0.0}, {"SATURATION": 0.0, "HUE": 1.0}])
    def test_saturation_and_hue_keep_every_grey(self, change: dict[str, float]):
        image = self.muted()
        changed = self.recoloured(image, **change)
        assert np.abs(changed - image).max() > 1
        np.testing.assert_allclose(changed @ self.LUMA, image @ self.LUMA, atol=0.02)

    def test_saturation_stretches_from_grey(self):
        image = self.muted()
        grey = (image @ self.LUMA)[..., None]
        changed = self.recoloured(image, SATURATION=0.75)
        np.testing.assert_allclose(changed - grey, (image - grey) * math.exp(0.2), atol=0.05)

    def test_grey_stays_grey(self):
        image = np.repeat(self.muted()[..., :1], 3, axis=3)
        changed = self.recoloured(image, SATURATION=1.0, HUE=1.0, CONTRAST=0.2)
        np.testing.assert_allclose(changed, np.repeat(changed[..., :1], 3, axis=3), atol=0.02)

    def test_stays_within_range(self):
        image = np.random.default_rng(0).choice([0, 255], (1, 6, 7, 3)).astype(np.uint8)
        for row in random_rows(8):
            images, _ = varied(image, np.zeros((1, 6, 7), np.uint8), row[None], Augmentation(colour=1.0))
            assert images.min() >= 0
            assert images.max() <= 255


class TestCutout:
    CUTOUT = Augmentation(flip=0.0, cutout=0.4)
    # 0.02 + 14 / 23 * 0.23 = 0.16 of 10 x 20 pixels are 32, as high as wide: 5.66, rounded down to 5. There are 16
    # places across, of which the one at 0.5 is number 8, and 6 down: number 3.
    ROW = numbers(WHETHER=0.39, AREA=14 / 23)
    RECTANGLE = (8, 3, 13, 8)

    def test_rectangle_by_hand(self):
        found = rectangles(10, 20, np.concatenate([self.ROW, numbers(WHETHER=0.41)]), self.CUTOUT)
        assert np.asarray(found).tolist() == [list(self.RECTANGLE), [0, 0, 0, 0]]

    def test_is_filled_with_the_mean_colour_and_keeps_its_labels(self):
        image, mask = random_batch(1, 10, 20)
        images, masks = varied(image, mask, self.ROW, self.CUTOUT)
        expected = image.astype(np.float32)
        expected[0, 3:8, 8:13] = image[0].reshape(-1, 3).mean(axis=0)
        np.testing.assert_allclose(images, expected, rtol=1e-5)
        np.testing.assert_array_equal(masks, mask)

    def test_as_many_as_asked_for_and_none_is_too_large(self):
        rows = random_rows(2000)
        cut = np.asarray(rectangles(96, 128, rows, self.CUTOUT))
        left, top, right, bottom = cut.T
        areas = (right - left) * (bottom - top)
        there = areas > 0
        np.testing.assert_array_equal(there, rows[:, WHETHER] < 0.4)
        assert 0.01 * 96 * 128 < areas[there].min() < 0.04 * 96 * 128
        assert 0.22 * 96 * 128 < areas.max() <= 0.25 * 96 * 128
        assert left.min() == top.min() == 0
        assert right.max() == 128
        assert bottom.max() == 96
        shapes = ((bottom - top)[there] / (right - left)[there]).round(2)
        assert 0.25 < shapes.min() < 0.35
        assert 2.9 < shapes.max() < 4.0

    def test_one_pixel(self):
        image = np.full((1, 1, 1, 3), 7.0, np.float32)
        found = rectangles(1, 1, self.ROW, self.CUTOUT)
        np.testing.assert_array_equal(np.asarray(cut_out(tf.constant(image), found)), image)


def test_each_image_has_its_own_row():
    image, mask = random_batch(count=3)
    rows = random_rows(3)
    together = varied(image, mask, rows, ALL)
    for i in range(3):
        alone = varied(image[i : i + 1], mask[i : i + 1], rows[i : i + 1], ALL)
        np.testing.assert_allclose(together[0][i], alone[0][0], atol=1e-3)
        np.testing.assert_array_equal(together[1][i], alone[1][0])


def test_eager_and_tf_data_agree():
    image, mask = random_batch(count=4)
    rows = random_rows(4)
    stream = tf.data.Dataset.from_tensor_slices((image, mask, rows)).batch(2)
    stream = stream.map(lambda i, m, n: augment(i, m, n, ALL))
    found = [np.concatenate(parts) for parts in zip(*stream.as_numpy_iterator(), strict=True)]
    expected = varied(image, mask, rows, ALL)
    np.testing.assert_allclose(found[0], expected[0], atol=1e-3)
    np.testing.assert_array_equal(found[1], expected[1])
