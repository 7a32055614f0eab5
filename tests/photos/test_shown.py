"""Every part of the program takes a photograph as it is shown: the same shape, and the same way up.

The property is checked for each format, kind of values and EXIF orientation. "Lint" is the check of an annotation
file, "masks" the index and masks of a split, "training" what `photos.batches` gives the network, and "predict" the
list that the predictions work through.
"""

import json
from itertools import product

import numpy as np
import pytest
from PIL import Image, features

from maskwright.photos.batches import decode_images, decode_masks
from maskwright.photos.images import image_size, read_image, read_mask, verify_image
from maskwright.photos.splits import read_split
from maskwright.predictions.photographs import find_photographs, predicted_with_images
from maskwright.via.convert import convert_file
from maskwright.via.lint import lint

HEIGHT, WIDTH = 24, 40  # as stored
ORIENTATIONS = (None, 1, 2, 3, 4, 5, 6, 7, 8)
MODES = {
    "JPEG": ("L", "RGB", "CMYK"),
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "TIFF": ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "I", "F"),
    "WEBP": ("RGB", "RGBA"),
    "BMP": ("1", "L", "P", "RGB"),
    "GIF": ("L", "P"),
}
SUFFIX = {"JPEG": "jpg", "TIFF": "tif"}
KEEPS_ORIENTATION = ("JPEG", "PNG", "TIFF", "WEBP")
COMPRESSIONS = ("raw", "tiff_lzw", "tiff_adobe_deflate")

