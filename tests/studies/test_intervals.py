"""Intervals of a cross-validation, by hand and by simulation."""

import numpy as np
import pytest
from scipy import special

from maskwright.studies.intervals import corrected_interval, pooled_interval


def test_the_corrected_interval_by_hand():
    """0.4, 0.5, 0.6: s = 0.1, t(0.975, 2) = 4.3027, √(1/3 + 1/3) = 0.8165; 4.3027 · 0.1 · 0.8165 = 0.3513."""
    found = corrected_interval([0.4, 0.5, 0.6], 1 / 3, bounds=(0, 1))
    assert found == pytest.approx((0.5, 0.1487, 0.8513), abs=1e-4)
    # Without the correction it would be the usual one: 4.3027 · 0.1 / √3 = 0.2484.
    assert corrected_interval([0.4, 0.5, 0.6], 0, bounds=(0, 1)).high == pytest.approx(0.7484, abs=1e-4)
    assert corrected_interval([0.0, 1.0], 0.5, bounds=(0, 1)) == (0.5, 0, 1)


def test_the_correction_covers_where_folds_are_correlated():
    """Scores with the correlation that Nadeau and Bengio assume, n_test / (n_test + n_train) = 1/4, of 5 folds.

    Common part of variance 1/4, own part 3/4: the corrected interval covers 95 %, and the usual one, whose width is
    √(1/5) in place of √(1/5 + 1/3), covers t(4) < 2.7764 · √(0.2 / 0.5333) = 1.7002 of it: 83.6 %.
    """
    rng = np.random.default_rng(0)
    scores = rng.normal(0, 0.5, (4000, 1)) + rng.normal(0, np.sqrt(0.75), (4000, 5))
    covered = {}
    for ratio in (1 / 3, 0.0):
        found = [corrected_interval(each.tolist(), ratio, bounds=(-np.inf, np.inf)) for each in scores]
        covered[ratio] = np.mean([interval.low <= 0 <= interval.high for interval in found])
    assert covered[1 / 3] == pytest.approx(0.95, abs=0.015)
    assert covered[0.0] == pytest.approx(1 - 2 * special.stdtr(4, -1.7002), abs=0.02)


def test_the_bootstrap_draws_whole_groups():
    values = np.array([0.0, 0.0, 1.0, 1.0])

    def mean(drawn):
        return float(values[drawn].mean())

    alone = pooled_interval(mean, ["a", "b", "c", "d"])
    together = pooled_interval(mean, ["a", "a", "b", "b"])
    assert alone.mean == together.mean == 0.5
    # Of two groups, a quarter of the draws are 0, and a quarter 1. Of four photographs, a sixteenth each.
    assert (together.low, together.high) == (0, 1)
    drawn = set()
    pooled_interval(lambda places: drawn.add(tuple(places.tolist())) or 0.0, ["a", "b", "a"])
    assert drawn == {(0, 2, 0, 2), (0, 2, 1), (1, 0, 2), (1, 1), (0, 1, 2)}
