import csv
import json

import numpy as np
import pytest

from maskwright.experiments.instances.learn.network import FURTHER, build
from maskwright.experiments.instances.learn.train import train
from maskwright.experiments.instances.report.evaluate import evaluate
from maskwright.experiments.instances.report.inference import load_trained
from support.tiny_instances import CLASSES, SIZE, tiny_settings, write_data

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    root = tmp_path_factory.mktemp("trained")
    write_data(root / "data")
    rows = []
    train(
        tiny_settings(),
        data=root / "data",
        out=root / "model",
        history=root / "training.csv",
        checkpoint=root / "checkpoint",
        log_epoch=lambda epoch, row: rows.append(row),
    )
    return root, rows


def test_a_training_leaves_a_model_a_history_and_no_checkpoint(trained):
    root, rows = trained
    history = list(csv.DictReader((root / "training.csv").open()))
    assert len(history) == len(rows) == 2
    assert {"loss", "val_loss", "val_pq", "val_sq", "val_rq", "learning_rate"} <= set(history[0])
    assert not (root / "checkpoint").exists()
    about = json.loads((root / "model/about.json").read_text())
    assert about["validation_pq"] == max(row["val_pq"] for row in rows)
    network, facts = load_trained(root / "model")
    assert (facts.classes, facts.size, facts.stuff) == (CLASSES, SIZE, [])
    assert network(np.zeros((1, 20, 30, 3), np.float32)).shape == (1, 20, 30, len(CLASSES) + FURTHER)


def test_it_can_be_evaluated(trained):
    root, _ = trained
    found = evaluate(tiny_settings(), data=root / "data", model=root / "model", results=root)
    assert 0 <= found.metrics["pq"] <= 1
    assert found.details["objects"] == 9


def test_it_has_little_more_than_segmentations_network():
    from maskwright.experiments.segmentation.learn.network import fast

    ours, theirs = build(tiny_settings(), 3).count_params(), fast(3).count_params()
    # Two convolutions of 64 x 32 x 9 with batch norm, and 1 x 1 to 16 and 32.
    assert ours - theirs == 2 * (64 * 32 * 9 + 4 * 32) + (32 + 1) * 16 + (32 + 1) * 32
