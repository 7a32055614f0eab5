import numpy as np
import pytest
from PIL import Image

from maskwright.photos.images import ImageError
from maskwright.photos.objects import read_objects, resize_objects, write_objects


def test_numbers_survive_the_file(tmp_path):
    objects = np.array([[0, 1, 255], [256, 65_534, 65_535]], np.uint16)
    write_objects(tmp_path / "new/a.png", objects)
    read = read_objects(tmp_path / "new/a.png")
    assert read.dtype == np.uint16
    assert (read == objects).all()
    with Image.open(tmp_path / "new/a.png") as image:
        assert image.mode == "I;16"


def test_a_mask_of_classes_is_no_mask_of_objects(tmp_path):
    Image.new("L", (3, 2)).save(tmp_path / "a.png")
    with pytest.raises(ImageError, match=r"a.png: not object numbers \(mode L\); expected one 16-bit channel"):
        read_objects(tmp_path / "a.png")


def test_resizing_invents_no_number():
    objects = np.array([[1, 40_000], [65_535, 0]], np.uint16)
    assert (resize_objects(objects, (4, 4)) == objects.repeat(2, 0).repeat(2, 1)).all()
    assert resize_objects(objects, (2, 2)) is objects
    # The nearest pixel, as for masks: of each pair of columns the second.
    wide = np.arange(1, 9, dtype=np.uint16)[None]
    assert resize_objects(wide, (1, 4)).tolist() == [[2, 4, 6, 8]]
