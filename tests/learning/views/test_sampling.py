import numpy as np
import tensorflow as tf

from maskwright.learning.views.sampling import middle_views, random_views, sample_views, second_views, view_margin
from maskwright.shared.settings import Views

OFF = {"rotate": 0.0, "crop": 0.0, "shear": 0.0, "contrast": 0.0, "brightness": 0.0, "edges": 0.0, "noise": 0.0}
SHIPPED = Views(**{**OFF, "rotate": 20.0, "crop": 0.4286})


def spots(side=28, at=((13, 13), (13, 14), (14, 13), (14, 14))):
    image = np.zeros((1, side, side, 1), np.float32)
    for row, column in at:
        image[0, row, column] = 1
    return image


def sampled(image, transform):
    return np.asarray(sample_views(tf.constant(image), tf.constant(transform[None], tf.float32)))[0, ..., 0]


def transforms(number=4000, side=28, seed=0, views=SHIPPED):
    return random_views(number, side, views, np.random.default_rng(seed)).transforms


def seen_with(image, count=500, **kinds):
    """Return second views of `count` copies of an image (28, 28), with these kinds alone."""
    views = Views(**{**OFF, **kinds})
    drawn = random_views(count, 28, views, np.random.default_rng(0))
    copies = tf.constant(np.repeat(image[None, :, :, None], count, axis=0), tf.float32)
    return np.asarray(second_views(copies, drawn, views))[..., 0]


def test_the_middle_leaves_out_two_of_28_pixels_on_each_side():
    assert [view_margin(side) for side in (28, 32, 96)] == [2, 2, 7]
    image = np.arange(28 * 28).reshape(1, 28, 28, 1)
    np.testing.assert_array_equal(middle_views(image)[0, ..., 0], image[0, 2:26, 2:26, 0])


def test_the_transform_that_moves_by_two_pixels_is_the_middle():
    image = np.random.default_rng(0).random((1, 28, 28, 1)).astype(np.float32)
    view = sampled(image, np.array([1, 0, 2, 0, 1, 2, 0, 0]))
    np.testing.assert_allclose(view, image[0, 2:26, 2:26, 0], atol=1e-6)


def test_half_are_rotations_by_up_to_20_degrees_about_the_middle():
    values = transforms()
    rotations = values[values[:, 1] != 0]
    assert abs(len(rotations) / len(values) - 0.5) < 0.03
    angles = np.rad2deg(np.arctan2(rotations[:, 3], rotations[:, 0]))
    assert np.abs(angles).max() <= 20
    assert np.abs(angles).max() > 19
    assert abs(angles.mean()) < 1
    np.testing.assert_allclose(np.hypot(rotations[:, 0], rotations[:, 3]), 1, atol=1e-6)
    # Pixel 11.5 of the view, its middle, lies at 13.5 in the image.
    for offset in (0, 3):
        middle = rotations[:, offset] * 11.5 + rotations[:, offset + 1] * 11.5 + rotations[:, offset + 2]
        np.testing.assert_allclose(middle, 13.5, atol=1e-4)


