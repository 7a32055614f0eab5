"""Predicting masks of new photographs: what is written, and that VIA's polygons say the same."""

import csv
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.ndimage import gaussian_filter

from maskwright.experiments.segmentation.predict import polygons, predict, without_specks
from maskwright.photos.images import read_mask
from maskwright.photos.splits import read_split
from maskwright.predictions.photographs import find_photographs
from maskwright.shared.errors import MaskwrightError
from maskwright.via.convert import convert_file
from maskwright.via.lint import lint
from maskwright.via.model import LabelledRegion
from maskwright.via.rasterise import rasterise

ROOT = Path(__file__).parents[3]
CLASSES = ["background", "cat", "dog"]
SIZE = (32, 48)


def photo(path, height=20, width=30, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(height * width)
    blocks = random.integers(0, 256, (-(-height // 8), -(-width // 8), 3), np.uint8)
    Image.fromarray(blocks.repeat(8, axis=0).repeat(8, axis=1)[:height, :width]).save(path, **options)
    return path


def find(*paths, out="out", via=None):
    return find_photographs([Path(path) for path in paths], out=Path(out), via=via and Path(via))


def ious(mask, other):
    """Return the IoU of each index that either mask holds."""
    assert mask.shape == other.shape
    indices = np.union1d(mask, other)
    return {
        int(i): np.count_nonzero((mask == i) & (other == i)) / np.count_nonzero((mask == i) | (other == i))
        for i in indices
    }


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


# Specks and polygons


@pytest.mark.parametrize(("height", "width", "largest_speck"), [(100, 100, 15), (1000, 1000, 15), (1000, 2000, 31)])
def test_what_is_a_speck(height, width, largest_speck):
    mask = np.zeros((height, width), np.uint8)
    mask[1, 1 : 1 + largest_speck] = 1
    mask[3, 1 : 2 + largest_speck] = 2
    expected = mask.copy()
    expected[1] = 0
    np.testing.assert_array_equal(without_specks(mask), expected)


def painted(regions, mask):
    labelled = [LabelledRegion(r.number, CLASSES.index(r.attributes["class"]), r.shape, r.geometry) for r in regions]
    return rasterise(labelled, *mask.shape)


def blobs(seed, height, width, smoothness):
    random = np.random.default_rng(seed)
    scores = gaussian_filter(random.normal(size=(3, height, width)), (0, smoothness, smoothness))
    return without_specks(scores.argmax(axis=0).astype(np.uint8))


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(1, 60), st.floats(0.3, 8))
def test_polygons_paint_the_mask_again(seed, height, width, smoothness):
    mask = blobs(seed, height, width, smoothness)
    assert min(ious(mask, painted(polygons(mask, CLASSES), mask)).values()) >= 0.95


def test_polygons_of_a_large_mask_are_few_and_stay_within_it():
    coarse = np.random.default_rng(0).normal(size=(3, 25, 17)).astype(np.float32)
    scores = [Image.fromarray(map_).resize((1003, 1501), Image.Resampling.BICUBIC) for map_ in coarse]
    mask = without_specks(np.argmax([np.asarray(map_) for map_ in scores], axis=0).astype(np.uint8))
    regions = polygons(mask, CLASSES)
    assert min(ious(mask, painted(regions, mask)).values()) >= 0.95
    xs = np.concatenate([region.geometry["all_points_x"] for region in regions])
    ys = np.concatenate([region.geometry["all_points_y"] for region in regions])
    assert (xs.min(), xs.max(), ys.min(), ys.max()) == (0, 1003, 0, 1501)
    outline = np.count_nonzero(mask[1:] != mask[:-1]) + np.count_nonzero(mask[:, 1:] != mask[:, :-1])
    assert len(xs) < outline / 8


def test_thin_things_in_a_large_mask_are_drawn_in_full_resolution():
    mask = np.zeros((1500, 1500), np.uint8)
    mask[100:1400:100, 50:1450] = 1  # lines one pixel high, which the scaled mask has only some of
    regions = polygons(mask, CLASSES)
    assert Counter(region.attributes["class"] for region in regions) == {"cat": 13}
    assert min(ious(mask, painted(regions, mask)).values()) >= 0.95


# The whole way, with a network that was never trained: its masks are as ragged as they come


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    import keras

    from maskwright.experiments.segmentation.learn import network as fcn
    from maskwright.learning.common.saved import save_model

    folder = tmp_path_factory.mktemp("models") / "segmentation"
    keras.utils.set_random_seed(1)
    save_model(fcn.fast(3), {"network": "fast", "classes": CLASSES, "size": list(SIZE)}, folder)
    return folder


def written(out):
    with (out / "index.csv").open(newline="", encoding="utf-8") as file:
        return {row["image"]: row for row in csv.DictReader(file)}


@pytest.mark.slow
def test_masks_overlays_and_a_project_that_gives_the_same_masks(here, model):
    exif = Image.Exif()
    exif[0x0112] = 6
    shown = {
        photo(Path("photos/a.jpg"), 300, 400): (300, 400),
        photo(Path("photos/a.png"), 64, 96): (64, 96),
        photo(Path("photos/rotated, ä.jpg"), 240, 320, exif=exif): (320, 240),
        photo(Path("photos/inner/dot.png"), 1, 1): (1, 1),
        photo(Path("photos/inner/long.png"), 30, 20_000): (30, 20_000),
        photo(Path("photos/phone.jpg"), 1200, 2500): (1200, 2500),
    }
    before = {path: path.read_bytes() for path in shown}
    out, via = Path("predicted masks"), Path("photos/out.json")
    found = find("photos", "photos/inner", out=out, via=via)
    predict(found, model=model, out=out, via=via)

    rows = written(out)
    assert {Path(image): (int(row["height"]), int(row["width"])) for image, row in rows.items()} == shown
    assert sorted(path.name for path in out.iterdir()) == sorted(
        ["index.csv", *(row[kind] for row in rows.values() for kind in ("mask", "overlay"))]
    )
    assert rows["photos/a.jpg"]["mask"] == "a.png"
    assert rows["photos/a.png"]["mask"] == "a_2.png"
    masks = {path: read_mask(out / rows[path.as_posix()]["mask"]) for path in shown}
    assert {path: mask.shape for path, mask in masks.items()} == shown
    assert Image.open(out / "a.png").mode == "P"
    overlays = {path: Image.open(out / rows[path.as_posix()]["overlay"]).size for path in shown}
    # Below the photograph is a legend in one line, of letters of 12 (400 / 55 are fewer) and 26 pixels (2048 / 55 are
    # more): 1.6 of them, and 0.6 above and below.
    assert overlays[Path("photos/a.jpg")] == (400, 300 + 19 + 2 * 7)
    assert overlays[Path("photos/phone.jpg")] == (2048, 983 + 42 + 2 * 16)  # 1200 * 2048 / 2500 = 983.04
    assert {path: path.read_bytes() for path in shown} == before

    report = lint(via, classes=CLASSES[1:])
    assert report.lossless
    assert report.images == len(shown)
    assert not [problem for problem in report.problems if problem.code in ("size-changed", "missing-image")]
    convert_file(via, Path("back"), classes=CLASSES[1:])
    back = {example.image: read_mask(example.mask) for example in read_split(Path("back/masks"))}
    assert back.keys() == masks.keys()
    for path, mask in masks.items():
        assert min(ious(mask, back[path]).values()) >= 0.95, path
    assert any(len(np.unique(mask)) == 3 for mask in masks.values())

    # An earlier prediction is replaced whole; without --via no project is touched.
    content = via.read_bytes()
    predict(find("photos/phone.jpg", out=out), model=model, out=out)
    assert sorted(path.name for path in out.iterdir()) == ["index.csv", "phone.png", "phone_overlay.jpg"]
    assert via.read_bytes() == content
    np.testing.assert_array_equal(read_mask(out / "phone.png"), masks[Path("photos/phone.jpg")])


@pytest.mark.slow
def test_tiles_and_mirror_images(here, model):
    photo(Path("a.png"), *SIZE)
    Image.fromarray(np.asarray(Image.open("a.png"))[:, ::-1]).save("mirrored.png")
    photo(Path("wide.png"), SIZE[0], 4 * SIZE[1])

    def masks(out, **options):
        predict(find("a.png", "mirrored.png", "wide.png", out=out), model=model, out=Path(out), **options)
        return [read_mask(Path(out) / f"{name}.png") for name in ("a", "mirrored", "wide")]

    whole, tiled = masks("whole"), masks("tiled", tile=SIZE[1])
    # A photograph that is one tile is seen as it is without; one of four sees more than the network's input holds.
    np.testing.assert_array_equal(tiled[0], whole[0])
    assert np.mean(tiled[2] == whole[2]) < 0.99
    flipped = masks("flipped", flip=True)
    assert np.mean(flipped[0] == flipped[1][:, ::-1]) > 0.995
    assert np.mean(whole[0] == whole[1][:, ::-1]) < 0.995


@pytest.mark.slow
def test_tiles_that_would_take_too_much_memory_are_refused(here, model):
    photo(Path("a.png"), 3000, 3000)
    found = find("a.png")
    # 3000 x 3000 pixels and 3 classes are 27 million probabilities at a tile as wide as the network's input, 48, so
    # that 250 million are reached at 48 * sqrt(27 / 250) = 15.8 pixels.
    with pytest.raises(
        MaskwrightError, match=r"^a\.png: 3000 x 3000 pixels in tiles of 15 .* use --tile 16 or more$"
    ):
        predict(found, model=model, out=Path("out"), tile=15)
    assert not Path("out").exists()


@pytest.mark.slow
def test_an_image_that_breaks_meanwhile_leaves_nothing_half_written(here, model):
    photo(Path("photos/a.png"))
    photo(Path("photos/b.png"))
    found = find("photos", via="photos/via.json")
    Path("photos/b.png").write_text("broken")
    with pytest.raises(MaskwrightError, match=r"^photos/b\.png: "):
        predict(found, model=model, out=Path("out"), via=Path("photos/via.json"))
    assert sorted(path.name for path in here.rglob("*")) == ["a.png", "b.png", "photos"]


def command(*arguments, cwd):
    return subprocess.run(
        [sys.executable, "-m", "maskwright", "predict", "segmentation", *arguments],
        cwd=cwd,
        env={k: v for k, v in os.environ.items() if not k.startswith("TF_")} | {"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
    )


def test_without_a_trained_model(here):
    photo(Path("a.jpg"))
    done = command("a.jpg", cwd=here)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "maskwright: error: models/segmentation: no such folder; run `maskwright train segmentation` first\n"
    )


def test_usage(here):
    assert command(cwd=here).returncode == 2
    assert command("a.jpg", "--tile", "0", cwd=here).returncode == 2
    done = command("a.jpg", "b.jpg", cwd=here)
    assert (done.returncode, done.stdout) == (1, "")
    assert "\n  a.jpg: no such file\n  b.jpg: no such file\n" in done.stderr


@pytest.mark.slow
def test_the_command_says_what_it_wrote_in_one_line(here, model):
    shutil.copytree(model, here / "models/segmentation")
    photo(Path("photos/a.jpg"), 60, 80)
    # Regions to be added to the training file have their class where that file has it.
    (here / "data/masks").mkdir(parents=True)
    (here / "data/masks/report.json").write_text('{"train": {"label": "species"}}')
    done = command("photos", "--via", "photos/out.json", "--flip", "--tile", "40", cwd=here)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "1 image: masks and overlays in predictions/segmentation; polygons in photos/out.json, which opens in VIA\n"
    )
    assert sorted(path.name for path in (here / "predictions/segmentation").iterdir()) == [
        "a.png",
        "a_overlay.jpg",
        "index.csv",
    ]
    project = json.loads(Path("photos/out.json").read_text())
    assert project["_via_attributes"]["region"]["species"]["options"] == {"cat": "cat", "dog": "dog"}
    (image,) = project["_via_img_metadata"].values()
    assert image["filename"] == "a.jpg"
    assert image["size"] == Path("photos/a.jpg").stat().st_size
    assert image["regions"]
    assert {tuple(region["region_attributes"]) for region in image["regions"]} == {("species",)}
