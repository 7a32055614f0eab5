import struct
import warnings
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from maskwright.photos.images import (
    IGNORE,
    ImageError,
    class_palette,
    read_image,
    read_mask,
    resize_image,
    resize_mask,
    verify_image,
    write_mask,
)

GENERATOR = np.random.default_rng(0)
PHOTO = GENERATOR.integers(0, 256, (40, 60, 3), dtype=np.uint8)


def jpeg(path, *, orientation=None, **options):
    exif = Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    Image.fromarray(PHOTO).save(path, "JPEG", quality=90, exif=exif, **options)
    return path


def size(path):
    return verify_image(path)[:2]


# What each EXIF orientation asks a viewer to do with the stored (H, W) picture.
SHOWN = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a[::-1].swapaxes(0, 1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: a.swapaxes(0, 1)[::-1],
}


@pytest.mark.parametrize("orientation", SHOWN)
def test_orientation_is_applied(tmp_path, orientation):
    path = jpeg(tmp_path / "photo.jpg", orientation=orientation)
    stored = np.asarray(Image.open(path))
    shown = SHOWN[orientation](stored)
    assert np.array_equal(read_image(path), shown)
    assert size(path) == shown.shape[:2]


def test_damaged_exif_is_ignored_without_a_warning(tmp_path):
    path = jpeg(tmp_path / "photo.jpg", orientation=6)
    content = path.read_bytes()
    place = content.index(b"Exif\0\0") + 6
    path.write_bytes(content[:place] + b"\xff" * 8 + content[place + 8 :])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert size(path) == (40, 60)
        assert read_image(path).shape == (40, 60, 3)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}, {"subsampling": 0}])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.99])
def test_truncated_jpeg_is_found(tmp_path, options, share):
    path = jpeg(tmp_path / "photo.jpg", **options)
    assert size(path) == (40, 60)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ImageError, match="photo"):
        size(path)
    with pytest.raises(ImageError):
        read_image(path)


def test_jpeg_with_bytes_after_its_end_is_whole(tmp_path):
    path = jpeg(tmp_path / "photo.jpg")
    path.write_bytes(path.read_bytes() + b"\0\0appended by a telephone")
    assert size(path) == (40, 60)
    assert read_image(path).shape == (40, 60, 3)


def test_truncated_png_is_found(tmp_path):
    path = tmp_path / "photo.png"
    Image.fromarray(PHOTO).save(path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ImageError, match="truncated or damaged"):
        size(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "not an image"), (b"hello, this is text", "not an image"), (b"\xff\xd8\xff", "not an image")],
)
def test_not_an_image(tmp_path, content, message):
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    for read in (verify_image, read_image, read_mask):
        with pytest.raises(ImageError, match=message):
            read(path)


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(ImageError, match="no such file"):
        verify_image(tmp_path / "missing.jpg")
    with pytest.raises(ImageError, match="a folder, not an image"):
        verify_image(tmp_path)


def test_huge_header_is_refused_without_decoding(tmp_path):
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    path = tmp_path / "bomb.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b""))
    with pytest.raises(ImageError, match="too large"):
        read_image(path)


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (np.array([[0, 128]], np.uint8), [[[0, 0, 0], [128, 128, 128]]]),
        # 16 bits: 257 is 1/255 of the range.
        (np.array([[0, 257, 65535]], np.uint16), [[[0, 0, 0], [1, 1, 1], [255, 255, 255]]]),
        # Half transparent black over white: 255 * (1 - 128 / 255) = 127.
        (np.array([[[0, 0, 0, 128], [9, 8, 7, 255]]], np.uint8), [[[127, 127, 127], [9, 8, 7]]]),
    ],
)
def test_other_pixel_formats_become_rgb(tmp_path, stored, expected):
    Image.fromarray(stored).save(tmp_path / "photo.png")
    image = read_image(tmp_path / "photo.png")
    assert image.dtype == np.uint8
    assert image.tolist() == expected


@given(
    hnp.arrays(
        np.uint8,
        hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=19),
        elements=st.sampled_from([0, 1, 2, 3, 4, 15, 16, 254, IGNORE]),
        fill=st.just(0),
    )
)
@settings(deadline=None)
def test_mask_survives_a_file(tmp_path_factory, mask):
    path = tmp_path_factory.mktemp("masks") / "deeper" / "mask.png"
    palette = class_palette(5)
    write_mask(path, mask, palette)
    assert np.array_equal(read_mask(path), mask)
    assert size(path) == mask.shape
    # Any viewer sees the palette's colours.
    assert np.array_equal(np.asarray(Image.open(path).convert("RGB")), palette[mask])


@pytest.mark.parametrize(("greatest", "bits"), [(0, 2), (3, 2), (4, 4), (15, 4), (16, 8), (255, 8)])
def test_mask_takes_as_many_bits_as_it_needs(tmp_path, greatest, bits):
    path = tmp_path / "mask.png"
    write_mask(path, np.full((3, 5), greatest, np.uint8), class_palette(4))
    content = path.read_bytes()
    assert content[24] == bits  # after the signature, IHDR's length and name, width and height
    assert (read_mask(path) == greatest).all()


def test_mask_of_a_view_and_of_a_very_wide_image(tmp_path):
    path = tmp_path / "mask.png"
    base = np.arange(4 * 20_000, dtype=np.uint32).reshape(4, 20_000)
    for mask in ((base % 3).astype(np.uint8), (base % 3).astype(np.uint8)[:, ::2], (base % 3).astype(np.uint8).T):
        write_mask(path, mask, class_palette(3))
        assert np.array_equal(read_mask(path), mask)


def test_photograph_is_not_a_mask(tmp_path):
    with pytest.raises(ImageError, match="not an index mask"):
        read_mask(jpeg(tmp_path / "photo.jpg"))


def test_palette_tells_classes_apart():
    palette = class_palette(20)
    assert palette.shape == (256, 3)
    assert palette.dtype == np.uint8
    assert palette[0].tolist() == [0, 0, 0]
    assert len({tuple(colour) for colour in palette[:20].tolist()}) == 20
    assert palette[IGNORE].tolist() == palette[200].tolist() == [160, 160, 160]


def test_resizing_invents_no_class():
    mask = np.array([[0, 2], [IGNORE, 0]], np.uint8)
    assert set(np.unique(resize_mask(mask, (7, 5)))) <= {0, 2, IGNORE}
    # Twice the size: each pixel becomes 2 x 2.
    assert resize_mask(mask, (4, 4)).tolist() == np.kron(mask, np.ones((2, 2), np.uint8)).tolist()
    assert resize_mask(mask, (2, 2)) is mask


def test_resizing_averages_what_shrinks():
    image = np.zeros((4, 4, 3), np.uint8)
    image[:, ::2] = 200
    shrunk = resize_image(image, (1, 1))
    assert shrunk.shape == (1, 1, 3)
    assert abs(int(shrunk[0, 0, 0]) - 100) <= 30
    assert resize_image(image, (4, 4)) is image
