import doctest
import math
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
import tensorflow as tf

from maskwright.experiments.segmentation.learn import losses
from maskwright.experiments.segmentation.learn.losses import (
    SegmentationLoss,
    balanced_class_weights,
    class_weights,
    segmentation_loss,
)
from maskwright.experiments.segmentation.params import Loss
from maskwright.photos.images import IGNORE
from maskwright.shared.errors import MaskwrightError

KINDS = ["cross_entropy", "focal", "dice", "cross_entropy_dice"]

# Two pixels of two classes: softmax of (ln 3, 0) is (3/4, 1/4), of (0, 0) it is (1/2, 1/2).
LOGITS = np.array([[[[math.log(3.0), 0.0], [0.0, 0.0]]]], np.float32)  # (1, 1, 2, 2)
LABELS = np.array([[[0, 1]]], np.uint8)


def value(kind: str, labels: np.ndarray = LABELS, logits: np.ndarray = LOGITS, **options) -> float:
    return float(np.squeeze(SegmentationLoss(kind, **options)(labels, logits)))


def gradient(loss: keras.losses.Loss, labels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    variable = tf.Variable(logits)
    with tf.GradientTape() as tape:
        result = loss(labels, variable)
    return tape.gradient(result, variable).numpy()


def random_batch(seed: int = 0, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, (2, 3, 4)).astype(np.uint8)
    labels[0, 0, :2] = IGNORE
    return labels, rng.normal(size=(2, 3, 4, classes)).astype(np.float32)


def test_docstring_examples():
    result = doctest.testmod(losses)
    assert result.attempted >= 1
    assert result.failed == 0


class TestValues:
    def test_cross_entropy(self):
        # (-ln 3/4 - ln 1/2) / 2
        assert value("cross_entropy") == pytest.approx((math.log(4 / 3) + math.log(2)) / 2, rel=1e-6)

    def test_class_weights_make_a_weighted_mean(self):
        # (1 * -ln 3/4 + 3 * -ln 1/2) / (1 + 3)
        expected = (math.log(4 / 3) + 3 * math.log(2)) / 4
        assert value("cross_entropy", class_weights=[1, 3]) == pytest.approx(expected, rel=1e-6)

    def test_focal(self):
        # ((1/4)^2 * -ln 3/4 + (1/2)^2 * -ln 1/2) / 2
        expected = (math.log(4 / 3) / 16 + math.log(2) / 4) / 2
        assert value("focal", focal_gamma=2.0) == pytest.approx(expected, rel=1e-6)

    def test_dice(self):
        # Class 0: p = 3/4, 1/2; t = 1, 0; D = 2 * 3/4 / (5/4 + 1) = 2/3.
        # Class 1: p = 1/4, 1/2; t = 0, 1; D = 2 * 1/2 / (3/4 + 1) = 4/7.
        assert value("dice") == pytest.approx(1 - (2 / 3 + 4 / 7) / 2, rel=1e-6)
        assert value("dice", class_weights=[3, 1]) == pytest.approx(1 - (3 * 2 / 3 + 4 / 7) / 4, rel=1e-6)

    def test_dice_runs_over_classes_in_the_batch(self):
        # Only class 0 has a pixel: t = 1, 1, sum of p = 5/4, so D_0 = 2 * 5/4 / (5/4 + 2) = 10/13.
        assert value("dice", labels=np.zeros((1, 1, 2), np.uint8)) == pytest.approx(1 - 10 / 13, rel=1e-6)

    def test_cross_entropy_dice_is_the_sum(self):
        expected = value("cross_entropy") + value("dice")
        assert value("cross_entropy_dice") == pytest.approx(expected, rel=1e-6)

    @pytest.mark.parametrize("seed", range(3))
    def test_cross_entropy_agrees_with_keras(self, seed: int):
        labels, logits = random_batch(seed)
        reference = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="none")
        keep = labels != IGNORE
        expected = float(np.mean(reference(labels[keep], logits[keep])))
        assert value("cross_entropy", labels, logits) == pytest.approx(expected, rel=1e-5)
        assert value("focal", labels, logits, focal_gamma=0.0) == pytest.approx(expected, rel=1e-5)

    @pytest.mark.parametrize("dtype", ["uint8", "int32"])
    def test_labels_of_either_type(self, dtype: str):
        assert value("cross_entropy", LABELS.astype(dtype)) == value("cross_entropy")

    def test_bfloat16_logits_are_computed_in_float32(self):
        labels, logits = random_batch()
        narrow = tf.cast(logits, tf.bfloat16)
        result = SegmentationLoss("cross_entropy_dice")(labels, narrow)
        assert result.dtype == tf.float32
        exact = SegmentationLoss("cross_entropy_dice")(labels, tf.cast(narrow, tf.float32))
        np.testing.assert_array_equal(result, exact)

    @pytest.mark.parametrize("kind", KINDS)
    def test_huge_logits(self, kind: str):
        logits = np.array([[[[1e4, -1e4], [-1e4, 1e4]]]], np.float32)
        assert value(kind, LABELS, logits) == pytest.approx(0.0, abs=1e-6)
        wrong = value(kind, 1 - LABELS, logits)
        assert wrong == pytest.approx({"cross_entropy": 2e4, "focal": 2e4, "dice": 1.0}.get(kind, 20001.0))
        for labels in (LABELS, 1 - LABELS):
            for gamma in (0.0, 0.5, 2.0):
                assert np.isfinite(gradient(SegmentationLoss(kind, focal_gamma=gamma), labels, logits)).all()


