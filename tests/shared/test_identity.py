"""One identity: what changes a key, and what does not."""

import shutil
from pathlib import Path

import pytest

from maskwright.catalogue import EXPERIMENTS
from maskwright.params import load_params
from maskwright.shared import identity
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.experiment import ManySeeds
from maskwright.shared.identity import code_files, code_hash, content_hash, training_keys, trial_code_hash, trial_key

ROOT = Path(__file__).parents[2]
PARAMS = load_params(ROOT / "params.yaml")
ONE = [name for name, about in EXPERIMENTS.items() if not isinstance(about, ManySeeds)]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with data of every experiment, in which commands run, and a copy of the code that is hashed."""
    monkeypatch.chdir(tmp_path)
    for about in EXPERIMENTS.values():
        for path in about.training_data:
            path.mkdir(parents=True, exist_ok=True)
            (path / "index.csv").write_text("image\n")
    copy = tmp_path / "package"
    shutil.copytree(identity.PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(identity, "PACKAGE", copy)
    code_hash.cache_clear()
    yield copy
    code_hash.cache_clear()


def all_keys():
    code_hash.cache_clear()
    keys = {}
    for name, about in EXPERIMENTS.items():
        keys[name] = training_keys(about, PARAMS.section(name))
        if about.tries is not None:
            keys[f"sweep {name}"] = {"": trial_key(about, PARAMS.section(name), "data")}
    return keys


def changed(before):
    return {name for name, keys in all_keys().items() if keys != before[name]}


MANY = set(EXPERIMENTS) - set(ONE)
PHOTOS = ("segmentation", "detection", "instances")
SWEEPS = {f"sweep {name}" for name in (*PHOTOS, "autoencoder")}


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("learning/common/determinism.py", {*EXPERIMENTS, *SWEEPS, "sweep xor"}),
        ("learning/single/callbacks.py", {*ONE, *SWEEPS}),
        ("learning/replicates/fitting.py", {*MANY, "sweep xor"}),
        ("learning/views/encoders.py", {"information", "clustering"}),
        ("photos/augment.py", {*PHOTOS, *(f"sweep {name}" for name in PHOTOS)}),
        ("experiments/conditional/learn/switch.py", {"conditional"}),
        ("experiments/autoencoder/learn/network.py", {"autoencoder", "sweep autoencoder"}),
        ("experiments/xor/data.py", {"xor", "sweep xor"}),
        # What only reports, or tries, or serves, trains nothing again.
        ("experiments/autoencoder/report/plots.py", set()),
        ("experiments/autoencoder/report/evaluate.py", set()),
        ("experiments/detection/report/metrics.py", {"sweep detection"}),
        ("experiments/detection/trial.py", {"sweep detection"}),
        ("experiments/detection/serve.py", set()),
        ("experiments/xor/claims.py", set()),
        ("experiments/xor/params.py", set()),
        ("reporting/figure.py", set()),
        ("sweeps/run.py", set()),
        ("tracking/runs.py", set()),
        ("shared/outputs.py", set()),
        ("via/rasterise.py", set()),
        ("cli/training.py", set()),
    ],
)
def test_an_edit_changes_the_keys_that_it_should(project, file, expected):
    before = all_keys()
    with (project / file).open("a") as text:
        text.write("# A comment.\n")
    assert changed(before) == expected


def test_settings_that_do_not_determine_a_training(project):
    about, settings = EXPERIMENTS["xor"], PARAMS.section("xor")
    keys = training_keys(about, settings)
    assert list(keys) == ["signal", "random", "none"]
    assert len(set(keys.values())) == 3
    other = training_keys(about, settings.model_copy(update={"mask": "none", "variants": ["random"]}))
    assert other == {"none": keys["none"], "random": keys["random"]}
    assert training_keys(about, settings.model_copy(update={"seed": 1}))["signal"] != keys["signal"]
    # The corner's variants train in stacks, so which others there are counts.
    about, settings = EXPERIMENTS["corner"], PARAMS.section("corner")
    fewer = training_keys(about, settings.model_copy(update={"variants": ["as_posted"]}))
    assert fewer["as_posted"] != training_keys(about, settings)["as_posted"]


def test_data_and_gpus_determine_a_training(project):
    about, settings = EXPERIMENTS["segmentation"], PARAMS.section("segmentation")
    keys = training_keys(about, settings)
    assert list(keys) == [""]
    assert training_keys(about, settings, gpus=2) != keys
    Path("data/masks/test").mkdir()
    Path("data/masks/test/index.csv").write_text("image\n")
    assert training_keys(about, settings) == keys
    Path("data/masks/validation/index.csv").write_text("image\nmore\n")
    assert training_keys(about, settings) != keys
    shutil.rmtree("data/masks/train")
    with pytest.raises(MaskwrightError, match=r"data/masks/train: no such folder; run `dvc repro masks` first"):
        training_keys(about, settings)


def test_places_are_modules_and_packages(project):
    files = [
        path.relative_to(project).as_posix() for path in code_files(("learning/common", "experiments/xor/data.py"))
    ]
    assert "learning/common/determinism.py" in files
    assert "experiments/xor/data.py" in files
    assert files == sorted(files)
    assert not any("report" in file for file in files)


def test_the_content_of_a_folder_is_that_of_its_files(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/one.py").write_text("1")
    before = content_hash(tmp_path / "a")
    (tmp_path / "a/__pycache__").mkdir()
    (tmp_path / "a/__pycache__/one.pyc").write_text("2")
    assert content_hash(tmp_path / "a") == before
    (tmp_path / "a/one.py").write_text("3")
    assert content_hash(tmp_path / "a") != before


def test_libraries_count(project, monkeypatch):
    before = trial_code_hash(EXPERIMENTS["xor"])
    code_hash.cache_clear()
    monkeypatch.setattr(identity, "version", lambda library: "0")
    assert trial_code_hash(EXPERIMENTS["xor"]) != before
