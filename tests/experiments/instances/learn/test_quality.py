import numpy as np
import pytest

from maskwright.experiments.instances.learn.quality import compare, total
from maskwright.photos.images import IGNORE
from maskwright.photos.objects import UNKNOWN_OBJECT

THINGS = np.isin(np.arange(256), [1, 2])
"""Of the classes 1, 2 and 3, the last is stuff."""


def naive(truth, found):
    """Panoptic quality from its definition, by sets of pixels: for each class IoUs, and numbers of TP, FP and FN."""
    (mask, numbers), (other, others) = truth, found
    pixels = list(np.ndindex(mask.shape))

    def unknown(p):
        no_number = mask[p] in (1, 2) and numbers[p] == 0
        return mask[p] == IGNORE or numbers[p] == UNKNOWN_OBJECT or no_number

    void = {p for p in pixels if unknown(p)}
    result = {}
    for label in (1, 2, 3):

        def segments(masks, ids, left_out, label=label):
            its = [p for p in pixels if masks[p] == label and p not in left_out]
            if label == 3:
                return [set(its)] if its else []
            return [{p for p in its if ids[p] == number} for number in sorted({ids[p] for p in its} - {0})]

        true, predicted = segments(mask, numbers, void), segments(other, others, set())
        ious = []
        for one in true:
            for two in predicted:
                iou = len(one & two) / len((one | two) - (void - one))
                if iou > 0.5:
                    ious.append((iou, one, two))
        partners = [two for _, _, two in ious]
        extra = [two for two in predicted if two not in partners and len(two & void) <= len(two) / 2]
        result[label] = (sum(iou for iou, _, _ in ious), len(ious), len(extra), len(true) - len(ious))
    return result


@pytest.mark.parametrize("seed", range(30))
def test_it_is_what_the_definition_says(seed):
    rng = np.random.default_rng(seed)
    shape = (6, 8)
    mask = rng.choice([0, 1, 1, 2, 3, IGNORE], (2, 2)).repeat(3, 0).repeat(4, 1).astype(np.uint8)
    numbers = (1 + np.arange(4).reshape(2, 2)).repeat(3, 0).repeat(4, 1).astype(np.uint16)
    numbers[rng.uniform(size=shape) < 0.1] = 0
    numbers[rng.uniform(size=shape) < 0.05] = UNKNOWN_OBJECT
    # The prediction is the truth, moved a little, with some other classes.
    other, others = np.roll(mask, rng.integers(0, 2), 1), np.roll(numbers, rng.integers(0, 2), 1)
    other = np.where(other == IGNORE, 1, other).astype(np.uint8)
    others = np.where(others == UNKNOWN_OBJECT, 0, others)
    for number in range(1, 5):
        # An object has one class.
        other[others == number] = (
            rng.choice([1, 2, 3]) if rng.uniform() < 0.3 else np.max(other[others == number], initial=0)
        )
    for label in (1, 2):
        mask[(numbers > 0) & (mask == label)] = label
    outcome = compare((mask, numbers), (other, others), THINGS, 4)
    for label, (ious, matched, extra, missed) in naive((mask, numbers), (other, others)).items():
        assert outcome.ious[label] == pytest.approx(ious)
        assert [part[label] for part in outcome[1:]] == [matched, extra, missed], label


def test_by_hand_with_two_photographs():
    mask, numbers = np.array([[1, 1, 1, 1, 3, 3]]), np.array([[1, 1, 2, 2, 0, 0]])
    first = compare((mask, numbers), (mask, numbers), THINGS, 4)
    # Both objects as one: IoU 2 / 4 with either is no match. Stuff: one of two pixels, and one of class 2 too many.
    merged = compare((mask, numbers), (np.array([[1, 1, 1, 1, 3, 2]]), np.array([[1, 1, 1, 1, 0, 2]])), THINGS, 4)
    outcome = total([first, merged])
    # Class 1: TP 2, FP 1, FN 2, so PQ = 2 / 3.5. Class 2: FP 1. Class 3: TP 1, FP 1, FN 1 (IoU 1 / 2), so PQ = 1 / 2.
    assert outcome.pq()[1:] == pytest.approx([2 / 3.5, 0, 0.5])
    assert outcome.sq()[[1, 3]] == pytest.approx([1, 1])
    assert outcome.rq()[1:] == pytest.approx([2 / 3.5, 0, 0.5])
    assert np.isnan(outcome.pq()[0])
    assert np.isnan(outcome.sq()[2])


def test_one_object_over_the_whole_photograph_and_none_at_all():
    whole, nothing = np.ones((3, 4), np.uint8), np.zeros((3, 4), np.uint8)
    assert compare((whole, whole), (whole, whole), THINGS, 4).pq()[1] == 1
    assert compare((whole, whole), (nothing, nothing), THINGS, 4).pq()[1] == 0
    assert np.isnan(compare((nothing, nothing), (nothing, nothing), THINGS, 4).pq()).all()


def test_what_is_predicted_on_unknown_pixels_costs_nothing():
    mask, numbers = np.full((1, 4), IGNORE, np.uint8), np.full((1, 4), UNKNOWN_OBJECT, np.uint16)
    found = np.array([[0, 1, 1, 0]])
    outcome = compare((mask, numbers), (found, found), THINGS, 4)
    assert [int(part.sum()) for part in outcome] == [0, 0, 0, 0]
