from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maskwright.experiments.segmentation.learn.batches import LabelledImages
from maskwright.experiments.segmentation.learn.train import new_trainer
from maskwright.experiments.segmentation.params import SOURCE, Segmentation
from maskwright.params import parse_params
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.yaml_file import read_yaml
from maskwright.sweeps.plan import plan_sweep

SHIPPED = Path(__file__).parents[3] / "params.yaml"


def shipped(changes: dict[str, Any]) -> dict[str, Any]:
    """Return params.yaml with other values in the section; inner keys have a dot."""
    values = read_yaml(SHIPPED)
    for key, value in changes.items():
        *parents, last = key.split(".")
        place = values["segmentation"]
        for parent in parents:
            place = place[parent]
        assert last in place
        place[last] = value
    return values


def as_in_the_source(**changes: Any) -> Segmentation:
    return parse_params(shipped({**SOURCE, **changes})).section("segmentation")


@pytest.mark.parametrize(
    "changes",
    [
        {"pyramid.levels": 4},
        {"pyramid.filters": 128},
        {"preset": "resnet56v2-fcn", "pyramid.levels": 4, "backbone": "MobileNetV2"},
    ],
)
def test_a_pyramid_belongs_to_the_published_network(changes: dict[str, Any]):
    with pytest.raises(
        MaskwrightError, match=r"segmentation: pyramid: belongs to the preset resnet56v2-fcn"
    ) as caught:
        parse_params(shipped(changes))
    assert "\n" not in str(caught.value)


def test_the_published_network_has_a_pyramid():
    settings = as_in_the_source(**{"pyramid.levels": 4})
    assert (settings.pyramid.levels, settings.pyramid.filters) == (4, 256)


def test_the_sources_settings_are_its_own():
    settings = as_in_the_source()
    assert settings.size == (480, 640)
    assert (settings.epochs, settings.epoch_images, settings.batch_size) == (100, 1000, 4)
    assert set(settings.augment.model_dump().values()) == {0.0}


def test_the_sweep_of_the_published_network_differs_from_the_source_in_its_size_only():
    plan = plan_sweep("published_segmentation", parse_params(read_yaml(SHIPPED)))
    assert [trial.seed for trial in plan.trials] == 4 * [0, 1, 2]
    source = as_in_the_source()
    smaller = {"size", "epochs", "epoch_images", "seed"}
    for trial in plan.trials:
        changed = {
            name
            for name, value in plan.settings(trial).model_dump().items()
            if value != source.model_dump()[name] and name not in smaller
        }
        assert changed <= ({"preset"} if trial.levels["preset"] == "fast" else {"pyramid"})
    networks = {(t.levels["preset"], t.levels["pyramid.levels"], t.levels["pyramid.filters"]) for t in plan.trials}
    assert networks == {
        ("resnet56v2-fcn", 3, 256),
        ("resnet56v2-fcn", 3, 128),
        ("resnet56v2-fcn", 4, 256),
        ("fast", 3, 256),
    }


@pytest.mark.slow
def test_the_sources_settings_train_its_network():
    data = LabelledImages(
        np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3)).astype(np.uint8),
        np.tile(np.arange(4, dtype=np.uint8), (4, 32, 8)),
    )
    model = new_trainer(as_in_the_source(), data, 4).model
    # tests/experiments/segmentation/learn/test_network.py has the sum.
    assert model.count_params() == 11_120_900
    assert model.compute_output_shape((4, 480, 640, 3)) == (4, 480, 640, 4)
    # One step. Its images are small, and nothing is compiled for it.
    model.run_eagerly = True
    before = [variable.numpy() for variable in model.trainable_variables]
    loss = model.train_on_batch(data.images.astype(np.float32), data.masks.astype(np.int32))
    assert np.isfinite(loss)
    assert float(model.optimizer.learning_rate) == pytest.approx(1e-3)
    # Adam's first step moves a weight by at most the rate, and there is no weight decay.
    moved = [np.abs(one - new.numpy()).max() for one, new in zip(before, model.trainable_variables, strict=True)]
    assert 0.9e-3 < max(moved) < 1.001e-3
