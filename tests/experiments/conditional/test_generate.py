from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maskwright.experiments.conditional.data import read_class_names, read_hierarchy
from maskwright.experiments.conditional.generate import coarse_of_fine, write_hierarchy
from maskwright.params import parse_params
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.yaml_file import read_yaml
from maskwright.via.model import ImageEntry, Region
from maskwright.via.write import write_via_project

SHIPPED = Path(__file__).parents[3] / "params.yaml"
COLOURS = {"cola": (200, 0, 0), "lemonade": (0, 200, 0), "water": (0, 0, 200)}
CONTAINERS = {"cola": "can", "lemonade": "can", "water": "bottle"}


def params(root=None, **changes):
    values = read_yaml(SHIPPED)
    values["conditional"] |= changes
    if root is not None:
        named = {split: f"{split}/via.json" for split in ("train", "validation", "test")}
        values["annotations"] |= {"root": str(root), "label": "drink", **named}
    return parse_params(values)


def generate(params, root):
    write_hierarchy(params.section("conditional"), params.annotations, root, root / "out")


def write_digits(folder, split, labels):
    labels = np.array(labels, np.uint8)
    images = np.broadcast_to(labels[:, None, None], (len(labels), 28, 28)) * np.uint8(20)
    np.savez(folder / f"{split}.npz", images=images, labels=labels)


def write_regions(root, drinks=("cola", "water", "lemonade"), containers=CONTAINERS):
    """Each split has one white photograph with a coloured rectangle of 20 x 10 for each drink."""
    for split in ("train", "validation", "test"):
        folder = root / split
        folder.mkdir(parents=True)
        image = np.full((60, 200, 3), 255, np.uint8)
        regions = []
        for number, drink in enumerate(drinks):
            image[20:40, 30 * number + 10 : 30 * number + 20] = COLOURS[drink]
            box = {"x": 30 * number + 10, "y": 20, "width": 10, "height": 20}
            attributes = {"drink": drink, **({"container": containers[drink]} if containers else {})}
            regions.append(Region(number, "rect", box, attributes))
        Image.fromarray(image).save(folder / "photo.png")
        entry = ImageEntry("key", "photo.png", (folder / "photo.png").stat().st_size, tuple(regions))
        write_via_project(folder / "via.json", [entry], classes=tuple(drinks), attribute="drink", name=split)


def test_digits_and_whether_they_are_below_five(tmp_path):
    for split, labels in {"train": range(10), "validation": [4, 5], "test": [9]}.items():
        write_digits(tmp_path, split, list(labels))
    generate(params(), tmp_path)
    names = read_class_names(tmp_path / "out")
    assert names.coarse == ("below five", "five and above")
    assert names.fine == tuple("0123456789")
    training = read_hierarchy(tmp_path / "out", "train")
    assert training.images.shape == (10, 28, 28, 1)
    assert training.coarse.tolist() == [0] * 5 + [1] * 5
    assert training.fine.tolist() == list(range(10))
    assert training.images[7, 3, 3, 0] == 140
    assert read_hierarchy(tmp_path / "out", "validation").coarse.tolist() == [0, 1]


def test_digits_of_another_size(tmp_path):
    for split in ("train", "validation", "test"):
        write_digits(tmp_path, split, [4, 5])
    generate(params(side=40), tmp_path)
    test = read_hierarchy(tmp_path / "out", "test")
    assert test.images.shape == (2, 40, 40, 1)
    assert [np.unique(image).tolist() for image in test.images] == [[80], [100]]


def test_both_heads_may_have_the_same_labels(tmp_path):
    for split in ("train", "validation", "test"):
        write_digits(tmp_path, split, [4, 5, 9])
    generate(params(), tmp_path)
    out = tmp_path / "out"
    assert read_hierarchy(out, "test", "coarse").fine.tolist() == [0, 1, 1]
    assert read_hierarchy(out, "test").fine.tolist() == [4, 5, 9]
    assert read_class_names(out, "coarse").fine == ("below five", "five and above")


