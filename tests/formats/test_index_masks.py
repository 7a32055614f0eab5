import json

import numpy as np
import pytest
from PIL import Image

from maskwright.formats.convert import LossError, convert
from maskwright.photos.images import class_palette, read_mask, write_mask
from maskwright.shared.errors import MaskwrightError
from maskwright.via.convert import convert_file
from maskwright.via.read import entries, open_annotations

H, W = 30, 40


def masks(root, arrays, *, classes=None, suffix=".jpg"):
    """Masks in `root/masks` and photographs of the same names in `root/photos`."""
    (root / "photos").mkdir(parents=True)
    (root / "masks").mkdir()
    for name, mask in arrays.items():
        write_mask(root / "masks" / f"{name}.png", mask, class_palette(4))
        Image.new("RGB", mask.shape[::-1]).save(root / "photos" / f"{name}{suffix}")
    if classes:
        (root / "masks/classes.json").write_text(json.dumps(classes))
    return root / "masks", root / "photos"


def blobs(seed):
    """Blocks of four classes, with single pixels of others in them."""
    rng = np.random.default_rng(seed)
    mask = rng.integers(0, 4, (H // 5, W // 5)).repeat(5, axis=0).repeat(5, axis=1).astype(np.uint8)
    return np.where(rng.random((H, W)) < 0.05, rng.integers(0, 4, (H, W)), mask).astype(np.uint8)


def square(value=1):
    mask = np.zeros((H, W), np.uint8)
    mask[5:15, 10:30] = value
    return mask


@pytest.mark.parametrize("target", ["via", "coco", "yolo", "png"])
def test_every_pixel_comes_back(tmp_path, target):
    """Holes, specks, and neighbours of other classes: what is painted from the outlines is the mask."""
    arrays = {f"m{n}": blobs(n) for n in range(3)}
    folder, photos = masks(tmp_path, arrays, classes=["background", "cat", "dog", "cow"])
    out = photos / "new.json" if target in ("via", "coco") else tmp_path / "new"
    report = convert(folder, out, target, images=photos, workers=1)
    assert report.lossless
    assert report.classes == ("cat", "dog", "cow")
    if target != "png":
        again = photos / "again.json" if target != "yolo" else out / "again.json"
        convert(out, again, "via", workers=1)
        convert_file(again, tmp_path / "painted", classes=["cat", "dog", "cow"], workers=1)
        out = tmp_path / "painted/masks"
    found = {path.stem: read_mask(path) for path in (out / "masks").rglob("*.png")}
    assert found.keys() == arrays.keys()
    for name, mask in arrays.items():
        np.testing.assert_array_equal(found[name], mask)


def test_what_masks_wrote_is_read_without_more(tmp_path):
    folder, photos = masks(tmp_path, {"a": square(2)}, classes=["background", "cat", "dog"])
    convert(folder, photos / "via.json", "via", images=photos, workers=1)
    convert_file(photos / "via.json", tmp_path / "made", classes=["cat", "dog"], workers=1)
    report = convert(tmp_path / "made/masks", photos / "again.json", "via", workers=1)
    assert report.per_class == {"dog": 1}
    (entry,) = entries(open_annotations(photos / "again.json"))
    assert entry.filename == "a.jpg"
    assert entry.regions[0].geometry == {"all_points_x": (30, 30, 10, 10), "all_points_y": (5, 15, 15, 5)}


def test_simplified(tmp_path):
    rows, columns = np.mgrid[:H, :W]
    disc = ((rows - 15) ** 2 + (columns - 20) ** 2 < 120).astype(np.uint8)
    folder, photos = masks(tmp_path, {"a": disc}, classes=["background", "cat"])
    counts = []
    for tolerance in (0, 2):
        out = photos / f"{tolerance}.json"
        convert(folder, out, "via", images=photos, tolerance=tolerance, workers=1)
        (entry,) = entries(open_annotations(out))
        counts.append(len(entry.regions[0].geometry["all_points_x"]))
    assert counts[1] < counts[0]


def test_findings(tmp_path):
    unknown = square()
    unknown[0, :5] = 255
    arrays = {"a": unknown, "b": square(3), "c": square()}
    folder, photos = masks(tmp_path, arrays, suffix=".PNG")
    Image.new("RGB", (W, H)).save(folder / "d.png")
    Image.new("RGB", (W, H)).save(photos / "d.jpg")
    Image.new("RGB", (H, W)).save(photos / "c.PNG")
    write_mask(folder / "e.png", square(), class_palette(4))
    with pytest.raises(LossError) as caught:
        convert(folder, tmp_path / "coco", "yolo", images=photos, classes=["cat", "dog"], workers=1)
    found = {(p.image, p.code, p.severity) for p in caught.value.report.problems}
    assert {
        ("a.PNG", "unknown-pixels", "warning"),
        ("b.PNG", "unknown-label", "refused"),
        ("c.PNG", "mask-size", "refused"),
        ("d.jpg", "bad-mask", "refused"),
        ("e", "missing-image", "refused"),
    } <= found


def test_mistakes(tmp_path):
    folder, photos = masks(tmp_path, {"a": square()})
    for options, part in [
        ({"images": photos}, "--classes"),
        ({"classes": ["cat"]}, "--images"),
    ]:
        with pytest.raises(MaskwrightError, match=part):
            convert(folder, photos / "via.json", "via", workers=1, **options)
    (folder / "classes.json").write_text('{"cat": 1}')
    with pytest.raises(MaskwrightError, match="not a list of names"):
        convert(folder, photos / "via.json", "via", images=photos, workers=1)
