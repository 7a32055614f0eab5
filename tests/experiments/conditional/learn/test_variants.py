from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from maskwright.experiments.conditional.data import TwoLevels
from maskwright.experiments.conditional.learn.examples import shown_images
from maskwright.experiments.conditional.learn.losses import two_level_loss
from maskwright.experiments.conditional.learn.variants import one_network, sizes
from maskwright.experiments.conditional.params import SOURCE
from maskwright.learning.replicates.fitting import adam, start_fitting
from maskwright.params import parse_params
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.yaml_file import read_yaml

SHIPPED = Path(__file__).parents[4] / "params.yaml"


def settings(**changes):
    values = read_yaml(SHIPPED)
    values["conditional"] |= changes
    return parse_params(values).section("conditional")


def test_the_source_s_settings_give_its_network_and_it_learns():
    of_source = settings(**SOURCE)
    shape = sizes(of_source, 500, 3, coarse=2)
    # Counted in test_source.
    assert one_network(of_source, "soft", shape, (2, 2), seed=0).count_params() == 32_386
    # A step is tried with smaller images.
    few = of_source.model_copy(update={"epochs": 1, "batch_size": 2})
    model = one_network(few, "soft", sizes(few, 161, 3, coarse=2), (2, 2), seed=0)
    before = model.get_weights()
    levels = np.array([0, 1], np.uint8)
    images = np.random.default_rng(0).integers(0, 256, (2, 161, 161, 3), np.uint8)
    shown = shown_images(TwoLevels(images, levels, levels), few)(0)
    with ThreadPoolExecutor(1) as pool:
        loss, rule = two_level_loss("soft", (2, 2), few.loss_weights), adam(np.array([0.001]), beta_2=0.999)
        (fitted,) = start_fitting(pool, [model], [shown], loss, rule)
    assert np.isfinite(fitted.result()["loss"]).all()
    assert all((one != other).any() for one, other in zip(before, model.get_weights(), strict=True))


def test_the_source_s_network_with_images_or_classes_that_do_not_fit():
    of_source = settings(preset="source")
    with pytest.raises(
        MaskwrightError, match=r"conditional\.side: images of 160 pixels are too small .* 161 or more"
    ):
        sizes(of_source, 160, 3, coarse=2)
    with pytest.raises(
        MaskwrightError, match=r"conditional\.coarse: the preset source has two coarse classes, not 3"
    ):
        sizes(of_source, 161, 3, coarse=3)


def test_filters_of_the_source_s_network():
    assert sizes(settings(preset="source", trunk=[2, 3, 4, 5], branch=6), 161, 1, coarse=2).trunk == (2, 3, 4, 5)
    with pytest.raises(MaskwrightError, match="conditional: trunk: the preset source has four convolutions"):
        settings(preset="source", trunk=[2, 3])
