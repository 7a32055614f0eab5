import numpy as np
import pytest

from maskwright.experiments.detection.report.inference import detect_objects, detector
from maskwright.experiments.detection.serve import as_served
from support.fixed_detector import HARD, SCHEME, SIZE, images, network


def test_the_served_model_finds_the_same():
    model, _ = network()
    served = as_served(model, SCHEME, HARD, 0.5)
    assert len(served.inputs) == len(served.outputs) == 1
    assert served.output_shape == (None, 5, 6)
    run = detector(model, SCHEME, [HARD], 0.5)
    for image in images():
        ((found,),) = detect_objects(run, [image], SIZE)
        rows = np.asarray(served(image[None]))[0]
        count = len(found.boxes)
        assert count == 1
        assert rows[:count, :4] == pytest.approx(found.boxes, abs=1e-3)
        assert rows[:count, 4] == pytest.approx(found.scores, abs=1e-6)
        assert rows[:count, 5].tolist() == found.classes.tolist()
        assert not rows[count:].any()