@pytest.mark.parametrize(
    "coarse", ["container", {"bottle": ["water"], "can": ["lemonade", "cola"]}], ids=["attribute", "mapping"]
)
def test_regions_are_cut_out_with_both_labels(tmp_path, coarse):
    write_regions(tmp_path)
    generate(params(tmp_path, source="regions", coarse=coarse, side=24), tmp_path)
    names = read_class_names(tmp_path / "out")
    assert names.coarse == ("bottle", "can")
    assert names.fine == ("cola", "lemonade", "water")
    test = read_hierarchy(tmp_path / "out", "test")
    assert test.images.shape == (3, 24, 24, 3)
    assert [names.fine[k] for k in test.fine] == ["cola", "water", "lemonade"]
    assert [names.coarse[k] for k in test.coarse] == ["can", "bottle", "can"]
    # The box of 10 x 20 in a square of 24: at the middle its colour, beside it the photograph.
    for image, drink in zip(test.images, ("cola", "water", "lemonade"), strict=True):
        assert tuple(image[12, 12]) == COLOURS[drink]
        assert tuple(image[3, 12]) == COLOURS[drink]
        assert tuple(image[0, 12]) == tuple(image[12, 3]) == (255, 255, 255)


def test_the_fine_class_may_be_another_attribute(tmp_path):
    write_regions(tmp_path)
    settings = params(tmp_path, source="regions", coarse="drink", fine="container", side=16)
    generate(settings, tmp_path)
    names = read_class_names(tmp_path / "out")
    assert (names.coarse, names.fine) == (("cola", "lemonade", "water"), ("bottle", "can"))
    assert read_hierarchy(tmp_path / "out", "train").fine.tolist() == [1, 0, 1]


def test_homes_of_fine_classes():
    assert coarse_of_fine({"x": ["b"], "y": ["a", "c"]}, ("a", "b", "c")).tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"x": ["a"], "y": ["b"]}, "conditional.coarse: c not in any coarse class; put each in one"),
        ({"x": ["a", "b"], "y": ["b", "c"]}, "conditional.coarse: 'b' is in several coarse classes"),
        ({"x": ["a", "b"], "y": ["c", "d"]}, "conditional.coarse: y: no class 'd'; choose from a, b, c"),
    ],
)
def test_mappings_that_do_not_fit(mapping, message):
    with pytest.raises(MaskwrightError, match=message):
        coarse_of_fine(mapping, ("a", "b", "c"))


def test_without_data(tmp_path):
    with pytest.raises(MaskwrightError, match=r"train\.npz: no such file; run `maskwright generate digits` first"):
        generate(params(), tmp_path)
    assert not (tmp_path / "out").exists()
    with pytest.raises(MaskwrightError, match="run `maskwright generate conditional` first"):
        read_hierarchy(tmp_path, "train")


def test_regions_without_the_coarse_attribute(tmp_path):
    write_regions(tmp_path, containers=None)
    with pytest.raises(MaskwrightError, match="no region has the attribute 'container'"):
        generate(params(tmp_path, source="regions", coarse="container"), tmp_path)


def test_regions_of_unknown_coarse_class(tmp_path):
    write_regions(tmp_path, containers={**CONTAINERS, "cola": ""})
    settings = params(tmp_path, source="regions", coarse="container")
    message = r"via\.json: photo\.png, region 0 cannot be used, or has no coarse class \(1 in all\)"
    with pytest.raises(MaskwrightError, match=message):
        generate(settings, tmp_path)
    assert not (tmp_path / "out").exists()


def test_one_coarse_class(tmp_path):
    write_regions(tmp_path, drinks=("cola", "lemonade"))
    with pytest.raises(MaskwrightError, match="one coarse class leaves nothing to switch"):
        generate(params(tmp_path, source="regions", coarse="container"), tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"coarse": "container"}, "conditional: coarse: digits have no attributes"),
        ({"coarse": {"all": ["0"]}}, "conditional: coarse: one coarse class leaves nothing to switch"),
        ({"variant": "oracle"}, "conditional.variant: Input should be 'soft', 'hard', 'none', 'plain', 'routed'"),
        ({"temperature": 0.0}, "conditional.temperature: Input should be greater than 0"),
        ({"trunk": [8]}, "conditional.trunk: List should have at least 2 items"),
        ({"seeds": 1}, "conditional.seeds: Input should be greater than or equal to 2"),
    ],
)
def test_wrong_settings(changes, message):
    with pytest.raises(MaskwrightError, match=message):
        params(**changes)
