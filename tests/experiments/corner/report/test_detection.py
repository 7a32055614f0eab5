from pathlib import Path

import numpy as np
import pytest

from maskwright.experiments.corner.learn.network import build
from maskwright.experiments.corner.report.detection import detection_scores, find_corners
from maskwright.params import load_params

SHIPPED = Path(__file__).parents[4] / "params.yaml"


def test_detector_on_an_image():
    image = np.array(
        [
            [0, 0, 0, 0, 0, 0, 0],
            [0, 1, 1, 0, 0, 0, 0],
            [0, 1, 1, 0, 0, 1, 0],
            [0, 0, 0, 0, 0, 0, 0],
            [0, 0, 0, 1, 1, 1, 0],
            [0, 0, 0, 1, 1, 1, 0],
        ],
        np.uint8,
    )
    found = find_corners(build(load_params(SHIPPED).section("corner"), "hand_set"), image[None])
    assert found.shape == (1, 1, 6, 7)
    assert np.argwhere(found[0, 0]).tolist() == [[1, 1], [4, 3]]
    truth = np.zeros((1, 6, 7), bool)
    truth[0, [1, 2, 4], [1, 5, 3]] = True
    assert detection_scores(found, truth) == {"precision": [1.0], "recall": [pytest.approx(2 / 3)]}
    assert detection_scores(~found, truth) == {"precision": [1 / 40], "recall": [pytest.approx(1 / 3)]}
    assert detection_scores(found & False, truth) == {"precision": [0.0], "recall": [0.0]}
