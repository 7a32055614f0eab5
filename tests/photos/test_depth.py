"""What becomes of photographs with more than 8 bits a value, from files and back."""

import re
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from maskwright.photos.images import ImageError, read_image, verify_image

PICTURE = np.random.default_rng(0).integers(83, 105, (24, 32)).astype(np.float64)
PICTURE[0, :2] = 83, 104


def stored(path, values):
    """Write grey values as they are."""
    Image.fromarray(values).save(path)
    return path


def read(path):
    """Return a grey photograph as (H, W), and what is said about its values."""
    image = read_image(path)
    verified = verify_image(path)
    assert image.shape == (verified.height, verified.width, 3)
    assert (image == image[..., :1]).all()
    return image[..., 0], verified.scaled


@pytest.mark.parametrize(
    ("name", "values", "white"),
    [
        # Each is the same picture, in other numbers. 12 bits: 83 * 16 * 255 / 4095 = 82.7; 104 * 16 gives 103.6.
        ("a.png", (PICTURE * 16).astype(np.uint16), "4,095"),
        ("a.tif", (PICTURE * 16).astype(np.uint16), "4,095"),
        ("a.png", (PICTURE * 64).astype(np.uint16), "16,383"),
        ("a.png", (PICTURE * 4).astype(np.uint16), "1,023"),
        ("a.png", (PICTURE * 257).astype(np.uint16), None),
        ("a.png", PICTURE.astype(np.uint16), None),
        ("a.tif", (PICTURE * 16).astype(np.int32), "4,095"),
        ("a.tif", PICTURE.astype(np.int32), None),
        ("a.tif", (PICTURE / 255).astype(np.float32), "1"),
        ("a.tif", PICTURE.astype(np.float32), None),
        ("a.tif", (PICTURE * 257).astype(np.float32), "65,535"),
    ],
)
def test_the_least_usual_depth_that_holds_all_values_is_white(tmp_path, name, values, white):
    image, said = read(stored(tmp_path / name, values))
    np.testing.assert_array_equal(image, PICTURE)
    assert said == "" if white is None else said.endswith(f", scaled to 8 bits: 0 is black, {white} white")


@pytest.mark.parametrize(
    "values",
    [
        (PICTURE * 1e5).astype(np.int32),
        (PICTURE * 1e3).astype(np.float32),
        (PICTURE - 100).astype(np.float32),
        (PICTURE - 100).astype(np.int32),
        (PICTURE / 50).astype(np.float32),  # 1.66 to 2.08: next to nothing of 255
    ],
)
def test_values_that_fit_no_depth_are_stretched(tmp_path, values):
    image, said = read(stored(tmp_path / "a.tif", values))
    np.testing.assert_allclose(image, (PICTURE - 83) / 21 * 255, atol=0.51)
    assert "scaled to 8 bits" in said


def test_values_that_are_not_finite_decide_nothing(tmp_path):
    values = PICTURE.astype(np.float32)
    values[5, :3] = np.inf, -np.inf, np.nan
    image, said = read(stored(tmp_path / "a.tif", values))
    expected = PICTURE.copy()
    expected[5, :3] = 255, 0, 0
    np.testing.assert_array_equal(image, expected)
    assert said == "3 of 768 values not finite"
    values = (PICTURE / 255).astype(np.float32)
    values[0, 5] = np.inf
    _, said = read(stored(tmp_path / "a.tif", values))
    assert said.endswith("0 is black, 1 white, and 1 of 768 values not finite")
    for value in (np.nan, np.inf):
        path = stored(tmp_path / "none.tif", np.full((4, 5), value, np.float32))
        for reading in (verify_image, read_image):
            with pytest.raises(ImageError, match=r"none of its values is a finite number; export it with 8"):
                reading(path)


