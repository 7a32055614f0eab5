"""Files that are damaged, of another kind, or made to do harm: one line says so, and nothing else happens."""

import io
import struct
import subprocess
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from maskwright.photos.images import FORMATS, MOST_MEGAPIXELS, ImageError, read_image, read_mask, verify_image

READERS = (verify_image, read_image, read_mask)
EXAMPLES = 600
LARGEST = 0.01
"""Megapixels: a damaged header may claim any size, and the fuzzing must not spend its time on zeros."""


def photograph(mode):
    """A picture of 40 x 30 in one of Pillow's modes, with noise so that every byte of the file matters."""
    noise = np.random.default_rng(0).integers(0, 256, (30, 40, 4), dtype=np.uint8)
    if mode in ("I;16", "I", "F"):
        return Image.fromarray(noise[..., 0].astype({"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode]) * 200)
    return Image.fromarray(noise[..., :3]).convert(mode)


@cache
def whole_files():
    """Return small files of many kinds and codings."""
    exif = Image.Exif()
    exif[0x0112] = 6
    kinds = [
        *(("JPEG", mode, options) for mode in ("L", "RGB", "CMYK") for options in ({}, {"progressive": True})),
        ("MPO", "RGB", {"save_all": True, "append_images": [photograph("RGB")]}),
        *(("PNG", mode, {}) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")),
        ("PNG", "RGB", {"save_all": True, "append_images": [photograph("RGB").rotate(180)]}),
        *(
            ("TIFF", mode, {"compression": compression})
            for mode in ("1", "L", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "I", "F")
            for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits")
        ),
        ("TIFF", "RGB", {"compression": "jpeg"}),
        ("TIFF", "1", {"compression": "group4"}),
        *(("WEBP", mode, options) for mode in ("RGB", "RGBA") for options in ({}, {"lossless": True})),
        *(("BMP", mode, {}) for mode in ("1", "L", "P", "RGB")),
        ("GIF", "P", {"save_all": True, "append_images": [photograph("P").rotate(180)]}),
    ]
    files = []
    for kind, mode, options in kinds:
        file = io.BytesIO()
        turned = {"exif": exif} if kind not in ("BMP", "GIF") else {}
        photograph(mode).save(file, kind, **turned, **options)
        files.append(file.getvalue())
    return files


def outcome(reading, path, **how):
    """Return what a reader returns; None if it says in one line that it cannot."""
    try:
        return reading(path, **how)
    except ImageError as error:
        message = str(error)
        assert message.startswith(f"{path}: ")
        assert "\n" not in message
        return None


@given(data=st.data())
@settings(max_examples=EXAMPLES, deadline=None)
def test_a_damaged_file_is_read_or_refused_and_the_readers_agree(tmp_path_factory, data):
    content = bytearray(data.draw(st.sampled_from(whole_files())))
    for _ in range(data.draw(st.integers(0, 4))):
        # Headers, where most of the meaning is, are hit as often as all the rest.
        place = data.draw(st.integers(0, min(200, len(content) - 1)) | st.integers(0, len(content) - 1))
        how = data.draw(st.sampled_from(["set", "insert", "cut", "repeat"]))
        if how == "set":
            content[place] = data.draw(st.integers(0, 255))
        elif how == "insert":
            content[place:place] = data.draw(st.binary(min_size=1, max_size=4))
        elif how == "cut":
            del content[place : place + data.draw(st.sampled_from([1, 2, 50, 10_000]))]
        else:
            content[place:place] = content[place : place + 64]
        if not content:
            break
    path = tmp_path_factory.mktemp("damage") / "photo.jpg"
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        verified = outcome(verify_image, path, megapixels=LARGEST)
        image = outcome(read_image, path, megapixels=LARGEST)
        outcome(read_mask, path) if image is not None else None
    if image is not None:
        assert image.dtype == np.uint8
        # A picture that can be read is not always one that verifies: of a JPEG, the missing end is found.
        assert verified is None or image.shape == (verified.height, verified.width, 3)
    else:
        # What verifies can be read; a JPEG alone is not decoded.
        assert verified is None or content[:2] == b"\xff\xd8"


def test_whole_files_are_read(tmp_path):
    for content in whole_files():
        path = tmp_path / "photo"
        path.write_bytes(content)
        verified = verify_image(path)
        assert read_image(path).shape == (verified.height, verified.width, 3)


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x20ftypavif\0\0\0\0avifmif1", "AVIF"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"\xff\x0a\x7a\x43", "JPEG XL"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 40 30\n%%EndComments\n", "PostScript"),
        (b"%PDF-1.7\n", "PDF"),
        (b"8BPS\0\x01", "Photoshop"),
        (b'<?xml version="1.0"?><svg width="40" height="30"/>', "SVG"),
        (b"DDS \x7c\0\0\0", "DDS"),
    ],
)
def test_other_kinds_are_named_with_the_cure(tmp_path, start, kind):
    path = tmp_path / "photo.jpg"
    path.write_bytes(start + bytes(100))
    for reading in READERS:
        with pytest.raises(ImageError) as caught:
            reading(path)
        assert str(caught.value) == f"{path}: {kind}; export it as JPEG"


def test_no_other_kind_that_pillow_knows_is_opened(tmp_path, monkeypatch):
    """Pillow hands PostScript to Ghostscript, and of formats that few people use it raises anything at all."""

    def started(*_, **__):
        raise AssertionError("a program was started")

    monkeypatch.setattr(subprocess, "Popen", started)
    warnings.simplefilter("ignore", DeprecationWarning)  # of Pillow, about saving in an old format
    Image.init()
    # Saving one of these kinds, SPIDER, makes the file's suffix its own, whatever that was before.
    monkeypatch.setattr(Image, "EXTENSION", {**Image.EXTENSION})
    tried = []
    for kind in sorted(set(Image.SAVE) - {*FORMATS, "MPO"}):
        path = tmp_path / "photo.jpg"
        for mode in ("RGB", "P", "L", "1", "F"):
            try:
                photograph(mode).save(path, kind)
            except (OSError, ValueError, KeyError, AssertionError):
                continue
            assert outcome(verify_image, path) is outcome(read_image, path) is None, kind
            tried.append(kind)
            break
    assert {"EPS", "PPM", "TGA", "PCX", "ICO", "SGI", "DDS", "BLP"} <= set(tried)


def test_colours_that_cannot_be_turned_into_rgb(tmp_path):
    Image.new("LAB", (4, 3)).save(tmp_path / "lab.tif")
    for reading in (verify_image, read_image):
        with pytest.raises(ImageError, match=r"lab\.tif: its colours are LAB; export it as RGB$"):
            reading(tmp_path / "lab.tif")


def header_of(path, width, height):
    """Write a PNG that claims a size, and holds nothing."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b""))
    return path


def test_a_huge_photograph_is_refused_by_its_header_and_the_cure_is_named(tmp_path):
    path = header_of(tmp_path / "bomb.png", 20_000, 20_000)
    with pytest.raises(ImageError) as caught:
        verify_image(path)
    assert str(caught.value) == (
        f"{path}: 20000 x 20000 pixels are too large (over 100 megapixels); scale it down, or set "
        "annotations.megapixels: 400 in params.yaml"
    )
    with pytest.raises(ImageError, match="truncated or damaged"):
        verify_image(path, megapixels=400)
    # No setting allows more than a thousand megapixels.
    path = header_of(tmp_path / "bomb.png", 100_000, 100_000)
    for reading in (verify_image, read_image, read_mask):
        with pytest.raises(ImageError, match=r"megapixels\); scale it down$"):
            reading(path)
    with pytest.raises(ImageError, match=r"over 1,000 megapixels\); scale it down$"):
        verify_image(path, megapixels=MOST_MEGAPIXELS)


def test_pillows_limit_is_lifted_for_readers_alone(tmp_path, monkeypatch):
    """Threads read at the same time, and Pillow's limit is one for all of them."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    filters = list(warnings.filters)
    path = tmp_path / "photo.tif"
    photograph("RGB").save(path)  # 1,200 pixels: Pillow stops at twice its limit
    with pytest.raises(Image.DecompressionBombError):
        Image.open(path)
    with ThreadPoolExecutor(4) as pool:
        shapes = list(pool.map(lambda _: read_image(path).shape, range(400)))
    assert shapes == [(30, 40, 3)] * 400
    assert Image.MAX_IMAGE_PIXELS == 100
    assert filters == warnings.filters