class TestIgnored:
    @pytest.mark.parametrize("kind", KINDS)
    def test_ignored_pixels_change_nothing_and_have_no_gradient(self, kind: str):
        labels, logits = random_batch()
        loss = SegmentationLoss(kind, [1.0, 2.0, 0.5])
        ignored = labels == IGNORE
        other = np.where(ignored[..., None], logits[::-1] * 5, logits).astype(np.float32)
        np.testing.assert_array_equal(loss(labels, logits), loss(labels, other))
        slope = gradient(loss, labels, logits)
        assert not slope[ignored].any()
        assert slope[~ignored].any(axis=-1).all()

    @pytest.mark.parametrize("kind", KINDS)
    def test_nothing_labelled_is_zero(self, kind: str):
        labels = np.full((1, 1, 2), IGNORE, np.uint8)
        assert value(kind, labels) == 0.0
        np.testing.assert_array_equal(gradient(SegmentationLoss(kind), labels, LOGITS), np.zeros_like(LOGITS))

    @pytest.mark.parametrize("kind", KINDS)
    def test_only_classes_of_weight_zero_is_zero(self, kind: str):
        labels = np.zeros((1, 1, 2), np.uint8)
        assert value(kind, labels, class_weights=[0.0, 1.0]) == 0.0
        assert not gradient(SegmentationLoss(kind, [0.0, 1.0]), labels, LOGITS).any()


@pytest.mark.parametrize("weights", [None, [0.5, 2.0, 1.0]])
@pytest.mark.parametrize(("kind", "gamma"), [*((kind, 2.0) for kind in KINDS), ("focal", 0.5), ("focal", 0.0)])
def test_gradient_agrees_with_finite_differences(kind: str, gamma: float, weights: list[float] | None):
    labels, logits = random_batch()
    loss = SegmentationLoss(kind, weights, gamma, dtype="float64")
    logits = logits.astype(np.float64)
    slope = gradient(loss, labels, logits)
    for index in [(0, 1, 2, 0), (1, 2, 3, 2), (1, 0, 0, 1), (0, 0, 0, 0)]:
        step = np.zeros_like(logits)
        step[index] = 1e-4
        rise = np.squeeze(loss(labels, logits + step) - loss(labels, logits - step))
        # Central differences: the error is of the order of the step squared.
        assert slope[index] == pytest.approx(float(rise) / 2e-4, abs=1e-8)