# A bright corner at the top left of the stored picture: where it is shown tells each orientation from the others.
STORED = np.zeros((HEIGHT, WIDTH), np.uint8)
STORED[: HEIGHT // 2, : WIDTH // 4] = 200
STORED[: HEIGHT // 4, : WIDTH // 2] = 200
SHOWN = {
    None: STORED,
    1: STORED,
    2: STORED[:, ::-1],
    3: STORED[::-1, ::-1],
    4: STORED[::-1],
    5: STORED.T,
    6: STORED[::-1].T,
    7: STORED[::-1, ::-1].T,
    8: STORED.T[::-1],
}


def picture(mode):
    if mode == "I;16":
        return Image.fromarray(STORED.astype(np.uint16) * 257)
    if mode == "I":
        return Image.fromarray(STORED.astype(np.int32) * 257)
    if mode == "F":
        return Image.fromarray(STORED.astype(np.float32) / 255)
    if mode == "1":
        return Image.fromarray(STORED > 0)
    return Image.fromarray(STORED).convert("RGB").convert(mode)


def write(path, kind, mode, orientation, compression):
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    options = {"exif": exif} if kind in KEEPS_ORIENTATION and orientation is not None else {}
    if compression:
        options["compression"] = compression
    picture(mode).save(path, kind, **options)


def kinds():
    for kind, modes in MODES.items():
        for mode, orientation in product(modes, ORIENTATIONS if kind in KEEPS_ORIENTATION else (None,)):
            compressions = COMPRESSIONS if kind == "TIFF" and features.check("libtiff") else ("",)
            # Every compression with the two orientations that turn and do not turn, the others with the first.
            for compression in compressions if orientation in (None, 6) else compressions[:1]:
                yield kind, mode, orientation, compression


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """A folder with a photograph of each kind, and its annotations: a rectangle around the bright corner's widest."""
    folder = tmp_path_factory.mktemp("shown")
    regions, expected = {}, {}
    for number, (kind, mode, orientation, compression) in enumerate(kinds()):
        name = f"{number:03}_{kind}_{mode.replace(';', '')}_{orientation}.{SUFFIX.get(kind, kind.lower())}"
        write(folder / name, kind, mode, orientation, compression)
        shown = SHOWN[orientation]
        rows, columns = np.nonzero(shown)
        box = {"x": int(columns.min()), "y": int(rows.min())}
        box |= {"width": int(np.ptp(columns)) + 1, "height": int(np.ptp(rows)) + 1}
        shape = {"shape_attributes": {"name": "rect", **box}, "region_attributes": {"kind": "corner"}}
        regions[name] = {"filename": name, "size": -1, "regions": [shape], "file_attributes": {}}
        expected[name] = shown
    (folder / "via.json").write_text(json.dumps(regions))
    return folder, expected


def test_lint_masks_training_and_predict_see_the_same_picture(photographs, tmp_path):
    folder, expected = photographs
    report = lint(folder / "via.json", workers=1)
    assert report.lossless
    assert report.images_unusable == 0
    # A region that lint had placed in an unturned picture would be cut off at its border.
    assert {problem.code for problem in report.problems} <= {"scaled-values"}
    convert_file(folder / "via.json", tmp_path / "masks", workers=1)
    examples = read_split(tmp_path / "masks/masks")
    assert [example.image.name for example in examples] == list(expected)
    found = find_photographs([folder], out=tmp_path / "out", via=None)
    assert [photograph.path.name for photograph in found] == list(expected)
    given = predicted_with_images(found, lambda images: (image.shape for image in images))
    for example, (photograph, _, predicted) in zip(examples, given, strict=True):
        name = example.image.name
        shown = expected[name]
        where = np.nonzero(shown)
        image, mask = read_image(example.image), read_mask(example.mask)
        verified = verify_image(example.image)
        (training,) = decode_images([example.image], shown.shape)
        (training_mask,) = decode_masks([example.mask], shown.shape)
        shapes = {
            "verified": verified[:2],
            "header": image_size(example.image),
            "masks": mask.shape,
            "evaluate": image.shape[:2],
            "predict": (photograph.height, photograph.width),
            "predicted": predicted[:2],
        }
        assert set(shapes.values()) == {shown.shape}, (name, shapes)
        np.testing.assert_array_equal(training, image)
        np.testing.assert_array_equal(training_mask, mask)
        # The picture is the right way up, and the mask lies on it.
        assert ((image[..., 0] > 100) == (shown > 100)).mean() > 0.98, name
        assert mask[where].all(), name
        assert mask.sum() == (np.ptp(where[0]) + 1) * (np.ptp(where[1]) + 1), name


def test_a_tiff_annotated_as_it_is_shown_keeps_its_region(tmp_path):
    """Stored 30 wide and 20 high, shown 20 wide and 30 high: the region at y 22 to 28 lies inside."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (30, 20)).save(tmp_path / "a.tif", exif=exif)
    shape = {"name": "rect", "x": 2, "y": 22, "width": 10, "height": 6}
    region = {"shape_attributes": shape, "region_attributes": {"kind": "cat"}}
    (tmp_path / "via.json").write_text(json.dumps({"a": {"filename": "a.tif", "size": -1, "regions": [region]}}))
    report = convert_file(tmp_path / "via.json", tmp_path / "out", workers=1)
    assert report.per_class == {"cat": 1}
    (example,) = read_split(tmp_path / "out/masks")
    mask = read_mask(example.mask)
    assert mask.shape == read_image(example.image).shape[:2] == (30, 20)
    assert mask[22:28, 2:12].all()
    assert mask.sum() == 60


def test_a_photograph_of_several_pictures_is_its_first(tmp_path):
    """Telephones put a second picture behind the first (MPO), scanners write a TIFF of pages."""
    pages = [Image.new("RGB", (30, 20), colour) for colour in ("red", "blue")]
    for name, kind in (("a.jpg", "MPO"), ("a.tif", "TIFF"), ("a.gif", "GIF"), ("a.webp", "WEBP"), ("a.png", "PNG")):
        second = pages[1].resize((10, 10)) if kind in ("MPO", "TIFF") else pages[1]
        pages[0].save(tmp_path / name, kind, save_all=True, append_images=[second])
        assert verify_image(tmp_path / name) == (20, 30, ""), name
        image = read_image(tmp_path / name)
        assert image.shape == (20, 30, 3)
        assert image[..., 0].min() > 240, name
