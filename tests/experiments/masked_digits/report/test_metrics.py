import numpy as np
import pytest

from maskwright.experiments.masked_digits.report.metrics import guessing_ceiling


def test_guessing_ceiling_by_hand():
    # 2 of 4, 1 of 4, 4 of 4: (0.5 + 0.25 + 1) / 3
    assert guessing_ceiling(np.array([[3, 1, 3, 7], [0, 1, 2, 3], [5, 5, 5, 5]])) == pytest.approx(1.75 / 3)
