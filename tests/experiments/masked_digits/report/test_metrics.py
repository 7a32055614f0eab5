import numpy as np
import pytest

from maskwright.experiments.masked_digits.report.metrics import (
    by_seed,
    guessing_ceiling,
    measures,
    presence_ceiling,
    summary,
    with_differences,
)

DIGITS = np.array([[3, 1, 3, 7], [0, 1, 2, 3], [5, 5, 5, 5]])


def test_ceilings_by_hand():
    # 2 of 4, 1 of 4, 4 of 4: (0.5 + 0.25 + 1) / 3
    assert guessing_ceiling(DIGITS) == pytest.approx(1.75 / 3)
    # 3, 4 and 1 classes: (1/3 + 1/4 + 1) / 3
    assert presence_ceiling(DIGITS) == pytest.approx(19 / 36)


def test_what_a_guess_is_worth():
    # Two networks. The first names 3, 0 and 5, the second 7, 9 and 5.
    answers, labels = np.array([[3, 7], [0, 9], [5, 5]]), np.array([1, 0, 5])
    found = measures(answers, labels, DIGITS, "none", "canvas")
    assert {name: values.tolist() for name, values in found.items()} == {
        "canvas_accuracy": [[0, 1, 1], [0, 0, 1]],
        "canvas_expected_accuracy": [[0.5, 0.25, 1], [0.25, 0, 1]],
        "canvas_below_ceiling": [[0, 0, 0], [0.25, 0.25, 0]],
        "canvas_present": [[1, 1, 1], [1, 0, 1]],
    }
    assert list(measures(answers, labels, DIGITS, "pool", "grid")) == ["accuracy"]


def test_differences_are_digit_by_digit():
    single = np.array([[1.0, 1, 1, 0], [1, 1, 0, 1]])
    grid, canvas = np.array([[1.0, 0, 1, 0], [1, 1, 1, 0]]), np.array([[1.0, 1, 1, 0], [1, 1, 0, 1]])
    measured = with_differences(
        {"pool": {"accuracy": grid, "canvas_accuracy": canvas}, "single": {"accuracy": single}}
    )
    assert measured["pool"]["below_bound"].tolist() == [[0, 1, 0, 0], [0, 0, -1, 1]]
    assert not measured["pool"]["canvas_below_bound"].any()
    assert list(measured["single"]) == ["accuracy"]
    details = summary(measured)
    # Means of 1/4 and 0 over the seeds; the mean over the digits is 0, 1/2, -1/2, 1/2.
    assert details["pool"]["below_bound"]["mean"] == 0.125
    assert details["pool"]["below_bound"]["low"] < 0 < details["pool"]["below_bound"]["high"]
    assert -0.5 <= details["pool"]["below_bound"]["test_low"] < 0 < details["pool"]["below_bound"]["test_high"] <= 0.5
    # Student's t with one degree of freedom is 12.7, so the interval is cut to the shares that are possible.
    assert details["single"]["accuracy"]["high"] == 0.75  # both seeds have 3 of 4 right, without any spread
    assert details["pool"]["accuracy"]["high"] == 1
    assert details["pool"]["seeds"] == 2
    rows = by_seed(measured)
    assert rows["pool"]["below_bound"].tolist() == [0.25, 0]
    assert np.isnan(rows["single"]["canvas_below_bound"]).all()
