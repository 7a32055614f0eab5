import math

import pytest

from maskwright.reporting.ranking import best_and_worst


@pytest.mark.parametrize(
    ("count", "best", "worst"),
    [
        (0, [], []),
        (1, [0], []),
        (2, [1], [0]),
        (3, [2, 1], [0]),
        (5, [4, 3, 2], [0, 1]),
        (6, [5, 4, 3], [0, 1, 2]),
        (9, [8, 7, 6], [0, 1, 2]),
    ],
)
def test_few_images_are_shared_out_by_halves(count, best, worst):
    assert best_and_worst([(float(place),) for place in range(count)]) == {"best": best, "worst": worst}


def test_ties_go_to_the_next_number_and_then_to_the_earlier_image():
    assert best_and_worst([(0.5, 1.0), (0.5, 2.0), (0.5, 1.0)]) == {"best": [1, 0], "worst": [2]}


def test_an_image_without_a_score_is_not_drawn():
    assert best_and_worst([(0.1,), (math.nan,), (0.9,)]) == {"best": [2], "worst": [0]}
