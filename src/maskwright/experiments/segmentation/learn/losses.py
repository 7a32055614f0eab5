"""Segmentation losses for integer labels and logits, with class weights and ignored pixels."""

from typing import Any

import keras
import numpy as np

from maskwright.experiments.segmentation.params import Loss
from maskwright.shared.errors import MaskwrightError

ops: Any = keras.ops  # its annotations allow None for most results

_KINDS = ("cross_entropy", "focal", "dice", "cross_entropy_dice")


@keras.saving.register_keras_serializable("maskwright")
class SegmentationLoss(keras.losses.Loss):
    """A scalar loss of a whole batch of labels and logits.

    Let p be the softmax of the logits, let i run over the labelled pixels of the batch, let y_i be the label and
    t_ic = [y_i = c], and let w be the class weights (all 1 if None):

        cross_entropy       sum_i w_{y_i} (-ln p_{i y_i}) / sum_i w_{y_i}
        focal               sum_i w_{y_i} (1 - p_{i y_i})^gamma (-ln p_{i y_i}) / sum_i w_{y_i}
        dice                1 - sum_c w_c D_c / sum_c w_c,  D_c = 2 sum_i p_ic t_ic / (sum_i p_ic + sum_i t_ic)
        cross_entropy_dice  the sum of the two

    Units are nats. The focal loss is that of Lin et al. 2017, eq. 5, https://arxiv.org/abs/1708.02002, with w for
    alpha; gamma 0 gives cross-entropy. Dice is that of Milletari et al. 2016, https://arxiv.org/abs/1606.04797,
    without the squares. Its sums run over the whole batch (of one replica), and c only over classes that have a pixel
    in it. In an average over images, a class that an image lacks would count as 0 or 1.

    Labels: (B, H, W) uint8 or int32. A pixel with a label outside 0..C-1 (we use `IGNORE`) is unlabelled and does not
    contribute to value or gradient. Logits: (B, H, W, C), float32 or bfloat16; the arithmetic is in Keras's floatx,
    float32. If no pixel in the batch is labelled, or all labelled classes have weight 0, value and gradient are 0.

    By hand: logits ln 3 and 0 give p = (3/4, 1/4); the label 0 costs -ln(3/4) = 0.2877.

    Args:
        kind: one of the names above.
        class_weights: C values >= 0, or None.
        focal_gamma: >= 0; used by focal only.

    Raises:
        ValueError: the kind is unknown, or (on use) the number of weights is not the number of classes.
    """

    def __init__(
        self,
        kind: str,
        class_weights: list[float] | None = None,
        focal_gamma: float = 2.0,
        name: str = "segmentation_loss",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        if kind not in _KINDS:
            raise ValueError(f"unknown loss {kind!r}; choose from {', '.join(_KINDS)}")
        self.kind = kind
        self.class_weights = None if class_weights is None else [float(weight) for weight in class_weights]
        self.focal_gamma = focal_gamma

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss as (1,) float32."""
        classes = y_pred.shape[-1]
        if self.class_weights is not None and len(self.class_weights) != classes:
            raise ValueError(f"{len(self.class_weights)} class weights for {classes} classes")
        # Classes first: sums over the few classes then run along long rows, which takes a third of the time of sums
        # over a last axis of 4. The fused operations are no faster, since op determinism splits them.
        logits = ops.transpose(ops.reshape(y_pred, (-1, classes)))  # (C, N)
        labels = ops.reshape(ops.cast(y_true, "int32"), (-1,))  # (N,)
        targets = ops.one_hot(labels, classes, axis=0, dtype=self.dtype)  # (C, N), zeros where unlabelled
        weights = np.ones((classes, 1), self.dtype)
        if self.class_weights is not None:
            weights = np.reshape(self.class_weights, (classes, 1)).astype(self.dtype)

        logits = logits - ops.stop_gradient(ops.max(logits, axis=0))
        log_sum = ops.log(ops.sum(ops.exp(logits), axis=0))  # (N,)
        loss = 0.0
        if self.kind != "dice":
            loss = loss + self._per_pixel(logits, log_sum, targets, weights)
        if self.kind in ("dice", "cross_entropy_dice"):
            loss = loss + _dice(ops.exp(logits - log_sum), targets, weights)
        # A vector of one value: Keras divides a loss by the number of replicas only if it is not a scalar.
        return ops.reshape(loss, (1,))

    def _per_pixel(self, logits: Any, log_sum: Any, targets: Any, weights: np.ndarray) -> Any:
        cross_entropy = log_sum - ops.sum(targets * logits, axis=0)  # (N,), meaningless where unlabelled
        pixel_weights = ops.sum(targets * weights, axis=0)  # (N,), 0 where unlabelled
        losses = pixel_weights * cross_entropy
        if self.kind == "focal":
            # At least 1e-7, since the derivative of x^gamma at 0 is infinite for gamma < 1.
            wrong = ops.maximum(-ops.expm1(-cross_entropy), 1e-7)
            losses = losses * ops.power(wrong, self.focal_gamma)
        return ops.divide_no_nan(ops.sum(losses), ops.sum(pixel_weights))

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {
            **super().get_config(),
            "kind": self.kind,
            "class_weights": self.class_weights,
            "focal_gamma": self.focal_gamma,
        }


def _dice(probabilities: Any, targets: Any, weights: np.ndarray) -> Any:
    labelled = ops.sum(targets, axis=0)  # (N,)
    pixels = ops.sum(targets, axis=1)  # (C,)
    shared = ops.sum(probabilities * targets, axis=1)
    total = ops.sum(probabilities * labelled, axis=1) + pixels
    present = ops.cast(pixels > 0, pixels.dtype) * weights[:, 0]
    # This is a mean of 1 - D, so that it is 0 if no class is present.
    return ops.divide_no_nan(ops.sum(present * (1.0 - ops.divide_no_nan(2.0 * shared, total))), ops.sum(present))


def segmentation_loss(loss: Loss, class_weights: np.ndarray | None) -> keras.losses.Loss:
    """Build the loss of the settings, with the (C,) weights or None that `class_weights()` returns."""
    weights = None if class_weights is None else [float(weight) for weight in class_weights]
    return SegmentationLoss(loss.name, weights, loss.focal_gamma)


def class_weights(loss: Loss, pixel_counts: np.ndarray) -> np.ndarray | None:
    """Return the weights of the settings: None, balanced weights from the (C,) counts, or a list of weights.

    Raises:
        MaskwrightError: the list does not fit the number of classes, or every class that occurs has the weight 0.
    """
    if loss.class_weights is None:
        return None
    if loss.class_weights == "balanced":
        return balanced_class_weights(pixel_counts)
    weights = np.asarray(loss.class_weights, np.float32)
    if len(weights) != len(pixel_counts):
        raise MaskwrightError(
            f"loss.class_weights lists {len(weights)} values, but there are {len(pixel_counts)} classes; give one "
            "for each, background first"
        )
    if not (weights * (np.asarray(pixel_counts) > 0)).any():
        raise MaskwrightError("loss.class_weights gives every class that occurs the weight 0; raise one of them")
    return weights


def balanced_class_weights(pixel_counts: np.ndarray) -> np.ndarray:
    """Weight classes by inverse frequency: w_c = (1 / n_c) / mean over present classes of (1 / n).

    Thus w_c n_c, the share of a class in the cross-entropy, is equal for all classes, and the mean weight of the
    classes with pixels is 1. A class without pixels gets 0.

    Args:
        pixel_counts: (C,), the number n_c of labelled pixels of each class in the training split.

    Returns:
        (C,) float32.

    Raises:
        ValueError: no class has a pixel.

    By hand: 1/300 and 1/100 have the mean 1/150, so the weights are 150/300 and 150/100.

    >>> balanced_class_weights(np.array([300, 100, 0]))
    array([0.5, 1.5, 0. ], dtype=float32)
    """
    counts = np.asarray(pixel_counts, np.float64)
    present = counts > 0
    if not present.any():
        raise ValueError("no class has a pixel")
    inverse = np.divide(1.0, counts, out=np.zeros_like(counts), where=present)
    return (inverse / inverse[present].mean()).astype(np.float32)
