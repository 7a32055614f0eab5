import json
import math
from pathlib import Path

import numpy as np
import pytest

from maskwright.photos.sizing import FEWEST, MOST, network_size, with_size
from maskwright.shared.errors import MaskwrightError
from support.tiny_segmentation import tiny_settings


def split(
    folder: Path, photographs: list[tuple[int, int]], boxes: list[tuple[float, float]], *, photograph: int = 1
) -> Path:
    """Write photographs (height, width), and boxes (height, width) in one of them, from 1."""
    images = [{"id": i, "height": h, "width": w} for i, (h, w) in enumerate(photographs, start=1)]
    found = [{"image_id": photograph, "category_id": 1, "bbox": [3, 4, w, h]} for h, w in boxes]
    (folder / "boxes.coco.json").write_text(json.dumps({"images": images, "annotations": found}))
    return folder


def test_a_size_that_is_given_is_taken(tmp_path: Path):
    assert network_size((50, 70), tmp_path) == ((50, 70), "")


def test_by_hand(tmp_path: Path):
    # At 288 x 384 a photograph of 240 x 320 is scaled by 1.2, and 80 pixels are 96, as wanted.
    chosen = network_size("auto", split(tmp_path, [(240, 320)], [(80, 80)]))
    assert chosen == (
        (288, 384),
        "[288, 384] was chosen: photographs are 0.75 times as high as wide, and nine of ten objects are at least 96 "
        "of its pixels each way (96 are wanted)",
    )
    # Two thirds of that scale are enough for 120 pixels, whichever side they are; 192 x 256 is the least.
    assert network_size("auto", split(tmp_path, [(240, 320)], [(240, 120)])).size == (192, 256)
    assert network_size("auto", split(tmp_path, [(240, 320)], [(120, 320)])).size == (192, 256)
    assert network_size("auto", split(tmp_path, [(240, 320)], [(160, 320)])).size == (192, 256)


def test_one_of_ten_objects_may_be_smaller(tmp_path: Path):
    # The tenth percentile of eleven is the second from below.
    assert network_size("auto", split(tmp_path, [(240, 320)], [(2, 2), *10 * [(160, 160)]])).size == (192, 256)
    assert network_size("auto", split(tmp_path, [(240, 320)], [*2 * [(2, 2)], *9 * [(160, 160)]])).size == (288, 384)


@pytest.mark.parametrize(
    ("boxes", "size", "reason"),
    [
        (
            [(240, 320)],
            (192, 256),
            "at least 192 of its pixels each way (96 are wanted, 49,152 pixels are the fewest)",
        ),
        ([(20, 20)], (288, 384), "at least 24 of its pixels each way (96 are wanted, 110,592 pixels are the most)"),
        ([(0, 20)], (288, 384), "at least 0 of its pixels each way (96 are wanted, 110,592 pixels are the most)"),
        ([], (192, 256), "as high as wide, and there is no object (49,152 pixels are the fewest)"),
    ],
)
def test_limits(boxes: list[tuple[float, float]], size: tuple[int, int], reason: str, tmp_path: Path):
    chosen = network_size("auto", split(tmp_path, [(240, 320)], boxes))
    assert chosen.size == size
    assert chosen.reason.endswith(reason)


def test_upright_photographs(tmp_path: Path):
    assert network_size("auto", split(tmp_path, [(320, 240)], [(20, 20)])).size == (384, 288)
    # Half of them: the geometric mean of 3 / 4 and 4 / 3 is 1.
    assert network_size("auto", split(tmp_path, [(240, 320), (320, 240)], [(20, 20)], photograph=2)).size == (
        320,
        320,
    )


def test_any_shape(tmp_path: Path):
    rng = np.random.default_rng(0)
    for _ in range(20):
        height, width = (int(side) for side in np.exp(rng.uniform(3, 9, 2)))
        size, reason = network_size("auto", split(tmp_path, [(height, width)], [(height / 5, width / 5)]))
        assert all(side > 0 and side % 32 == 0 for side in size)
        assert math.prod(size) <= MOST
        assert "\n" not in reason
    assert FEWEST < MOST


def test_without_boxes_or_photographs(tmp_path: Path):
    with pytest.raises(MaskwrightError, match=r"boxes\.coco\.json: no such file; run `maskwright masks` first$"):
        network_size("auto", tmp_path)
    with pytest.raises(MaskwrightError, match=r"boxes\.coco\.json: lists no image; check annotations\."):
        network_size("auto", split(tmp_path, [], []))


def test_a_size_that_is_chosen_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    folder = split(tmp_path, [(240, 320)], [(80, 80)])
    given = tiny_settings(size=(64, 96))
    assert with_size(given, "segmentation", folder) == given
    assert capsys.readouterr().err == ""
    assert with_size(tiny_settings(size="auto"), "segmentation", folder) == tiny_settings(size=(288, 384))
    told = capsys.readouterr().err
    assert told.startswith("segmentation.size: [288, 384] was chosen: ")
    assert told.count("\n") == 1
