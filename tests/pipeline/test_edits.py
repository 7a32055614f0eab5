"""Which trainings and evaluations an edit repeats: what DVC says, and what the key of a training says."""

import pytest

from maskwright.catalogue import EXPERIMENTS
from maskwright.shared.experiment import ManySeeds
from support.project import commit, copy_of_the_project, invent_outputs, python, waiting

pytestmark = pytest.mark.slow

NAMES = set(EXPERIMENTS)
MANY = {name for name, about in EXPERIMENTS.items() if isinstance(about, ManySeeds)}
PHOTOS = {"segmentation", "detection"}
VIEWS = {"information", "clustering"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A clone in which every stage stands as done, with inventions for outputs: only what they depend on matters."""
    folder = copy_of_the_project(tmp_path_factory.mktemp("edited clone") / "mask wright")
    invent_outputs(folder)
    commit(folder, "inventions")
    return folder


def keys(folder):
    """Return the keys of each experiment's trainings."""
    code = """if True:
        import json
        from maskwright.catalogue import EXPERIMENTS
        from maskwright.params import load_params
        from maskwright.shared.identity import training_keys
        params = load_params()
        keys = {name: training_keys(about, params.section(name)) for name, about in EXPERIMENTS.items()}
        print(json.dumps(keys))"""
    return python(folder, code)


@pytest.fixture(scope="module")
def keys_before(finished):
    return keys(finished)


@pytest.mark.parametrize(
    ("file", "trained", "evaluated", "swept"),
    [
        ("learning/common/determinism.py", NAMES, NAMES, {"autoencoder"}),
        ("learning/single/callbacks.py", NAMES - MANY, NAMES - MANY, {"autoencoder"}),
        ("learning/replicates/fitting.py", MANY, MANY, set()),
        ("learning/views/encoders.py", VIEWS, VIEWS, set()),
        ("photos/augment.py", PHOTOS, PHOTOS, set()),
        ("photos/images.py", PHOTOS, PHOTOS, set()),
        ("experiments/segmentation/learn/network.py", {"segmentation"}, {"segmentation"}, set()),
        ("experiments/autoencoder/learn/network.py", {"autoencoder"}, {"autoencoder"}, {"autoencoder"}),
        ("experiments/autoencoder/report/metrics.py", set(), {"autoencoder"}, {"autoencoder"}),
        ("experiments/autoencoder/report/plots.py", set(), {"autoencoder"}, set()),
        ("experiments/xor/data.py", {"xor"}, {"xor"}, set()),
        ("experiments/detection/serve.py", set(), set(), set()),
        ("reporting/figure.py", set(), NAMES, set()),
        ("shared/outputs.py", set(), set(), set()),
        ("via/rasterise.py", set(), set(), set()),
        ("sweeps/run.py", set(), set(), {"autoencoder"}),
        ("tracking/runs.py", set(), set(), set()),
    ],
)
def test_an_edit_repeats_what_uses_the_file(finished, keys_before, file, trained, evaluated, swept):
    path = finished / "src/maskwright" / file
    original = path.read_bytes()
    path.write_bytes(original + b"# A comment.\n")
    try:
        changed, keys_now = waiting(finished), keys(finished)
    finally:
        path.write_bytes(original)
    expected = {
        *(f"train@{name}" for name in trained),
        *(f"evaluate@{name}" for name in evaluated),
        *(f"sweep-{name}" for name in swept),
    }
    assert {stage for stage in changed if stage.startswith(("train@", "evaluate@", "sweep-"))} == expected
    assert {name for name in EXPERIMENTS if keys_now[name] != keys_before[name]} == trained


def test_nothing_waits_before_the_first_edit(finished):
    assert waiting(finished) == set()
