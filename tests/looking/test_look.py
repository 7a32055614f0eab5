"""A look at small photographs whose objects, sizes and copies are known."""

import csv
import json
import re
from html import unescape

import numpy as np
import pytest
from PIL import Image

from maskwright.looking.annotations import look_at_file
from maskwright.looking.hashing import Pair
from maskwright.looking.look import examine, look
from maskwright.looking.masks import Remark, read_masks, read_outlines
from maskwright.looking.remarks import worst_first
from maskwright.shared.errors import MaskwrightError
from maskwright.via.convert import convert_annotations, convert_file
from maskwright.via.params import Annotations

SIZE = (20, 40)
"""Of the network: half the height and width of the photographs, 40 x 80."""


def rect(label, x, y, width, height):
    shape = {"name": "rect", "x": x, "y": y, "width": width, "height": height}
    return {"shape_attributes": shape, "region_attributes": {"kind": label}}


def picture(seed):
    noise = np.random.default_rng(seed).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    return Image.fromarray(noise).resize((80, 40), Image.Resampling.BICUBIC)


def annotate(path, images):
    listed = {
        name: {"filename": name, "size": -1, "regions": regions, "file_attributes": {}}
        for name, regions in images.items()
    }
    path.write_text(json.dumps(listed))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Four photographs to train on, one to choose by, and two to test on, one of which is a mirrored one of training.

    A cat is 40 x 10 pixels, 400 of 3200: in the network's picture, of 800 pixels, it has 100, and so a side of 10.
    The small dog is 4 x 4 pixels, and has a side of 2.
    """
    root = tmp_path_factory.mktemp("look") / "photos"
    root.mkdir()
    for seed, name in enumerate(["a.png", "b.png", "c.png", "d.png", "v.png", "t.png"]):
        picture(seed).save(root / name)
    picture(1).transpose(Image.Transpose.FLIP_LEFT_RIGHT).resize((160, 80)).save(root / "mirror.png")
    cat = rect("cat", 40, 0, 40, 10)
    training = {
        "a.png": [cat, rect("dog", 0, 0, 4, 4)],
        "b.png": [cat],
        "c.png": [],
        "d.png": [cat, rect("", 10, 20, 8, 8)],
        "gone.png": [cat],
    }
    annotate(root / "train.json", training)
    annotate(root / "validation.json", {"v.png": [cat, rect("dog", 0, 20, 80, 20)]})
    annotate(root / "test.json", {"t.png": [cat], "mirror.png": [rect("cat", 0, 0, 80, 20)]})
    return root


@pytest.fixture(scope="module")
def masks(root):
    out = root.parent / "masks"
    files = {"train": "train.json", "validation": "validation.json", "test": "test.json"}
    convert_annotations(Annotations(root=str(root), on_error="skip", **files), out, workers=1)
    return out


@pytest.fixture(scope="module")
def found(masks):
    return examine(masks, size=SIZE, workers=1)


def test_counts_by_split_and_class(found):
    statistics = found.statistics
    assert found.data.classes == ("background", "cat", "dog")
    assert statistics.photographs.tolist() == [4, 1, 2]
    assert statistics.objects.tolist() == [[3, 1], [1, 1], [2, 0]]
    assert statistics.holding.tolist() == [[3, 1], [1, 1], [2, 0]]
    # Training: four photographs of 3200; three cats of 400, a dog of 16, and 64 pixels of unknown class.
    assert statistics.pixels[0].tolist() == [12800 - 1200 - 16 - 64, 1200, 16, 64]
    assert statistics.pixels[1].tolist() == [3200 - 400 - 1600, 400, 1600, 0]
    assert [found.data.photographs[position].name for position in statistics.empty] == ["c.png"]


def test_sizes_are_the_networks(found):
    # Every cat has a side of 10, the mirrored one at twice the size too (1600 of 12800); dogs of 2, and of 20.
    assert sorted(found.statistics.sides.tolist()) == pytest.approx([2, 10, 10, 10, 10, 10, 10, 20])
    # Below 1, 1-2, 2-4, 4-8, 8-16, 16-32, 32-64, from 64.
    assert found.statistics.octaves.tolist() == [[0, 0, 0, 0, 6, 0, 0, 0], [0, 0, 1, 0, 0, 1, 0, 0]]
    assert found.statistics.median_sides.tolist() == pytest.approx([10, 11])
    assert found.statistics.small.tolist() == [0, 1]


def test_positions_are_shares_of_the_photographs_with_the_class(found):
    cats, dogs = found.statistics.places  # 24 x 32 cells
    # Five of the six cats fill the right half of the top quarter (6 rows); the mirrored one fills the left half.
    assert cats[:6, 16:] == pytest.approx(np.full((6, 16), 5 / 6), abs=0.01)
    assert cats[:6, :16] == pytest.approx(np.full((6, 16), 1 / 6), abs=0.01)
    assert not cats[6:].any()
    # One of the two dogs fills the lower half; the other a tenth of the height, 2.4 rows, and 1.6 columns.
    assert dogs[12:] == pytest.approx(np.full((12, 32), 0.5), abs=0.01)
    assert dogs[:12].sum() == pytest.approx(0.5 * 2.4 * 1.6, abs=0.05)


def test_the_mirrored_copy_in_the_test_split_is_a_leak(found):
    names = [photograph.name for photograph in found.data.photographs]
    (pair,) = found.pairs
    assert pair == Pair(names.index("b.png"), names.index("mirror.png"), pair.bits, True)
    (about_b,) = found.remarks[names.index("b.png")]
    assert (about_b.severity, about_b.message) == (
        "leak",
        "looks like mirror.png mirrored, which is in the test split",
    )
    (about_mirror,) = found.remarks[names.index("mirror.png")]
    assert about_mirror.message == "looks like b.png mirrored, which is in the train split"


def test_headlines_say_the_worst_first(found):
    assert [(headline.severity, headline.text) for headline in found.headlines] == [
        ("refused", "2 annotations left out: 1 missing-image, 1 no-label"),
        ("leak", "1 photograph looks like one of another split"),
        ("warning", "no object of the class dog in test"),
        ("warning", "2 warnings: 1 unused-class, 1 no-regions"),
        ("note", "1 object of 8 (12%) under 4 network pixels"),
        ("note", "1 photograph without objects"),
    ]


def test_findings_on_photographs_in_another_folder_are_on_their_photographs(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "labels").mkdir()
    picture(0).save(tmp_path / "photos/a.png")
    entry = {"filename": "a.png", "size": -1, "regions": [rect("cat", 70, 0, 20, 10)], "file_attributes": {}}
    path = tmp_path / "labels/via.json"
    path.write_text(json.dumps({"once": entry, "again": entry}))
    convert_file(path, tmp_path / "masks", images=tmp_path / "photos", workers=1)
    data = read_masks(tmp_path / "masks")
    assert data.unusable == ()
    # The photograph is 80 pixels wide, and the region goes on to 90.
    assert [remark.code for remark in data.photographs[0].remarks] == ["repeated-image", "partly-outside"]


def test_outlines_are_read_for_the_wanted_photographs_alone(masks, found):
    names = [photograph.name for photograph in found.data.photographs]
    wanted = [names.index("d.png"), names.index("mirror.png")]
    outlines = read_outlines(masks, found.data, wanted)
    assert list(outlines) == wanted
    ((index, points),) = outlines[wanted[0]].objects
    assert (index, points.tolist()) == (1, [[40, 0], [80, 0], [80, 10], [40, 10]])
    assert outlines[wanted[0]].unknown == [[10, 20, 8, 8]]
    assert [points.max() for _, points in outlines[wanted[1]].objects] == [80]


def remark(severity, code):
    return Remark(severity, code, "", "")


def test_worst_first_then_the_rarest_kind_then_the_most():
    overlap, lonely = remark("warning", "overlap"), remark("warning", "misspelt")
    remarks = [
        [],  # 0
        [overlap],  # 1
        [remark("note", "small-object")],  # 2
        [overlap, overlap],  # 3: more of the same kind
        [remark("refused", "no-label")],  # 4
        [lonely, remark("note", "small-object")],  # 5: the only one of its kind
        [remark("leak", "look-alike-in-two-splits")],  # 6
        [],  # 7
        [],  # 8
    ]
    assert worst_first(remarks, 7) == [4, 6, 5, 3, 1, 2, 7]  # of three without findings, the one in the middle
    assert worst_first(remarks, 2) == [4, 6]
    assert worst_first(remarks, 99) == [4, 6, 5, 3, 1, 2, 0, 7, 8]
    assert worst_first([], 5) == []


@pytest.fixture(scope="module")
def written(masks):
    out = masks.parent / "results/look"
    lines = look(masks, out, size=SIZE, title="data/masks", most=60, workers=1)
    return out, lines


def test_files_and_lines(written):
    out, lines = written
    assert sorted(path.name for path in out.iterdir()) == [
        "alike.csv",
        "contact_sheet.png",
        "look.html",
        "statistics.png",
    ]
    assert lines[0] == "data/masks: 7 photographs (train 4, validation 1, test 2), 8 objects"
    assert lines[2] == "leak: 1 photograph looks like one of another split"
    with (out / "alike.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row.pop("bits").isdecimal()
    assert row == {
        "photograph": "mirror.png",
        "split": "test",
        "earlier": "b.png",
        "earlier_split": "train",
        "mirrored": "yes",
    }
    sheet = np.asarray(Image.open(out / "contact_sheet.png"))
    orange = (np.abs(sheet.astype(int) - [0xE6, 0x9F, 0]).max(axis=2) < 12).sum()
    assert orange > 1000  # the first class's outlines, and its line in the legend
    assert Image.open(out / "statistics.png").size[0] == 1200


def test_the_page_is_whole_and_asks_for_nothing(written):
    page = (written[0] / "look.html").read_text(encoding="utf-8")
    addresses = re.findall(r'(?:src|href)="([^"]{0,30})', page)
    assert len(addresses) > 10
    assert all(address.startswith(("#", "data:image/")) for address in addresses)
    assert "//" not in re.sub(r'"data:image/[^"]*"', "", page)
    assert not re.search(r"url\(|@import|<script|<link", page)
    parts = set(re.findall(r'href="#([^"]+)"', page))
    assert parts == set(re.findall(r' id="([^"]+)"', page))
    assert "prefers-color-scheme: dark" in page
    # The worst comes first: what cannot be used, what was refused, and the leak.
    captions = [unescape(name) for name in re.findall(r"<figcaption><b>([^<]+)</b>", page)]
    assert captions[:4] == ["gone.png", "d.png", "b.png", "mirror.png"]


def test_the_same_data_give_the_same_bytes(written, masks, tmp_path):
    look(masks, tmp_path, size=SIZE, title="data/masks", most=60, workers=1)
    for path in written[0].iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


def test_a_file_that_would_be_refused_is_looked_at_too(root, tmp_path):
    (tmp_path / "mine.txt").write_text("stays")
    lines = look_at_file(root / "train.json", tmp_path, size=SIZE, most=1, workers=1)
    assert lines[0] == "train.json: 4 photographs, 4 objects"
    assert lines[1] == "refused: 2 annotations left out: 1 missing-image, 1 no-label"
    assert "4 more are not shown" in (tmp_path / "look.html").read_text(encoding="utf-8")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "alike.csv",
        "contact_sheet.png",
        "look.html",
        "mine.txt",
        "statistics.png",
    ]


def test_names_from_annotations_are_text_and_nothing_else(tmp_path):
    evil = '<img src=x onerror="alert(1)">'
    name = "a & 'b' <i>.png"
    picture(0).save(tmp_path / name)
    annotate(tmp_path / "via.json", {name: [rect(evil, 0, 0, 40, 20)], f"{evil}.png": [rect(evil, 0, 0, 9, 9)]})
    look_at_file(tmp_path / "via.json", tmp_path / "out", size=SIZE, most=9, workers=1)
    page = (tmp_path / "out/look.html").read_text(encoding="utf-8")
    assert "<img src=x" not in page
    assert "<i>" not in page
    assert "&lt;img src=x onerror=&#34;alert(1)&#34;&gt;" in page
    assert "a &amp; &#39;b&#39; &lt;i&gt;.png" in page


def test_a_folder_that_holds_no_masks_is_refused(masks, tmp_path):
    with pytest.raises(MaskwrightError, match=r"report.json: no such file, .*maskwright masks.*annotation file"):
        read_masks(tmp_path)
    (tmp_path / "report.json").write_text("[1]")
    with pytest.raises(MaskwrightError, match="not a report"):
        read_masks(tmp_path)
    (tmp_path / "report.json").write_bytes((masks / "report.json").read_bytes())
    with pytest.raises(MaskwrightError, match=r"train/index.csv: no such file; run `maskwright masks` again"):
        read_masks(tmp_path)
