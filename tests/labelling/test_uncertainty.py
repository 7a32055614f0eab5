"""How unsure a segmentation is, by hand."""

import numpy as np
import pytest

from maskwright.labelling.uncertainty import flip_disagreement, mean_entropy


def test_entropy():
    """One sure pixel and one that could be either of two classes: (0 + 1) / 2."""
    assert mean_entropy(np.array([[[1.0, 0.0], [0.5, 0.5]]])) == pytest.approx(0.5)
    # Of three classes: -(0.5 log 0.5 + 2 * 0.25 log 0.25) / log 3 = 1.5 log 2 / log 3 = 0.94639.
    assert mean_entropy(np.array([[[0.5, 0.25, 0.25]]])) == pytest.approx(0.94639, abs=1e-5)
    assert mean_entropy(np.full((2, 3, 4), 0.25, np.float32)) == pytest.approx(1)


def test_disagreement():
    """The same twice, though unsure, is none; (1, 0) and (0, 1) disagree wholly: (0 + 1) / 2."""
    one = np.array([[[0.5, 0.5], [1.0, 0.0]]])
    other = np.array([[[0.5, 0.5], [0.0, 1.0]]])
    assert flip_disagreement(one, other) == pytest.approx(0.5)
    assert flip_disagreement(one, one) == pytest.approx(0)
    assert flip_disagreement(other, one) == pytest.approx(flip_disagreement(one, other))
