import numpy as np

from maskwright.reporting.linear import linear_answers, principal_components


def test_a_linear_classifier_needs_a_line_between_the_classes():
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(400, 2))
    parts = [inputs[:300], inputs[300:]]
    side = (inputs @ [1.0, -2.0] > 0).astype(int)
    answers = linear_answers(parts, [side[:300], side[300:]])
    assert answers.shape == (100,)
    assert answers.mean() > 0.95
    # XOR of the signs: no line is better than guessing.
    crossed = (inputs[:, 0] * inputs[:, 1] > 0).astype(int)
    assert linear_answers(parts, [crossed[:300], crossed[300:]]).mean() < 0.7


def test_components_are_found_on_the_training_part():
    # All variance of the training part lies along (3, 4) / 5; of (5, 0) that is 5 * 3 / 5 = 3.
    training = np.outer([-1.0, 0, 1], [3, 4])
    first, second = principal_components([training, np.array([[5.0, 0], [0, 0]])], 1)
    assert np.abs(first[:, 0]).round(9).tolist() == [5, 0, 5]
    assert np.abs(second[:, 0]).round(9).tolist() == [3, 0]
    assert principal_components([training, training], 9)[0].shape == (3, 2)
