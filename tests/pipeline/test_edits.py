"""Which trainings and evaluations an edit repeats: what DVC says, and what the key of a training says."""

import pytest

from maskwright.catalogue import EXPERIMENTS
from maskwright.shared.experiment import ManySeeds
from support.project import commit, copy_of_the_project, invent_outputs, python, waiting

pytestmark = pytest.mark.slow

NAMES = set(EXPERIMENTS)
MANY = {name for name, about in EXPERIMENTS.items() if isinstance(about, ManySeeds)}
PHOTOS = {"segmentation", "detection", "instances"}
VIEWS = {"information", "clustering"}
SWEPT = {name for name, about in EXPERIMENTS.items() if about.tries}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A clone in which every stage stands as done, with inventions for outputs: only what they depend on matters."""
    folder = copy_of_the_project(tmp_path_factory.mktemp("edited clone") / "mask wright")
    invent_outputs(folder)
    commit(folder, "inventions")
    return folder


def keys(folder):
    """Return the keys of each experiment's trainings, and the hash of the code of its sweeps' trials."""
    code = """if True:
        import json
        from maskwright.catalogue import EXPERIMENTS
        from maskwright.params import load_params
        from maskwright.shared.identity import training_keys, trial_code_hash
        params = load_params()
        keys = {name: training_keys(about, params.section(name)) for name, about in EXPERIMENTS.items()}
        keys |= {f"trial {name}": trial_code_hash(about) for name, about in EXPERIMENTS.items() if about.tries}
        print(json.dumps(keys))"""
    return python(folder, code)


@pytest.fixture(scope="module")
def keys_before(finished):
    return keys(finished)


@pytest.mark.parametrize(
    ("file", "trained", "evaluated", "swept"),
    [
        ("learning/common/determinism.py", NAMES, NAMES, SWEPT),
        ("learning/single/callbacks.py", NAMES - MANY, NAMES - MANY, NAMES - MANY),
        ("learning/replicates/fitting.py", MANY, MANY, {"xor"}),
        ("learning/views/encoders.py", VIEWS, VIEWS, set()),
        ("photos/augment.py", PHOTOS, PHOTOS, PHOTOS),
        ("photos/images.py", PHOTOS, PHOTOS, PHOTOS),
        ("experiments/segmentation/learn/network.py", {"segmentation"}, {"segmentation"}, {"segmentation"}),
        ("experiments/autoencoder/learn/network.py", {"autoencoder"}, {"autoencoder"}, {"autoencoder"}),
        ("experiments/autoencoder/report/metrics.py", set(), {"autoencoder"}, {"autoencoder"}),
        ("experiments/autoencoder/report/plots.py", set(), {"autoencoder"}, set()),
        ("experiments/xor/data.py", {"xor"}, {"xor"}, {"xor"}),
        ("experiments/detection/serve.py", set(), set(), set()),
        ("reporting/figure.py", set(), NAMES, set()),
        ("shared/outputs.py", set(), set(), set()),
        ("via/rasterise.py", set(), set(), set()),
        ("sweeps/run.py", set(), set(), set()),
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
    }
    # Sweeps are frozen: DVC asks for none.
    assert {stage for stage in changed if stage.startswith(("train@", "evaluate@", "sweep"))} == expected
    assert {name for name in keys_now if keys_now[name] != keys_before[name]} == {
        *trained,
        *(f"trial {name}" for name in swept),
    }


def test_nothing_waits_before_the_first_edit(finished):
    assert waiting(finished) == set()
