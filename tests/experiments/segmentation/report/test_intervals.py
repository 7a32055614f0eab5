import numpy as np
import pytest

from maskwright.experiments.segmentation.report.intervals import split_intervals
from maskwright.experiments.segmentation.report.metrics import ImageScores, image_scores, summarise
from maskwright.photos.images import IGNORE
from maskwright.reporting import intervals as rule
from support.random_masks import random_pair


@pytest.fixture(autouse=True)
def fewer_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rule, "RESAMPLES", 200)


NAMES = ["background", "bottle", "can", "cup"]


def test_two_images_by_hand():
    # Two images of 10 pixels of one class, of which 10 and 5 are right. A draw has the first one twice (a quarter of
    # all draws), each once, or the second one twice: accuracies 1, 3/4 and 1/2. So the ends are 1/2 and 1, for the
    # mean over images too. The other 5 pixels are of another class, which then occurs with an IoU of 0: the mIoUs are
    # 1, (15/20 + 0)/2 and (5/10 + 0)/2.
    scores = [
        ImageScores(np.array([[10, 0], [0, 0]]), np.array([1.0, np.nan])),
        ImageScores(np.array([[5, 5], [0, 0]]), np.array([0.5, 0.0])),
    ]
    intervals = split_intervals(scores)
    assert intervals["pixel_accuracy"] == intervals["pixel_accuracy_per_image"] == [0.5, 1.0]
    assert intervals["miou_per_image"] == [0.5, 1.0]
    assert intervals["miou"] == [0.25, 1.0]
    # Boundary: class 0 has the means 1, 3/4 and 1/2; class 1 is in the second image only, so 0 in every draw that has
    # it. So 1 / 1, (3/4 + 0) / 2, (1/2 + 0) / 2.
    assert intervals["boundary_f1"] == [0.25, 1.0]


def test_every_number_of_the_split_lies_in_its_interval():
    pairs = [random_pair(seed, size=(8 + seed % 3, 11)) for seed in range(12)]
    scores = [image_scores(truth, prediction, 4) for truth, prediction in pairs]
    numbers, intervals = summarise(scores, NAMES), split_intervals(scores)
    assert intervals.keys() == {name for name, value in numbers.items() if isinstance(value, float)}
    for name, (low, high) in intervals.items():
        assert 0 < low < numbers[name] < high < 1

    # As the definition says, with copies of the drawn images.
    rng = np.random.default_rng(0)
    drawn = [summarise([scores[i] for i in rng.integers(0, 12, 12)], NAMES)["miou"] for _ in range(200)]
    assert intervals["miou"] == pytest.approx(list(np.quantile(drawn, (0.025, 0.975))))


def test_unlabelled_images_are_not_drawn():
    pairs = [random_pair(seed, size=(8, 11)) for seed in range(3)]
    scores = [image_scores(truth, prediction, 4) for truth, prediction in pairs]
    unlabelled = image_scores(np.full((2, 2), IGNORE), np.zeros((2, 2), int), 4)
    assert split_intervals([unlabelled, *scores, unlabelled]) == split_intervals(scores)


def test_one_image_says_nothing_of_others():
    one = image_scores(*random_pair(0, size=(8, 11)), 4)
    assert split_intervals([one]) == split_intervals([]) == {}