def test_unsigned_numbers_above_half_of_32_bits(tmp_path):
    # 4e7 * 104 = 4.16e9 is below 2 ** 32, and would be negative with a sign.
    values = (PICTURE * 4e7).astype(np.uint32).view(np.int32)
    path = stored(tmp_path / "a.tif", values)
    # Pillow writes signed numbers only: SampleFormat (339), one short, is 2.
    signed, unsigned = (struct.pack("<HHIHH", 339, 3, 1, kind, 0) for kind in (2, 1))
    content = path.read_bytes()
    assert content.count(signed) == 1
    path.write_bytes(content.replace(signed, unsigned))
    image, said = read(path)
    np.testing.assert_allclose(image, (PICTURE - 83) / 21 * 255, atol=0.51)
    assert "3.32e+09 is black, 4.16e+09 white" in said


def test_a_tiff_in_which_zero_is_white(tmp_path):
    path = tmp_path / "a.tif"
    Image.fromarray((PICTURE * 257).astype(np.uint16)).save(path, tiffinfo={262: 0})
    assert Image.open(path).tag_v2[262] == 0
    np.testing.assert_array_equal(read(path)[0], 255 - PICTURE)


@pytest.mark.parametrize("outlier", [-9999.0, 3.4e38])
def test_a_picture_that_a_few_values_drown_is_refused(tmp_path, outlier):
    values = (np.random.default_rng(0).random((24, 32)) * 0.9).astype(np.float32)
    values[3, 4] = outlier
    path = stored(tmp_path / "a.tif", values)
    for reading in (verify_image, read_image):
        with pytest.raises(ImageError, match=r"would become one shade; export it with 8 bits$"):
            reading(path)


def test_few_values_are_a_picture_all_the_same(tmp_path):
    values = np.zeros((24, 32), np.uint16)
    values[4:9] = 60000
    assert sorted(np.unique(read(stored(tmp_path / "a.png", values))[0])) == [0, 233]  # 60,000 / 257 = 233.5
    assert not read(stored(tmp_path / "black.png", np.zeros((24, 32), np.uint16)))[0].any()


def colours(path, values):
    """Write (H, W, 3) 16-bit colours as TIFF (Pillow cannot): a header, 7 tags, their values, then the pixels."""
    height, width = values.shape[:2]
    tags = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 3, 0), (259, 3, 1, 1), (262, 3, 1, 2), (273, 4, 1, 0)]
    tags += [(277, 3, 1, 3), (278, 4, 1, height), (279, 4, 1, values.nbytes)]
    end = 8 + 2 + 12 * len(tags) + 4
    tags[2], tags[5] = (258, 3, 3, end), (273, 4, 1, end + 6)
    header = struct.pack("<2sHIH", b"II", 42, 8, len(tags))
    words = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    path.write_bytes(header + words + bytes(4) + struct.pack("<3H", 16, 16, 16) + values.astype("<u2").tobytes())
    return path


def test_colours_of_16_bits_are_used_to_the_full_or_refused(tmp_path):
    values = np.stack([PICTURE, PICTURE + 100, PICTURE], axis=2)
    image = read_image(colours(tmp_path / "a.tif", values * 256))
    np.testing.assert_array_equal(image, values)
    # 204 * 16 = 3,264 has 12 bits.
    path = colours(tmp_path / "b.tif", values * 16)
    for reading in (verify_image, read_image):
        with pytest.raises(ImageError, match=r"colours of 16 bits that use only the lower 12; export it with 8"):
            reading(path)


@given(st.integers(1, 65535), st.sampled_from(["u2", "i4", "f4"]), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_no_range_of_values_makes_a_picture_black_or_white(tmp_path_factory, greatest, kind, seed):
    values = np.random.default_rng(seed).random((16, 16)) * greatest
    values.flat[0] = greatest
    path = stored(tmp_path_factory.mktemp("range") / "a.tif", values.astype(kind))
    image, said = read(path)
    # A depth is at most 4 times the one before, but for 32 (8 shades) from 1 to 255 and for whole numbers below 8.
    assert image.max() >= 7
    assert len(np.unique(image)) >= min(8, len(np.unique(values.astype(kind))))
    assert not re.search("[\n\r]", said)
