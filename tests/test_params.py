"""params.yaml: a good one is read as it stands, and each mistake is one line that names file and key."""

import copy
from pathlib import Path

import pytest
import yaml

from maskwright.errors import MaskwrightError
from maskwright.params import load_params, parse_params

SHIPPED = Path(__file__).parents[1] / "params.yaml"


def shipped():
    return yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))


def changed(path, value):
    values = copy.deepcopy(shipped())
    *sections, key = path.split(".")
    place = values
    for section in sections:
        place = place[section]
    place[key] = value
    return values


def test_the_shipped_file_is_read_as_it_stands():
    params = load_params(SHIPPED)
    assert params.model_dump(mode="json") == shipped()


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("segmentation.epoch", 3, "segmentation.epoch: unknown key"),
        ("segmentations", {}, "segmentations: unknown key"),
        ("segmentation.loss.gamma", 2.0, "segmentation.loss.gamma: unknown key"),
        ("segmentation.epochs", "30", "segmentation.epochs: Input should be a valid integer (got '30')"),
        ("segmentation.epochs", True, "segmentation.epochs: Input should be a valid integer (got True)"),
        ("segmentation.epochs", 0, "segmentation.epochs: Input should be greater than or equal to 1 (got 0)"),
        (
            "segmentation.size",
            [-96, 128],
            "segmentation.size.0: Input should be greater than or equal to 8 (got -96)",
        ),
        ("drinks.size", [240], "drinks.size"),
        ("segmentation.learning_rate", float("inf"), "segmentation.learning_rate: Input should be a finite"),
        (
            "segmentation.preset",
            "slow",
            "segmentation.preset: Input should be 'fast' or 'resnet56v2-fcn' (got 'slow')",
        ),
        ("segmentation.augment", None, "segmentation.augment"),
        ("xor.mask", "true", "xor.mask: Input should be 'signal', 'random' or 'none' (got 'true')"),
        ("xor.variants", ["signal", "noise"], "xor.variants.1: Input should be 'signal', 'random' or 'none'"),
        ("xor.steps", 75, "xor.steps: Input should be a multiple of 50 (got 75)"),
        ("xor.seeds", 1, "xor.seeds: Input should be greater than or equal to 2 (got 1)"),
        ("xor.initial", [0.9, 0.1], "xor: initial: the first number must be the smaller one (got [0.9, 0.1])"),
        ("annotations.classes", [], "annotations: classes is empty"),
        ("annotations.classes", ["cat", "dog", "cat"], "annotations: classes names cat more than once"),
        ("annotations.classes", ["background"], "annotations: leave background out"),
        ("annotations.validation_fraction", 1.0, "annotations.validation_fraction: Input should be less than 1"),
    ],
)
def test_a_wrong_key_or_value_is_one_line_with_its_path(path, value, expected):
    with pytest.raises(MaskwrightError) as caught:
        parse_params(changed(path, value), Path("some/params.yaml"))
    message = str(caught.value)
    assert message.startswith(f"some/params.yaml: {expected}")
    assert "\n" not in message


def test_a_missing_key_is_named():
    values = shipped()
    del values["segmentation"]["epochs"]
    with pytest.raises(MaskwrightError) as caught:
        parse_params(values)
    assert str(caught.value) == "params.yaml: segmentation.epochs: missing"


def test_all_mistakes_are_named_at_once():
    values = changed("segmentation.epochs", -1)
    values["drinks"]["number"] = 4
    with pytest.raises(MaskwrightError) as caught:
        parse_params(values)
    assert "drinks.number: unknown key" in str(caught.value)
    assert "segmentation.epochs: " in str(caught.value)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"segmentation: [1, 2", "not YAML"),
        (b"- a\n- b\n", "must hold sections"),
        (b"", "must hold sections"),
        (b"annotations: \xff\xfe\n", "not text in UTF-8"),
        (b"a: 1\na\x00: 2", "not YAML"),
    ],
)
def test_a_file_that_is_no_params_file(tmp_path, content, expected):
    path = tmp_path / "params.yaml"
    path.write_bytes(content)
    with pytest.raises(MaskwrightError) as caught:
        load_params(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: {expected}")
    assert "\n" not in message


def test_no_file(tmp_path):
    with pytest.raises(MaskwrightError, match=r"params\.yaml: no such file; run the command in the folder"):
        load_params(tmp_path / "params.yaml")


def test_a_folder_in_its_place(tmp_path):
    (tmp_path / "params.yaml").mkdir()
    with pytest.raises(MaskwrightError) as caught:
        load_params(tmp_path / "params.yaml")
    assert str(caught.value).startswith(f"{tmp_path / 'params.yaml'}: ")
