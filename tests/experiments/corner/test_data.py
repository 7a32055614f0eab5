from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskwright.experiments.corner.data import (
    CORNER,
    CORNER_INDEX,
    all_patterns,
    draw_rectangles,
    flip_pixels,
    read_patterns,
    write_corner,
)
from maskwright.experiments.corner.params import Rectangles
from maskwright.experiments.corner.report.detection import read_rectangles
from maskwright.params import load_params
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.identity import content_hash

SHIPPED = Path(__file__).parents[3] / "params.yaml"


def settings(**changes):
    rectangles = Rectangles(**{"images": 3, "size": (20, 24), "count": 4, "noise": 0.02, **changes})
    return load_params(SHIPPED).section("corner").model_copy(update={"rectangles": rectangles})


def test_every_pattern_once_and_one_corner():
    patterns, labels = all_patterns()
    assert patterns.shape == (512, 3, 3)
    assert len(np.unique(patterns.reshape(512, 9), axis=0)) == 512
    np.testing.assert_array_equal(patterns[0], np.zeros((3, 3)))
    np.testing.assert_array_equal(patterns[1], [[0, 0, 0], [0, 0, 0], [0, 0, 1]])
    np.testing.assert_array_equal(patterns[256], [[1, 0, 0], [0, 0, 0], [0, 0, 0]])
    # 000 011 011 in binary is 16 + 8 + 2 + 1
    assert np.flatnonzero(labels).tolist() == [27] == [CORNER_INDEX]
    np.testing.assert_array_equal(patterns[27], [[0, 0, 0], [0, 1, 1], [0, 1, 1]])
    np.testing.assert_array_equal(patterns[27], CORNER)
    # Each of the nine pixels is 1 in half of the patterns.
    np.testing.assert_array_equal(patterns.sum(axis=0), np.full((3, 3), 256))


@given(st.integers(0, 10_000), st.integers(8, 40), st.integers(8, 40), st.integers(1, 12))
def test_the_pattern_is_around_each_corner_and_nowhere_else(seed, height, width, count):
    image, corners = draw_rectangles(np.random.default_rng(seed), (height, width), count)
    assert 1 <= len(corners) <= count
    windows = np.lib.stride_tricks.sliding_window_view(image, (3, 3))
    found = np.argwhere((windows == CORNER).all(axis=(2, 3))) + 1
    np.testing.assert_array_equal(found, corners)
    assert not image[[0, -1]].any()
    assert not image[:, [0, -1]].any()


def test_noise_inverts_so_many_pixels():
    images = np.zeros((1, 200, 200), np.uint8)
    images[:, :100] = 1
    noisy = flip_pixels(np.random.default_rng(0), images, 0.1)
    # 40,000 pixels: 0.1 give or take four standard deviations of sqrt(0.1 x 0.9 / 40,000) = 0.0015
    assert abs((noisy != images).mean() - 0.1) < 0.006
    assert set(np.unique(noisy)) == {0, 1}
    np.testing.assert_array_equal(flip_pixels(np.random.default_rng(0), images, 0.0), images)
    np.testing.assert_array_equal(flip_pixels(np.random.default_rng(0), images, 1.0), 1 - images)


def test_files(tmp_path):
    write_corner(settings(), tmp_path / "a")
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == [
        "corners.csv",
        "patterns.csv",
        "rectangles.npz",
    ]
    lines = (tmp_path / "a/patterns.csv").read_text().splitlines()
    assert len(lines) == 513
    assert lines[0].split(",") == [f"pixel_{y}_{x}" for y in range(3) for x in range(3)] + ["corner"]
    assert lines[1 + 27] == "0,0,0,0,1,1,0,1,1,1"
    patterns, labels = read_patterns(tmp_path / "a")
    assert (patterns.dtype, patterns.shape, labels.shape, labels.sum()) == (np.float32, (512, 3, 3), (512,), 1)
    clean, noisy, truth = read_rectangles(tmp_path / "a")
    assert clean.shape == noisy.shape == truth.shape == (3, 20, 24)
    assert (clean[truth] == 1).all()
    assert 3 <= truth.sum() <= 12
    assert 0 < (clean != noisy).mean() < 0.1


def test_the_same_again_and_other_images_with_another_seed(tmp_path):
    write_corner(settings(), tmp_path / "a")
    write_corner(settings(), tmp_path / "b")
    assert content_hash(tmp_path / "a") == content_hash(tmp_path / "b")
    write_corner(settings().model_copy(update={"seed": 1}), tmp_path / "c")
    assert content_hash(tmp_path / "a") != content_hash(tmp_path / "c")
    # An image is the same however many there are.
    write_corner(settings(images=2), tmp_path / "d")
    np.testing.assert_array_equal(read_rectangles(tmp_path / "a")[1][:2], read_rectangles(tmp_path / "d")[1])


def test_missing_and_damaged_patterns_are_named(tmp_path):
    with pytest.raises(MaskwrightError, match=r"patterns\.csv: no such file; run `maskwright generate corner` first"):
        read_patterns(tmp_path)
    write_corner(settings(), tmp_path / "a")
    path = tmp_path / "a/patterns.csv"
    text = path.read_text()
    path.write_text(text.replace("0,0,0,0,1,1,0,1,1,1", "0,0,0,0,1,1,0,1,1,0"))
    with pytest.raises(MaskwrightError, match="not the 512 patterns in order"):
        read_patterns(tmp_path / "a")
    path.write_text(text + "what")
    with pytest.raises(MaskwrightError, match="damaged"):
        read_patterns(tmp_path / "a")
