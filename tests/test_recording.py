"""What MLflow is told of an experiment's data: which parts of params.yaml made them, and how they are called."""

from pathlib import Path

import numpy as np
import pytest

from maskwright.catalogue import experiment
from maskwright.params import parse_params
from maskwright.recording import trainings_of
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
        assert training.data_name == data_name
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
