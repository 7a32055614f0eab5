import numpy as np
import pytest

from maskwright.experiments.detection.report.inference import detect_objects, detector, sources_nms
from support.fixed_detector import HARD, SCHEME, SIZE, SOFT, images, network


def test_finds_in_each_photographs_own_pixels_with_each_kind_of_nms():
    model, boxes = network()
    run = detector(model, SCHEME, [HARD, SOFT])
    (hard, soft), (hard_large, _) = detect_objects(run, iter(images()), SIZE)
    shares = [np.exp(3) / (np.exp(3) + 2), np.exp(2) / (np.exp(2) + 2)]
    # The background's own anchors say 9 against 0: below the least score.
    dogs = hard.classes == 2
    assert hard.scores[dogs] == pytest.approx([shares[0]], rel=1e-5)
    assert hard.boxes[dogs] == pytest.approx(boxes[:1], abs=1e-3)
    assert hard_large.boxes[dogs] == pytest.approx(boxes[:1] * 2, abs=1e-3)
    assert soft.scores[soft.classes == 2] == pytest.approx([shares[0], shares[1] * np.exp(-2)], rel=1e-4)


def test_the_sources_suppression_goes_across_classes_and_is_hard():
    model, boxes = network()
    run = detector(model, SCHEME, [SOFT, sources_nms(SOFT)], 0.1)
    ((soft, sources),) = detect_objects(run, images()[:1], SIZE)
    # Softened, there are the second dog and the anchor's other class too.
    assert len(soft.boxes) > 1
    assert sources.classes.tolist() == [2]
    assert sources.boxes == pytest.approx(boxes[:1], abs=1e-3)


def test_the_least_score():
    model, _ = network()
    run = detector(model, SCHEME, [HARD], 0.5)
    ((found,),) = detect_objects(run, images()[:1], SIZE)
    assert found.classes.tolist() == [2]


def test_batches_do_not_matter():
    model, _ = network()
    run = detector(model, SCHEME, [HARD])
    one_by_one = [found for (found,) in detect_objects(run, images() * 3, SIZE, batch_size=1)]
    together = [found for (found,) in detect_objects(run, images() * 3, SIZE, batch_size=4)]
    assert len(one_by_one) == 6
    for one, other in zip(one_by_one, together, strict=True):
        for a, b in zip(one, other, strict=True):
            assert np.allclose(a, b, atol=1e-4)
