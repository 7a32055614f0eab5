import numpy as np

from maskwright.experiments.information.report.plots import (
    entropies_figure,
    estimates_figure,
    parabola_figure,
    views_figure,
)
from maskwright.learning.views.information import gaussian_information


def test_estimates_stand_above_and_their_errors_below():
    exact = gaussian_information(0.5)
    estimates = {"mine": np.array([exact + 0.01, exact + 0.03]), "binned": np.array([exact, exact])}
    measured = {0.5: {**estimates, "nearest": np.array([exact - 0.01, exact - 0.01])}}
    above, below = estimates_figure(measured).axes
    means = {line.get_label(): line.get_ydata()[0] for line in above.lines if not line.get_label().startswith("_")}
    assert means["MINE"] == np.mean(estimates["mine"])
    errors = [line.get_ydata()[0] for line in below.lines if line.get_label() in ("MINE", "nearest neighbours")]
    np.testing.assert_allclose(errors, [0.02, -0.01], atol=1e-12)
    assert set(means) == {"exact", "MINE", "binned", "nearest neighbours"}


def test_the_parabola_s_measures_stand_beside_its_pairs():
    pairs = np.stack([np.linspace(-1, 1, 9), np.linspace(-1, 1, 9) ** 2], axis=1)
    values = {"correlation": [0.0, 0.02], "mine": [0.3, 0.4], "binned": [0.2, 0.2], "nearest": [0.5, 0.5]}
    left, right = parabola_figure(pairs, {name: np.array(each) for name, each in values.items()}, 0.43).axes
    np.testing.assert_array_equal(left.lines[0].get_xydata(), pairs)
    assert [text.get_text() for text in right.texts] == ["0.010", "0.350", "0.200", "0.500"]
    assert right.lines[0].get_xdata() == [0.43, 0.43]


def test_entropies_stand_end_to_end():
    (axes,) = entropies_figure({"byte": {"H(X|Y)": 4.0, "I(X;Y)": 4.0, "H(Y|X)": 0.0}}).axes
    assert [(bar.get_x(), bar.get_width()) for bar in axes.patches] == [(0, 4), (4, 4), (8, 0)]
    assert [text.get_text() for text in axes.texts] == ["4.00", "4.00"]


def test_views_stand_below_their_images():
    images = np.random.default_rng(0).random((3, 8, 8))
    views = np.random.default_rng(1).random((2, 3, 8, 8))
    axes = views_figure(images, views).axes
    assert len(axes) == 9
    np.testing.assert_array_equal(axes[1].images[0].get_array(), images[1])
    np.testing.assert_array_equal(axes[5].images[0].get_array(), views[0, 2])