class TestAsAKerasLoss:
    @pytest.mark.parametrize("weights", [None, np.array([0.5, 1.5], np.float32)])
    def test_config_round_trip(self, weights: np.ndarray | None):
        loss = segmentation_loss(Loss(name="focal", focal_gamma=1.5), weights)
        config = keras.losses.serialize(loss)
        assert config["registered_name"] == "maskwright>SegmentationLoss"
        copy = keras.losses.deserialize(config)
        assert copy.get_config() == loss.get_config()
        np.testing.assert_array_equal(copy(LABELS, LOGITS), loss(LABELS, LOGITS))

    def test_trains_in_fit(self):
        labels, images = random_batch()
        labels = np.where(labels == IGNORE, IGNORE, images.argmax(-1)).astype(np.uint8)
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(3, 1)])
        loss = segmentation_loss(Loss(name="cross_entropy_dice"), np.ones(3, np.float32))
        model.compile(keras.optimizers.Adam(0.1), loss)
        history = model.fit(images, labels, epochs=12, verbose=0).history["loss"]
        assert history[-1] < 0.6 * history[0]
        alone = float(np.squeeze(loss(labels, model(images))))
        assert model.evaluate(images, labels, verbose=0) == pytest.approx(alone, rel=1e-5)

    def test_refuses(self):
        with pytest.raises(ValueError, match="unknown loss 'hinge'"):
            SegmentationLoss("hinge")
        with pytest.raises(ValueError, match="3 class weights for 2 classes"):
            SegmentationLoss("cross_entropy", [1, 1, 1])(LABELS, LOGITS)


class TestClassWeights:
    def test_balanced(self):
        # 1/600, 1/300, 1/100: the mean is 1/300 * (1/2 + 1 + 3)/3 = 1/200.
        weights = balanced_class_weights(np.array([600, 300, 0, 100]))
        assert weights.dtype == np.float32
        np.testing.assert_allclose(weights, [1 / 3, 2 / 3, 0, 2], rtol=1e-6)
        with pytest.raises(ValueError, match="no class has a pixel"):
            balanced_class_weights(np.zeros(2))

    def test_what_the_parameters_ask_for(self):
        counts = np.array([300, 100])
        assert class_weights(Loss(), counts) is None
        np.testing.assert_allclose(class_weights(Loss(class_weights="balanced"), counts), [0.5, 1.5])
        np.testing.assert_allclose(class_weights(Loss(class_weights=[1.0, 4.0]), counts), [1, 4])

    @pytest.mark.parametrize(
        ("weights", "message"),
        [
            ([1.0, 1.0, 1.0], "lists 3 values, but there are 2 classes"),
            ([0.0, 0.0], "gives every class that occurs the weight 0"),
        ],
    )
    def test_refuses(self, weights: list[float], message: str):
        with pytest.raises(MaskwrightError, match=message):
            class_weights(Loss(class_weights=weights), np.array([300, 100]))


@pytest.mark.slow
def test_runs_under_op_determinism_and_on_several_replicas():
    """Both are settings of a whole process."""
    script = """
        import numpy as np, tensorflow as tf
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
        tf.config.experimental.enable_op_determinism()
        tf.random.set_seed(0)
        from maskwright.experiments.segmentation.learn.losses import SegmentationLoss

        rng = np.random.default_rng(0)
        labels = tf.constant(rng.integers(0, 4, (2, 8, 8)).astype(np.uint8))
        logits = tf.constant(rng.normal(size=(2, 8, 8, 4)).astype(np.float32))
        strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
        for kind in ("cross_entropy", "focal", "dice", "cross_entropy_dice"):
            loss = SegmentationLoss(kind, [1.0, 2.0, 3.0, 4.0])

            @tf.function
            def step():
                with tf.GradientTape() as tape:
                    tape.watch(logits)
                    result = loss(labels, logits)
                return result, tape.gradient(result, logits)

            first, second = step(), step()
            assert np.isfinite(first[1]).all() and np.any(first[1])
            np.testing.assert_array_equal(first[1], second[1])
            # Gradients are summed over replicas, so each must have its share.
            parts = strategy.experimental_local_results(strategy.run(lambda: loss(labels, logits)))
            shares = [float(np.squeeze(part)) for part in parts]
            np.testing.assert_allclose(shares, [float(np.squeeze(first[0])) / 2] * 2, rtol=1e-6)
        print("fine")
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("fine")
