"""params.yaml: a good one is read as it stands, and each mistake is one line that names file and key."""

import copy
import json
import re
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskwright.params import load_params, parse_params
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.yaml_file import read_yaml
from support.refusals import refusal

SHIPPED = Path(__file__).parents[1] / "params.yaml"


def shipped():
    return read_yaml(SHIPPED)


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
        ("drinks.size", "auto", "drinks.size"),
        ("segmentation.size", [96], "segmentation.size.1: missing"),
        ("segmentation.size", ["96", 128], "segmentation.size.0: Input should be a valid integer (got '96')"),
        (
            "detection.size",
            "small",
            "detection.size: give [height, width] in pixels, or auto (got 'small')",
        ),
        ("segmentation.patience", 0, "segmentation.patience: Input should be greater than or equal to 1 (got 0)"),
        ("detection.frozen", 8, "detection.frozen: Input should be less than or equal to 7 (got 8)"),
        ("detection.backbone_rate", 0, "detection.backbone_rate: Input should be greater than 0 (got 0)"),
        (
            "segmentation.frozen",
            3,
            "segmentation: frozen, backbone_rate: belong to the preset pretrained; choose that, or set frozen back "
            "to 0 and backbone_rate to 1.0",
        ),
        (
            "detection.backbone_rate",
            0.5,
            "detection: frozen, backbone_rate: belong to the preset pretrained; choose that, or set frozen back to 0 "
            "and backbone_rate to 1.0",
        ),
        ("segmentation.learning_rate", float("inf"), "segmentation.learning_rate: Input should be a finite"),
        (
            "segmentation.preset",
            "slow",
            "segmentation.preset: Input should be 'fast', 'resnet56v2-fcn' or 'pretrained' (got 'slow')",
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
        ("annotations.megapixels", 0, "annotations.megapixels: Input should be greater than 0 (got 0)"),
        ("annotations.megapixels", 1001, "annotations.megapixels: Input should be less than or equal to 1000"),
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


@pytest.mark.parametrize(
    ("path", "written", "expected"),
    [
        # As DVC writes what `dvc exp run -S` is given.
        ("segmentation.learning_rate", "5e-05", 5e-05),
        ("annotations.classes", "[yes, no, on, off, y, n]", ["yes", "no", "on", "off", "y", "n"]),
        ("annotations.label", "yes", "yes"),
        ("annotations.label", "12:30:45", "12:30:45"),
        # As people write them.
        ("segmentation.learning_rate", "1e-3", 0.001),
        ("segmentation.learning_rate", ".5", 0.5),
        ("segmentation.weight_decay", "0", 0.0),
        ("segmentation.seed", "010", 10),
        ("segmentation.seed", "0o10", 8),
        ("segmentation.seed", "0x1F", 31),
        ("drinks.train", "1_000", 1000),
        ("annotations.label", "'2020-01-01'", "2020-01-01"),
        ("annotations.classes", "['1', '2']", ["1", "2"]),
        ("annotations.label", "0x", "0x"),
    ],
)
def test_values_by_the_rules_of_yaml_1_2(tmp_path, path, written, expected):
    section, key = path.split(".")
    before, header, rest = SHIPPED.read_text(encoding="utf-8").partition(f"\n{section}:")
    file = tmp_path / "params.yaml"
    file.write_text(before + header + re.sub(rf"\n  {key}:[^\n]*", f"\n  {key}: {written}", rest, count=1))
    found = load_params(file).model_dump(mode="json")[section][key]
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a: 1\nb: 2\na: 3\n", ", line 3: the same key occurs twice; remove one"),
        ("a: 0b_\n", ": not YAML: invalid literal for int() with base 2: ''; put texts in quotes"),
        ("a: 0x_\n", ": not YAML: invalid literal for int() with base 16: ''; put texts in quotes"),
        ("a: 2020-13-45\n", ": not YAML: month must be in 1..12; put texts in quotes"),
        ("a: !!bool x\n", ": not YAML: 'x'; put texts in quotes"),
        ("a: !!python/object:os.system x\n", ", line 1: not YAML: could not determine a constructor for the tag"),
        ("a: *b\n", ", line 1: not YAML: found undefined alias"),
        ("? {a: b}\n: 2\n", ", line 1: not YAML: found unhashable key"),
        ("a: [1, 2\nb: 3\n", ", line 2: not YAML: did not find expected ',' or ']'"),
        ("a: 1\n---\nb: 2\n", ", line 2: not YAML: but found another document"),
    ],
)
def test_yaml_that_means_nothing_is_one_line_with_its_place(tmp_path, content, expected):
    path = tmp_path / "params.yaml"
    path.write_text(content)
    with pytest.raises(MaskwrightError) as caught:
        load_params(path)
    assert str(caught.value).startswith(f"{path}{expected}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("annotations.label", date(2020, 1, 1), "(got 2020-01-01); put it in quotes"),
        ("annotations.label", 5, "(got 5); put it in quotes"),
        ("annotations.root", True, "(got True); put it in quotes"),
        ("annotations.classes", ["cat", 2], "(got 2); put it in quotes"),
        ("annotations.label", ["kind"], "(got ['kind'])"),
    ],
)
def test_a_text_without_its_quotes_is_told_what_it_lacks(path, value, expected):
    with pytest.raises(MaskwrightError) as caught:
        parse_params(changed(path, value))
    assert str(caught.value).endswith(f"Input should be a valid string {expected}")


