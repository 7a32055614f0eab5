"""What MLflow is told of a training: what made its data, and the names that say what differs from the defaults."""

import ast
from pathlib import Path

import numpy as np
import pytest

from maskwright.catalogue import EXPERIMENTS, experiment, sentence
from maskwright.defaults import default_settings
from maskwright.params import parse_params
from maskwright.recording import changed_settings, trainings_of
from maskwright.shared.experiment import OneNetwork
from maskwright.shared.outputs import write_json
from maskwright.shared.processor import Processor
from maskwright.shared.yaml_file import read_yaml

PARAMS = Path(__file__).parents[1] / "params.yaml"
REGIONS = {"source": "regions", "coarse": "kind"}
"""Changes of the section `conditional` that let it cut its images out of annotated photographs."""


@pytest.fixture
def conditional_data(tmp_path, monkeypatch):
    """The current folder is empty but for data of the experiment `conditional`."""
    monkeypatch.chdir(tmp_path)
    folder = Path("data/conditional")
    folder.mkdir(parents=True)
    np.save(folder / "train.npy", np.zeros(1))


def conditional_trainings(changes, root=None):
    values = read_yaml(PARAMS)
    values["conditional"].update(changes)
    if root is not None:
        values["annotations"]["root"] = root
    return trainings_of(experiment("conditional"), parse_params(values, PARAMS))


@pytest.mark.parametrize(
    ("changes", "root", "data_name", "sections"),
    [
        ({}, None, "conditional", ["conditional", "digits"]),
        (REGIONS, "data/drinks", "data/drinks", ["annotations", "conditional", "drinks"]),
        (REGIONS, "photos/own", "photos/own", ["annotations", "conditional"]),
    ],
)
@pytest.mark.usefixtures("conditional_data")
def test_the_data_have_the_name_and_the_sections_of_what_made_them(changes, root, data_name, sections):
    trainings = conditional_trainings(changes, root)
    assert [training.variant for training in trainings] == [
        *("soft", "hard", "none", "plain", "routed", "routed_matched", "specialists", "oracle")
    ]
    for training in trainings:
        assert training.data.name == data_name
        assert sorted(training.params) == sections
        assert training.params["conditional"]["source"] == changes.get("source", "digits")
        assert training.model == Path("models/conditional") / training.variant


@pytest.mark.usefixtures("conditional_data")
def test_only_the_chosen_variant_is_made_ready_to_serve():
    trainings = conditional_trainings({"variant": "hard"})
    assert [training.variant for training in trainings if training.serving_model is not None] == ["hard"]


@pytest.mark.usefixtures("conditional_data")
def test_the_processor_is_the_one_that_trained():
    assert {training.processor for training in conditional_trainings({})} == {""}
    trained = Processor("Another Processor", ("avx2",), 8)
    write_json(Path("results/conditional/processor.json"), trained._asdict())
    assert {training.processor for training in conditional_trainings({})} == {"Another Processor, avx2, 8 threads"}


@pytest.mark.parametrize(
    ("changes", "root", "labels"),
    [
        ({}, None, ["soft", "hard"]),
        ({"epochs": 3, "seed": 2}, None, ["soft epochs=3 s2", "hard epochs=3 s2"]),
        # Which variant stands first, and where the images are from, changes no training's name.
        ({"variant": "hard", "variants": ["soft"]}, None, ["hard", "soft"]),
        (REGIONS, "photos/own", ["soft own", "hard own"]),
    ],
)
@pytest.mark.usefixtures("conditional_data")
def test_a_row_is_named_by_what_differs_from_the_defaults(changes, root, labels):
    trainings = conditional_trainings({**default_settings()["conditional"], **changes}, root)
    assert [training.label for training in trainings[:2]] == labels
    assert {training.about for training in trainings} == {sentence("conditional")}
    changed = {f"conditional.{key}": value for key, value in changes.items()}
    changed |= {"annotations.root": root} if root else {}
    assert all(training.changed == changed for training in trainings)


def test_only_settings_of_these_sections_are_told():
    xor = {**default_settings()["xor"], "steps": 5}
    assert changed_settings({"xor": xor}) == {"xor.steps": 5}


def test_the_defaults_are_the_shipped_settings():
    """Where this fails after a change of the shipped settings: cp params.yaml src/maskwright/defaults.yaml."""
    assert changed_settings(read_yaml(PARAMS)) == {}
    parse_params(default_settings())


@pytest.mark.parametrize("name", [name for name, about in EXPERIMENTS.items() if isinstance(about, OneNetwork)])
def test_the_score_that_chooses_a_model_is_the_one_that_chose_its_epoch(name):
    about = experiment(name)
    assert isinstance(about, OneNetwork)
    code = PARAMS.parent / f"src/maskwright/experiments/{name}/learn/train.py"
    keywords = [node for node in ast.walk(ast.parse(code.read_text())) if isinstance(node, ast.keyword)]
    assert [node.value.value for node in keywords if node.arg == "best_by"] == [about.best_by]


def test_each_experiment_is_described_in_a_sentence():
    for name in EXPERIMENTS:
        assert len(sentence(name)) > 20
        assert sentence(name)[-1] in ".?"
