from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from maskwright.experiments.conditional.data import TwoLevels
from maskwright.experiments.conditional.learn.examples import shown_images
from maskwright.experiments.conditional.learn.losses import two_level_loss
from maskwright.experiments.conditional.learn.variants import one_network, sizes
from maskwright.learning.replicates.fitting import adam, start_fitting
from maskwright.params import load_params

SHIPPED = Path(__file__).parents[4] / "params.yaml"


@pytest.mark.slow
def test_the_source_s_network_builds_and_trains():
    settings = load_params(SHIPPED).section("conditional").model_copy(update={"preset": "source"})
    shape = sizes(settings, 500, 3)
    assert (shape.trunk, shape.branch) == ((6, 9, 12, 15), 15)
    model = one_network(settings, "soft", shape, (2, 2), seed=0)
    # The last map has 500 / 2^4 = 32 pixels each way.
    assert [tuple(output.shape) for output in model.get_layer("trunk").outputs] == [
        (None, 63, 63, 12),
        (None, 32, 32, 15),
        (None, 2),
    ]
    before = model.get_weights()
    levels = np.array([0, 1], np.uint8)
    images = np.random.default_rng(0).integers(0, 256, (2, 500, 500, 3), np.uint8)
    shown = shown_images(TwoLevels(images, levels, levels), settings.model_copy(update={"epochs": 1}))(0)
    rule = adam(np.array([0.001]), beta_2=0.99)
    with ThreadPoolExecutor(1) as pool:
        (fitted,) = start_fitting(pool, [model], [shown], two_level_loss("soft", (2, 2), 0.5), rule)
    assert np.isfinite(fitted.result()["loss"]).all()
    assert all((one != other).any() for one, other in zip(before, model.get_weights(), strict=True))