def test_no_file(tmp_path):
    with pytest.raises(MaskwrightError, match=r"params\.yaml: no such file; run the command in the folder"):
        load_params(tmp_path / "params.yaml")


def test_a_folder_in_its_place(tmp_path):
    (tmp_path / "params.yaml").mkdir()
    with pytest.raises(MaskwrightError) as caught:
        load_params(tmp_path / "params.yaml")
    assert str(caught.value).startswith(f"{tmp_path / 'params.yaml'}: ")


@pytest.mark.parametrize(
    ("path", "written", "expected"),
    [
        ("segmentation.seed", f"0x{'f' * 5000}", "segmentation.seed: the number is too large; it must be below 2^63"),
        ("segmentation.seed", "9" * 5000, "not YAML: a number with thousands of digits; put texts in quotes"),
        ("segmentation.seed", "!!int foo", "not YAML: invalid literal for int"),
        ("annotations.root", '"a\\0b"', "annotations.root: holds a character that no text may have (got 'a\\x00b')"),
        ("annotations.label", "!!binary YQ==", "annotations.label: bytes is no kind of setting"),
        ("annotations.classes", "!!set {a, b}", "annotations.classes: set is no kind of setting"),
        (
            "annotations.classes",
            '{"a\\nb": "\\0"}',
            "annotations.classes.a\\nb: holds a character that no text may have",
        ),
        ("annotations.classes", '["a\\nb", "a\\nb"]', "annotations: classes names a\\nb more than once"),
        (
            "annotations.classes",
            f"{{? 0x{'f' * 5000} : cat}}",
            "annotations.classes.a number of 20,000 bits: a key must be",
        ),
        ("annotations.classes", "{1: cat}", "annotations.classes.1: a key must be text; put it in quotes"),
        ("annotations.label", f"[{'x' * 5000}]", "annotations.label: Input should be a valid string (got ['xxx"),
        (f"annotations.{'k' * 900}", "1", "annotations.kkk"),
    ],
)
def test_values_that_no_setting_has(tmp_path, path, written, expected):
    section, key = path.split(".")
    before, header, rest = SHIPPED.read_text(encoding="utf-8").partition(f"\n{section}:")
    line = f"\n  {key}: {written}"
    found = re.search(rf"\n  {key}:[^\n]*", rest)
    rest = rest.replace(found[0], line, 1) if found else rest.replace("\n", f"{line}\n", 1)
    file = tmp_path / "params.yaml"
    file.write_text(before + header + rest)
    with pytest.raises(MaskwrightError) as caught:
        load_params(file)
    assert str(caught.value).startswith(f"{file}: {expected}")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("name", ["../../x", "a/b", "", ".", "a b", "\x1b[31m", "a" * 101])
def test_the_name_of_a_sweep_is_a_folder(name):
    values = shipped()
    values["sweeps"][name] = values["sweeps"]["detection"]
    with pytest.raises(MaskwrightError, match="a sweep's name has letters, digits, _ and - only, and at most 100"):
        parse_params(values)


@pytest.mark.parametrize("level", [float("nan"), date(2020, 1, 1), {"a": [float("inf")]}])
def test_a_level_is_a_value_that_json_has(level):
    with pytest.raises(MaskwrightError, match=r"params\.yaml: sweeps\.detection\.factors\."):
        parse_params(changed("sweeps.detection.factors", {"offsets": [level]}))


def test_of_many_mistakes_twenty_are_named():
    values = shipped()
    values["drinks"] |= {f"key{number}": 1 for number in range(5000)}
    with pytest.raises(MaskwrightError) as caught:
        parse_params(values)
    assert str(caught.value).count("unknown key") == 20
    assert str(caught.value).endswith("; and 4,980 more")


CONTENT = shipped()

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.just(5000).map(lambda digits: 16**digits)
    | st.floats()
    | st.text(max_size=8)
    | st.dates()
    | st.binary(max_size=4)
    | st.sampled_from(["\0", "\x1b[2J", "a\nb", "../../x", "\ud800", "x" * 5000])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(SCALARS.filter(lambda key: key == key), inner, max_size=4)
    ),
    max_leaves=8,
)


def places(values, here=()):
    """Every key of the shipped file, as a path."""
    for key, inner in values.items():
        yield (*here, key)
        if isinstance(inner, dict):
            yield from places(inner, (*here, key))


@given(st.lists(st.tuples(st.sampled_from(sorted(places(CONTENT))), VALUES), min_size=1, max_size=3))
def test_any_values_are_taken_or_refused_in_one_line(changes):
    values = copy.deepcopy(CONTENT)
    for (*outer, key), value in changes:
        place = values
        for section in outer:
            place = place[section] if isinstance(place, dict) and isinstance(place.get(section), dict) else {}
        place[key] = value
    message = refusal(parse_params, values)
    if message is None:
        # What was taken can be written down, which MLflow and the keys of trainings need.
        json.dumps(parse_params(values).model_dump(mode="json"), allow_nan=False).encode()
    else:
        assert message.startswith("params.yaml: ")
        assert len(message) < 30_000
