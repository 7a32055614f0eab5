"""From facts to lines, by hand."""

import numpy as np
import pytest

from maskwright.diagnosis.baselines import detection_baselines, segmentation_baselines
from maskwright.diagnosis.lines import (
    Facts,
    beside_baselines,
    diagnose,
    few_objects,
    never_found,
    overfitting,
    small_objects,
    still_rising,
)


def facts(**changes):
    return Facts("mIoU", "test", 0.5, **changes)


def test_a_score_beside_what_needs_no_network():
    assert beside_baselines(facts()) == "test mIoU 0.500"
    told = beside_baselines(facts(baselines={"nothing found": 0.3}))
    assert told == "test mIoU 0.500 (nothing found: 0.300)"
    told = beside_baselines(facts(baselines={"nothing found": 0.3, "all called dog": 0.5}))
    assert told == "test mIoU 0.500 (nothing found: 0.300; all called dog: 0.500): no better than all called dog"


def test_baselines_of_segmentation():
    """60, 30 and 10 pixels: 0.6 / 3 = 0.2, and (1 + 30 / 40) / 3 = 0.58333."""
    found = segmentation_baselines(np.array([60, 30, 10]), ["background", "dog", "cat"])
    assert found == pytest.approx({"nothing found": 0.2, "every object found, all called dog": 1.75 / 3})
    # One class of objects: nothing to confuse. 60 / 90 / 2 = 1 / 3.
    assert segmentation_baselines(np.array([60, 30, 0]), ["b", "dog", "cat"]) == pytest.approx(
        {"nothing found": 1 / 3}
    )
    # No background in the truth: an answer of background scores 0 of three classes; the other one (3/4 + 0) / 2.
    found = segmentation_baselines(np.array([0, 30, 10]), ["b", "dog", "cat"])
    assert list(found.values()) == pytest.approx([0, 0.375])
    assert segmentation_baselines(np.array([60, 0]), ["b", "dog"]) == {}


def test_baselines_of_segmentation_are_its_scores():
    """The same from the answers themselves, by the metric's own code."""
    from maskwright.experiments.segmentation.learn.confusion import confusion_matrix
    from maskwright.experiments.segmentation.report.metrics import over_pixels

    truth = np.repeat([0, 1, 2], [60, 30, 10])
    nothing = over_pixels(confusion_matrix(truth, np.zeros(100, int), 3))["miou"]
    nameless = over_pixels(confusion_matrix(truth, np.minimum(truth, 1), 3))["miou"]
    found = segmentation_baselines(np.array([60, 30, 10]), ["b", "dog", "cat"])
    assert list(found.values()) == pytest.approx([nothing, nameless])


def test_baselines_of_detection():
    """30 cats and 10 dogs, all called cat: (30 / 40 + 0) / 2."""
    found = detection_baselines({"cat": 30, "dog": 10, "cow": 0})
    assert found == {"nothing found": 0.0, "every object found, all called cat": 0.375}
    assert detection_baselines({"cat": 3}) == {"nothing found": 0.0}
    assert detection_baselines({"cat": 0}) == {}


def test_classes_never_found():
    assert never_found(facts()) is None
    line = never_found(facts(never=["a", "b", "c", "d"]))
    assert line is not None
    assert line.startswith("never found: a, b, c and 1 more; ")


def test_splits_with_few_objects():
    assert few_objects(facts(objects={"train": 20, "test": 20})) is None
    line = few_objects(facts(objects={"train": 100, "validation": 19, "test": 3}))
    assert line is not None
    assert line.startswith("few objects: validation has 19, test has 3, and below 20 ")


def test_objects_too_small_for_the_network():
    """Half of four are under 4 pixels; twice the size makes 2 into 4."""
    line = small_objects(facts(sides=np.array([2.0, 2, 8, 8]), smallest=4.0))
    assert line is not None
    assert line.startswith("small objects: 2 of 4 have a side under 4 pixels at the network's size; a size 2.0 times")
    # 1 of 11 is below a tenth.
    assert small_objects(facts(sides=np.array([2.0] + 10 * [8]), smallest=4.0)) is None
    assert small_objects(facts(smallest=4.0)) is None


@pytest.mark.parametrize(
    ("losses", "val_losses", "told"),
    [
        ([0.9, 0.4, 0.1], [0.8, 0.5, 0.6], "ends at 0.600, after a least of 0.500"),  # 1.2 times the least
        ([0.9, 0.4, 0.35], [0.8, 0.5, 0.52], None),  # 1.04 times, and 1.5 times the training loss
        ([0.9, 0.4, 0.2], [0.8, 0.5, 0.45], "is 0.450, the training loss 0.200"),  # 2.25 times
        ([0.9, 0.4, 0.5], [0.8, 0.5, 0.6], None),  # both rose: the training became worse, it did not overfit
        ([0.9], [5.0], None),
        ([0.9, 0.4], [], None),
    ],
)
def test_overfitting(losses, val_losses, told):
    line = overfitting(facts(losses=losses, val_losses=val_losses))
    assert (line is None) if told is None else (line is not None and told in line)


def test_what_to_change_depends_on_the_backbone():
    losses = {"losses": [0.9, 0.1], "val_losses": [0.5, 0.9]}
    assert (overfitting(facts(**losses)) or "").endswith("strengthen augment, or take preset: pretrained")
    assert (overfitting(facts(**losses, pretrained=True)) or "").endswith("photographs, or strengthen augment")


def test_a_score_that_still_rises():
    line = still_rising(facts(val_scores=[0, 0, 0, 0, 0.5, 0.5, 0.6, 0.6]))
    assert line is not None
    assert "rose by 0.100 over the last quarter" in line
    assert still_rising(facts(val_scores=[0, 0, 0, 0, 0.5, 0.5, 0.505, 0.505])) is None
    assert still_rising(facts(val_scores=[0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6])) is None  # seven epochs


def test_at_most_three_lines_the_gravest_first():
    everything = facts(
        baselines={"nothing found": 0.3},
        losses=[0.9, 0.1],
        val_losses=[0.5, 0.9],
        val_scores=[0, 0, 0, 0, 0.5, 0.5, 0.6, 0.6],
        never=["mug"],
        sides=np.array([1.0]),
        smallest=4.0,
        objects={"test": 1},
    )
    assert [line.split(":")[0].split(" (")[0] for line in diagnose(everything)] == [
        "test mIoU 0.500",
        "never found",
        "few objects",
    ]
    assert diagnose(facts()) == ["test mIoU 0.500"]