def test_the_others_are_crops_8_10_or_12_pixels_smaller_inside_the_image():
    values = transforms()
    crops = values[values[:, 1] == 0]
    sizes = np.round(crops[:, 0] * 24, 3)
    assert sorted(set(sizes)) == [16, 18, 20]
    for size in (16, 18, 20):
        chosen = crops[sizes == size]
        assert abs(len(chosen) / len(crops) - 1 / 3) < 0.04
        # Where the crop begins: pixel 0 of the view lies at its start + scale / 2 - 1/2.
        starts = chosen[:, [2, 5]] - (size / 24) / 2 + 0.5
        np.testing.assert_allclose(starts, np.round(starts), atol=1e-4)
        assert starts.min() > -0.001
        assert starts.max() < 28 - size + 0.001
        central = (np.abs(starts - (28 - size) // 2) < 0.001).all(axis=1).mean()
        assert abs(central - 0.5) < 0.06
    assert np.ptp(crops[:, [2, 5]], axis=0).min() > 5


def test_a_central_crop_keeps_the_middle_in_the_middle_and_enlarges():
    values = transforms()
    central = values[(values[:, 1] == 0) & (np.abs(values[:, 0] - 16 / 24) < 1e-3)]
    start = central[:, [2, 5]] - (16 / 24) / 2 + 0.5
    chosen = central[(np.abs(start - 6) < 1e-3).all(axis=1)][0]
    view = sampled(spots(), chosen)
    np.testing.assert_allclose(view, view.T, atol=1e-5)
    np.testing.assert_allclose(view, view[::-1, ::-1], atol=1e-5)
    assert view[11, 11] == 1
    # Twice two pixels become three times three, so the bright area grows by (24 / 16)^2.
    assert view.sum() / spots().sum() == np.round((24 / 16) ** 2, 2)


def test_what_lies_outside_is_black():
    turned = np.ones((1, 28, 28, 1), np.float32)
    far = np.array([1, 0, 20, 0, 1, 0, 0, 0], np.float32)
    view = sampled(turned, far)
    assert view[:, :8].min() == 1
    assert view[:, 9:].max() == 0


def test_views_depend_on_the_seed_alone():
    np.testing.assert_array_equal(transforms(50, seed=1), transforms(50, seed=1))
    assert (transforms(50, seed=1) != transforms(50, seed=2)).any()


def test_other_sides():
    image = np.ones((3, 96, 96, 3), np.float32)
    kinds = Views(rotate=20.0, crop=0.4, shear=10.0, contrast=0.2, brightness=0.1, edges=0.5, noise=0.1)
    views = second_views(tf.constant(image), random_views(3, 96, kinds, np.random.default_rng(0)), kinds)
    assert views.shape == (3, 82, 82, 3) == middle_views(image).shape


def test_all_off_is_the_first_view():
    image = np.random.default_rng(0).random((28, 28)).astype(np.float32)
    np.testing.assert_allclose(seen_with(image, 2), np.repeat(image[None, 2:26, 2:26], 2, axis=0), atol=1e-6)


def test_each_kind_that_is_on_is_as_frequent():
    values = transforms(6000, views=Views(**{**OFF, "rotate": 20.0, "crop": 0.4286, "shear": 15.0}))
    rotated, sheared = values[:, 3] != 0, (values[:, 3] == 0) & (values[:, 1] != 0)
    np.testing.assert_allclose([rotated.mean(), sheared.mean()], 1 / 3, atol=0.03)


def test_shear_moves_rows_along_by_up_to_so_many_degrees_about_the_middle():
    values = transforms(views=Views(**{**OFF, "shear": 30.0}))
    slants = np.rad2deg(np.arctan(values[:, 1]))
    assert 29 < np.abs(slants).max() <= 30
    assert abs(slants.mean()) < 1.5
    np.testing.assert_array_equal(values[:, [0, 3, 4]], np.tile([1, 0, 1], (len(values), 1)))
    # Pixel 11.5 of the view, its middle, lies at 13.5 in the image.
    np.testing.assert_allclose(values[:, :2].sum(axis=1) * 11.5 + values[:, 2], 13.5, atol=1e-4)


def test_contrast_changes_the_distance_from_the_mean_and_brightness_the_mean():
    image = np.full((28, 28), 0.4)
    image[:14] = 0.6  # mean 0.5 of the middle, distance 0.1
    seen = seen_with(image, contrast=0.5)
    np.testing.assert_allclose(seen.mean(axis=(1, 2)), 0.5, atol=1e-5)
    # 0.1 times 0.5 to 1.5
    distances = seen[:, 0, 0] - 0.5
    np.testing.assert_allclose([distances.min(), distances.max()], [0.05, 0.15], atol=0.002)
    means = seen_with(image, brightness=0.2).mean(axis=(1, 2))
    np.testing.assert_allclose([means.min(), means.max()], [0.3, 0.7], atol=0.005)
    assert seen_with(image, brightness=1.0).max() == 1


def test_edges_are_where_the_image_changes():
    image = np.zeros((28, 28))
    image[:, 14:] = 1
    seen = seen_with(image, edges=0.3)
    # A step from 0 to 1 between columns 11 and 12 of the view: Sobel's filter gives 4 on both sides, which is 1 here.
    assert np.unique(seen[0]).tolist() == [0, 1]
    edges = seen[:, 0, -1] == 0
    np.testing.assert_allclose(edges.mean(), 0.3, atol=0.06)
    np.testing.assert_array_equal(
        seen[edges][0].sum(axis=0), [24 if column in (11, 12) else 0 for column in range(24)]
    )


def test_noise_has_its_deviation_and_is_each_pixel_s_own():
    seen = seen_with(np.full((28, 28), 0.5), 20, noise=0.1)
    np.testing.assert_allclose(seen.std(), 0.1, atol=0.003)
    assert len(np.unique(seen)) > 0.9 * seen.size
    np.testing.assert_array_equal(seen, seen_with(np.full((28, 28), 0.5), 20, noise=0.1))
