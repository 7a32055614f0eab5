from pathlib import Path

import numpy as np
import pytest

from maskwright.experiments.corner.learn.network import build
from maskwright.experiments.corner.report.detection import detection_summary, find_corners
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
    for shown, expected in ((found, (1, 2 / 3)), (~found, (1 / 40, 1 / 3)), (found & False, (0, 0))):
        summary = detection_summary(shown, truth)
        assert [summary[name]["mean"] for name in ("precision", "recall")] == pytest.approx(expected)


def test_intervals_over_networks_and_images():
    # Four images of one pixel, each a corner. The first network finds it in all, the second in the first two.
    truth = np.ones((4, 1, 1), bool)
    found = np.ones((4, 2, 1, 1), bool)
    found[2:, 1] = False
    summary = detection_summary(found, truth)
    assert set(summary["recall"]) == {"mean", "low", "high", "test_low", "test_high"}
    assert summary["recall"]["mean"] == 0.75
    # Student's t of 1 and 0.5 is cut to the possible values; a resample's recall is between that of the images.
    assert (summary["recall"]["low"], summary["recall"]["high"]) == (0.0, 1.0)
    assert (summary["recall"]["test_low"], summary["recall"]["test_high"]) == (0.5, 1.0)
    # The first misses nothing in any resample: Wilson's interval of 4 of 4 images, from 1 / (1 + 1.96² / 4) = 0.51.
    perfect = detection_summary(found[:, :1], truth)
    assert perfect["recall"] == {"mean": 1.0, "test_low": pytest.approx(0.5101, abs=1e-4), "test_high": 1.0}
    alone = detection_summary(found[:, 1:], truth)["recall"]
    assert alone["mean"] == 0.5
    assert "low" not in alone
    assert alone["test_low"] < 0.5 < alone["test_high"]
