import numpy as np
import pytest

from maskwright.experiments.information.learn.pairs import fit_statistics, statistics
from maskwright.experiments.information.report.estimates import Scores, pair_estimates
from maskwright.learning.views.information import gaussian_information
from support.tiny_information import tiny_information


def test_binned_and_nearest_neighbour_estimates_are_near_the_truth():
    settings = tiny_information(pairs=8000, bins=10)
    found = pair_estimates(statistics(settings), "gaussian_0.8", settings)
    exact = gaussian_information(0.8)
    assert np.abs(found["nearest"] - exact).max() < 0.05
    # Bins lose information.
    assert (found["binned"] < exact).all()
    assert np.abs(found["binned"] - exact).max() < 0.12
    np.testing.assert_allclose(found["correlation"], 0.8, atol=0.02)


def test_bounds_of_chosen_images_by_hand():
    # Mean 2 of what belongs together; log mean exp of 0 and ln 3 is ln 2. The second image alone: 3 - ln 3.
    scores = Scores(np.array([[1.0], [3.0]]), np.array([[0.0], [np.log(3)]]))
    np.testing.assert_allclose(scores.bounds(), [2 - np.log(2)])
    np.testing.assert_allclose(scores.bounds(np.array([1, 1])), [3 - np.log(3)])


@pytest.mark.slow
def test_mine_gets_near_the_truth():
    settings = tiny_information(correlations=[0.8], pairs=8000, epochs=25, batch_size=500)
    model, bounds = fit_statistics(settings)["gaussian_0.8"]
    assert bounds.shape == (25, 2)
    found = pair_estimates(model, "gaussian_0.8", settings)["mine"]
    assert np.abs(found - gaussian_information(0.8)).max() < 0.08
