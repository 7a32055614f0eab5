"""Pictures become small: drawings keep their lines, photographs their colours."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from maskwright.report.pictures import embedded_picture
from support.results import write_picture


def decoded(picture):
    return Image.open(io.BytesIO(base64.b64decode(picture.address.partition(",")[2])))


@pytest.mark.parametrize(("photograph", "kind", "mode"), [(True, "JPEG", "RGB"), (False, "PNG", "P")])
def test_each_kind(tmp_path, photograph, kind, mode):
    write_picture(tmp_path / "a.png", photograph=photograph)
    picture = embedded_picture(tmp_path / "a.png", "what it shows")
    image = decoded(picture)
    assert (image.format, image.mode, image.size) == (kind, mode, (200, 120))
    assert picture[1:] == (200, 120, "what it shows")
    if not photograph:
        np.testing.assert_array_equal(np.asarray(image.convert("RGB")), np.asarray(Image.open(tmp_path / "a.png")))


@pytest.mark.parametrize(
    ("size", "expected"), [((3200, 100), (1600, 50)), ((100, 4800), (50, 2400)), ((1600, 2400), (1600, 2400))]
)
def test_large_ones_are_scaled_down(tmp_path, size, expected):
    Image.new("RGB", size, "white").save(tmp_path / "a.png")
    picture = embedded_picture(tmp_path / "a.png", "")
    assert (picture.width, picture.height) == decoded(picture).size == expected
