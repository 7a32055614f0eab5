"""Which photographs are chosen, what is passed over, and the project to correct."""

import json

import numpy as np
import pytest
from PIL import Image

from maskwright.shared.errors import MaskwrightError
from maskwright.via.params import Annotations
from support.via_files import annotations, image, rect


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A network whose answer is the strongest colour; of grey it is wholly unsure."""
    from maskwright.learning.common.saved import save_model
    from support.colour_model import colour_model

    folder = tmp_path_factory.mktemp("models") / "segmentation"
    save_model(colour_model(), {"classes": ["background", "cat", "dog"], "size": [24, 32]}, folder)
    return folder


def picture(path, seed, colour):
    """Write blotches of 8 x 8 pixels in shades of a colour, which no other seed's look like."""
    rng = np.random.default_rng(seed)
    shades = np.kron(rng.integers(60, 256, (8, 12)), np.ones((8, 8)))
    Image.fromarray((shades[..., None] * colour).astype(np.uint8)).save(path)


@pytest.fixture
def photographs(tmp_path):
    """Of those unlabelled, grey is the least sure, then red with much green, red with less, and red."""
    folder = tmp_path / "photos"
    folder.mkdir()
    picture(folder / "labelled.png", 0, (1, 1, 1))
    picture(folder / "d_red.png", 1, (1, 0, 0))
    picture(folder / "a_grey.png", 2, (1, 1, 1))
    picture(folder / "c_reddish.png", 3, (1, 0.5, 0))
    picture(folder / "b_yellowish.png", 4, (1, 0.9, 0))
    Image.open(folder / "a_grey.png").resize((48, 32)).save(folder / "copy_of_grey.png")
    Image.open(folder / "labelled.png").resize((48, 32)).save(folder / "copy_of_labelled.png")
    (folder / "broken.png").write_bytes((folder / "d_red.png").read_bytes()[:200])
    annotations(tmp_path / "photos/v.json", image("labelled.png", rect(name="cat"), rect(8, name="dog")))
    return folder


def run(photographs, model, count, **changes):
    from maskwright.labelling.next import label_next

    arguments = {"flips": False, "via": photographs / "next.json", "recursive": False, **changes}
    where = Annotations(root=str(photographs), train="v.json", validation="v.json", test="v.json")
    out = photographs.parent / "out"
    return list(label_next(photographs, where, count=count, model=model, masks=out, out=out, **arguments))


def test_the_least_sure_of_those_unlabelled(photographs, model):
    lines = run(photographs, model, 3)
    assert lines[0] == "1 photograph is labelled; passed over"
    assert lines[1].startswith("passed over: ")
    assert "broken.png" in lines[1]
    assert lines[2:4] == [
        "1 looks like a labelled photograph; passed over",
        "1 looks like a less sure photograph; passed over",
    ]
    names = [line.split("/")[-1] for line in lines[4:7]]
    assert names[0] in ("a_grey.png", "copy_of_grey.png")
    assert names[1:] == ["b_yellowish.png", "c_reddish.png"]
    assert lines[7].startswith("3 photographs, the least sure of 6 by entropy: outlines to correct in ")
    written = json.loads((photographs / "next.json").read_text())
    listed = written.get("_via_img_metadata", written)
    assert sorted(each["filename"] for each in listed.values()) == sorted(names)
    # Yellowish is red most of all, which is the background; each photograph has its mask to look at.
    assert (photographs.parent / "out/b_yellowish_overlay.jpg").is_file()


def test_a_project_with_corrections_stays(photographs, model):
    (photographs / "next.json").write_text("{}")
    with pytest.raises(MaskwrightError, match="is there already, and may hold corrections"):
        run(photographs, model, 3)
    assert (photographs / "next.json").read_text() == "{}"


def test_fewer_than_wanted_and_by_the_mirror_image(photographs, model):
    """Each pixel is judged by itself, so the mirror image says the same of each photograph."""
    lines = run(photographs, model, 20, flips=True)
    assert [line[:5] for line in lines[4:8]] == ["0.000"] * 4
    assert lines[8].startswith("4 photographs (20 were wanted), the least sure of 6 by flips: ")


def test_nothing_left_to_label(photographs, model):
    for path in photographs.glob("*.png"):
        if path.name not in ("labelled.png", "broken.png"):
            path.unlink()
    with pytest.raises(MaskwrightError, match="no photograph is left to label; add some, or name another folder"):
        run(photographs, model, 3)
    (photographs / "broken.png").unlink()
    Image.open(photographs / "labelled.png").resize((48, 32)).save(photographs / "copy.png")
    with pytest.raises(MaskwrightError, match="each photograph looks like a labelled one; add others"):
        run(photographs, model, 3)
