"""Pictures of the autoencoder: what is drawn is what was given, where it belongs."""

import numpy as np

from maskwright.experiments.autoencoder.report.plots import (
    autoencoder_curves,
    latent_scatter,
    latent_walk_grid,
    reconstruction_grid,
)
from maskwright.reporting.figure import save_figure


def history(*extra):
    rows = [{"epoch": n, "loss": 0.4 / n, "val_loss": 0.3 + (n - 2) ** 2, "val_kl": 5.0 + n} for n in (1.0, 2.0, 3.0)]
    return [{key: value for key, value in row.items() if key not in extra} for row in rows]


def labels(axes):
    return [line.get_label() for line in axes.get_lines()]


def test_curves_mark_the_epoch_of_the_lowest_validation_loss():
    loss, divergence = autoencoder_curves(history()).axes
    assert labels(loss) == ["training", "validation", "best epoch (2): 0.300"]
    assert labels(divergence) == ["validation", "best epoch (2): 7.000"]
    np.testing.assert_array_equal(divergence.get_lines()[0].get_ydata(), [6.0, 7.0, 8.0])
    assert divergence.get_ylim()[0] == 0


def test_a_plain_autoencoder_has_no_curve_of_the_divergence():
    (loss,) = autoencoder_curves(history("val_kl")).axes
    assert loss.get_title() == "Loss"


def test_reconstructions_stand_below_their_images():
    images = np.arange(1, 5).reshape(4, 1, 1) / 10 * np.ones((4, 3, 2))
    (axes,) = reconstruction_grid(images, images + 0.5, 2).axes
    picture = np.asarray(axes.images[0].get_array())
    # Two columns of two images of 3 x 2 pixels: image, a line, reconstruction, four lines, image, ...
    assert picture.shape == (18, 6)
    for number, (row, column) in enumerate([(0, 0), (11, 0), (0, 4), (11, 4)], start=1):
        np.testing.assert_allclose(picture[row : row + 3, column : column + 2], number / 10, atol=1e-6)
        np.testing.assert_allclose(picture[row + 4 : row + 7, column : column + 2], number / 10 + 0.5, atol=1e-6)
    np.testing.assert_array_equal(picture[3], 1)


def test_every_code_is_drawn_with_its_digit():
    codes = np.array([[0.0, 1.0, 9.0], [2.0, 3.0, 9.0], [4.0, 5.0, 9.0]])
    (axes,) = latent_scatter(codes, np.array([7, 3, 7])).axes
    three, seven = axes.get_lines()
    np.testing.assert_array_equal(three.get_xydata(), [[2.0, 3.0]])
    np.testing.assert_array_equal(seven.get_xydata(), [[0.0, 1.0], [4.0, 5.0]])
    assert len(three.get_marker().vertices) != len(seven.get_marker().vertices)


def test_the_walk_goes_right_and_up():
    images = np.zeros((3, 3, 2, 2))
    images[0, 2] = 0.3  # the lowest value of the second dimension, the highest of the first
    images[2, 0] = 0.7
    (axes,) = latent_walk_grid(images, np.array([[-1.0, 0.0, 1.0], [2.0, 4.0, 6.0]])).axes
    picture = np.asarray(axes.images[0].get_array())
    np.testing.assert_array_equal(picture[4:, 4:], 0.3)
    np.testing.assert_array_equal(picture[:2, :2], 0.7)
    assert np.count_nonzero(picture) == 8
    # The middles of the outer images are the outer values.
    assert axes.images[0].get_extent() == [-1.5, 1.5, 1.0, 7.0]


def test_a_walk_without_extent_is_drawn_around_its_code():
    (axes,) = latent_walk_grid(np.full((3, 3, 2, 2), 0.5), np.array([[1.0] * 3, [2.0] * 3])).axes
    assert axes.images[0].get_extent() == [0.5, 1.5, 1.5, 2.5]


def test_the_same_numbers_give_the_same_bytes(tmp_path):
    codes, digits = np.random.default_rng(0).normal(size=(20, 2)), np.arange(20) % 10
    for name in ("one.png", "other.png"):
        save_figure(latent_scatter(codes, digits), tmp_path / name)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "other.png").read_bytes()
