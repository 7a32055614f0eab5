import numpy as np
import pytest

from maskwright.experiments.information.learn.gaussian import fit_statistics, statistics
from maskwright.experiments.information.report.estimates import gaussian_estimates
from maskwright.learning.views.information import gaussian_information
from support.tiny_information import tiny_information


def test_binned_and_nearest_neighbour_estimates_are_near_the_truth():
    settings = tiny_information(pairs=8000, bins=10)
    found = gaussian_estimates(statistics(settings), 0.8, settings)
    exact = gaussian_information(0.8)
    assert np.abs(found["nearest"] - exact).max() < 0.05
    # Bins lose information.
    assert (found["binned"] < exact).all()
    assert np.abs(found["binned"] - exact).max() < 0.12


@pytest.mark.slow
def test_mine_gets_near_the_truth():
    settings = tiny_information(correlations=[0.8], pairs=8000, epochs=25, batch_size=500)
    model, bounds = fit_statistics(settings)[0.8]
    assert bounds.shape == (25, 2)
    found = gaussian_estimates(model, 0.8, settings)["mine"]
    assert np.abs(found - gaussian_information(0.8)).max() < 0.08
