import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from maskwright.catalogue import EXPERIMENTS
from maskwright.cli import app
from maskwright.params import load_params
from maskwright.photos.batches import steps_per_epoch
from maskwright.presets import SOURCE, apply_preset, presets_of
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.settings import Backbone

PARAMS = Path(__file__).parents[1] / "params.yaml"


@pytest.fixture
def params(tmp_path):
    return Path(shutil.copyfile(PARAMS, tmp_path / "params.yaml"))


PRESETS = [(name, preset) for name in EXPERIMENTS for preset in presets_of(name)]


@pytest.mark.parametrize(("name", "preset"), PRESETS)
def test_only_the_values_of_the_preset_change(name, preset, params):
    before = PARAMS.read_text(encoding="utf-8").splitlines()
    told = apply_preset(name, preset, params)
    after = params.read_text(encoding="utf-8").splitlines()
    assert 0 < len(told) <= len(presets_of(name)[preset])
    if len(before) == len(after):
        assert sum(old != new for old, new in zip(before, after, strict=True)) <= len(told)
    section = load_params(params).section(name)
    for key, value in presets_of(name)[preset].items():
        inner = section
        for part in key.split("."):
            inner = getattr(inner, part)
        dumped = inner.model_dump() if hasattr(inner, "model_dump") else inner
        assert dumped == (type(dumped)(value) if isinstance(dumped, list | tuple) else value), key
    assert apply_preset(name, preset, params) == []


def test_each_source_has_a_preset():
    named = {name for name in EXPERIMENTS if SOURCE in presets_of(name)}
    assert named >= {"segmentation", "detection", "xor", "corner", "autoencoder", "conditional"}


@pytest.mark.parametrize(("name", "frozen"), [("segmentation", 7), ("detection", 5)])
def test_the_one_for_photographs_follows_any_other(name, frozen, params):
    apply_preset(name, SOURCE, params)
    apply_preset(name, "photographs", params)
    section = load_params(params).section(name)
    assert section.named_backbone == Backbone("lite0", "imagenet", frozen)
    # Of 40 photographs, an epoch has 160 / 40 = 4 passes; 10 epochs of 160 images are 1,600.
    steps = steps_per_epoch(40, section.epoch_images, section.batch_size)
    assert section.epochs * steps * section.batch_size == 1600
    apply_preset(name, SOURCE, params)
    assert load_params(params).section(name).named_backbone is None


def test_comments_keep_their_column(params):
    apply_preset("segmentation", SOURCE, params)
    lines = [line for line in params.read_text(encoding="utf-8").splitlines() if "epochs:" in line and "#" in line]
    assert {line.index("#") for line in lines} == {28}


def test_a_key_that_is_missing(params):
    text = params.read_text(encoding="utf-8")
    params.write_text(text.replace("  preset: fast              # fast | resnet56v2-fcn", "  # "), encoding="utf-8")
    with pytest.raises(MaskwrightError, match=r"params.yaml: segmentation.preset: missing"):
        apply_preset("segmentation", SOURCE, params)


def test_the_command(params, monkeypatch):
    monkeypatch.chdir(params.parent)
    result = CliRunner().invoke(app, ["preset", "segmentation", "source"])
    assert result.exit_code == 0
    assert "segmentation.preset: fast -> resnet56v2-fcn\n" in result.stdout
    assert result.stdout.endswith("params.yaml has been changed\n")
    again = CliRunner().invoke(app, ["preset", "segmentation", "source"])
    assert again.stdout == "params.yaml has these settings already\n"
    assert "mine: no such preset of xor; there is source" in CliRunner().invoke(app, ["preset", "xor", "mine"]).output


@pytest.mark.parametrize(("written", "key"), [("*n", "epochs"), ("&m 6", "epochs")])
def test_a_value_that_is_shared_is_not_changed_for_all(params, written, key):
    text = params.read_text(encoding="utf-8").replace("epochs: 10\n", "epochs: &n 10\n", 1)
    text = text.replace("  epochs: 6                 # 25", f"  epochs: {written}  # 25", 1)
    assert f"epochs: {written}" in text
    params.write_text(text, encoding="utf-8")
    load_params(params)
    with pytest.raises(MaskwrightError, match=rf"autoencoder\.{key}: has an anchor or an alias; write its value out"):
        apply_preset("autoencoder", SOURCE, params)
    assert params.read_text(encoding="utf-8") == text
