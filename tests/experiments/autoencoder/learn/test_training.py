"""The autoencoder's training: what its loss is, and a step with the source's settings."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from maskwright.experiments.autoencoder.learn.scores import code, losses
from maskwright.experiments.autoencoder.learn.training import new_trainer
from maskwright.experiments.autoencoder.params import SOURCE
from maskwright.params import load_params
from maskwright.shared.settings import Schedule

SHIPPED = Path(__file__).parents[4] / "params.yaml"


def noise(*shape):
    return np.random.default_rng(0).random(shape).astype(np.float32)


def settings(**changes):
    return load_params(SHIPPED).section("autoencoder").model_copy(update=changes)


def test_what_is_left_of_the_loss_without_targets_is_the_weighted_divergence():
    """The source evaluates its networks without targets, and so on this alone; see benchmarks/."""
    images = noise(6, 12, 12, 1)
    model, learner, _, _ = new_trainer(settings(filters=[4, 3, 2], kl_weight=0.01, variational=True), images)
    logits = learner(tf.constant(images), training=False)
    expected = losses(images, code(model, images), 0.01)
    assert len(learner.losses) == 1
    assert float(learner.losses[0]) == pytest.approx(expected["weighted_kl"].mean(), rel=1e-5)
    assert expected["weighted_kl"].mean() == pytest.approx(0.01 * expected["kl"].mean())
    # With targets, the cross-entropy comes on top.
    total = learner.compute_loss(images, tf.constant(images), logits, training=False)
    assert float(total) == pytest.approx(expected["loss"].mean(), rel=1e-5)
    # Keras 3 cannot be asked without: Keras 2 left the cross-entropy out.
    with pytest.raises(ValueError, match="None values not supported"):
        learner.evaluate(images, verbose=0)


def test_a_step_with_the_settings_of_the_source():
    values = {key: value for key, value in SOURCE.items() if "." not in key}
    images = noise(4, 8, 8, 1)
    source = settings(**values, schedule=Schedule(name=SOURCE["schedule.name"]))
    model, learner, _, steps = new_trainer(source, images)
    before = model.get_weights()
    learner.run_eagerly = True  # compiling would take longer than a step
    loss = learner.train_on_batch(images, images)
    moved = [not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert steps == 1
    assert np.isfinite(loss)
    assert all(np.isfinite(weights).all() for weights in model.get_weights())
    assert np.mean(moved) > 0.9
