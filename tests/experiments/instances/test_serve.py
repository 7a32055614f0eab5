import numpy as np
import pytest
import tensorflow as tf

from maskwright.experiments.instances.learn.grouping import group
from maskwright.experiments.instances.params import Grouping
from maskwright.experiments.instances.report import inference
from maskwright.experiments.instances.report.inference import InstancesFacts, Seen, compiled, finder, look_at
from maskwright.experiments.instances.serve import as_served, summed
from support.centres_model import CLASSES, SIZE, centres_model, scene


@pytest.fixture(scope="module")
def about():
    return InstancesFacts(network="colours", classes=CLASSES, size=SIZE, stuff=[], grouping=Grouping())


def test_a_served_model_finds_the_same_objects(about):
    mask, _, image = scene()
    served = as_served(centres_model(), about)
    batch = np.stack([image, image[:, ::-1]])
    answers = np.asarray(served(batch))
    assert answers.shape == (2, *SIZE, 2)
    assert answers.dtype == np.int32
    find = finder(about)
    for answer, seen in zip(answers, look_at(compiled(centres_model()), batch, SIZE), strict=True):
        found = find(seen)
        assert (answer[..., 0] == found.mask).all()
        assert (answer[..., 1] == found.numbers).all()
    assert (answers[0, ..., 0] == mask).all()
    assert answers[0, ..., 1].max() == 3


def test_photographs_of_another_size_come_back_at_theirs(about, monkeypatch):
    outputs = compiled(centres_model())(scene()[2][None])[0]
    for most in (10**6, 64 * 96):  # in the second case they are grouped at a quarter of the pixels, and enlarged
        monkeypatch.setattr(inference, "GROUPED_PIXELS", most)
        found = finder(about)(Seen(outputs, (128, 192)))
        assert found.mask.shape == found.numbers.shape == (128, 192)
        assert len(found.classes) == 3
        # The can's centre is the pixel (16, 39) of 32 x 48.
        assert found.centres[found.classes == 2][0] == pytest.approx([16.5 * 4, 39.5 * 4])


@pytest.mark.parametrize("size", [(40, 60), (90, 100)])
def test_its_sums_change_nothing(about, size):
    outputs = np.random.default_rng(0).normal(size=(40, 60, len(CLASSES) + 3)).astype(np.float32)
    given = tf.constant(outputs), tf.constant(size), about.things, Grouping(window=3, least_pixels=2)
    usual, served = group(*given), group(*given, summed)
    assert len(usual.classes) > 50
    for one, other in zip(usual, served, strict=True):
        np.testing.assert_array_equal(one, other)
