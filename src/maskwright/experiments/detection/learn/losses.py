"""The training loss of a single-shot detector, for the classes of all anchors and the offsets of matched ones."""

from typing import Any

import keras

from maskwright.experiments.detection.params import DetectionLoss

ops: Any = keras.ops  # its annotations allow None for most results


@keras.saving.register_keras_serializable("maskwright")
class AnchorLoss(keras.losses.Loss):
    """A scalar loss of a whole batch of anchor targets and predictions.

    Let i run over the anchors of the batch. y_i is the class, p_i the softmax of the logits, t_i and o_i are the
    target and predicted offsets, and N is the number of matched anchors, with y_i > 0 (or 1, if there are none):

        (sum_{y_i >= 0} a_i (1 - p_{i y_i})^g (-ln p_{i y_i}) + sum_{y_i > 0} sum_k h(o_ik - t_ik)) / N

        cross_entropy  g = 0, a_i = 1
        focal          g = gamma, a_i = alpha for y_i > 0, else 1 - alpha (Lin et al. 2017, eq. 5,
                       https://arxiv.org/abs/1708.02002)
        l1             h(x) = |x|
        smooth_l1      h(x) = x^2 / 2 where |x| < 1, else |x| - 1/2 (Girshick 2015, https://arxiv.org/abs/1504.08083)

    With `hard_negatives` = r, only some background anchors of an image count: the r max(1, n) anchors with the
    greatest class loss, where n is the number of the image's matched anchors (Liu et al. 2016,
    https://arxiv.org/abs/1512.02325). Anchors that tie with the last of them count too.

    Targets: (B, A, 5), the class (-1: unknown, does not count) and the offsets. Predictions: (B, A, C + 4), logits
    and offsets. The arithmetic is in float32.

    By hand: one anchor of class 1 has the logits 0 and ln 3, so p = (1/4, 3/4), and its offsets are off by 2, 0.5, 0
    and 0. The cross-entropy is -ln(3/4) = 0.2877, L1 is 2.5, and smooth L1 is 1.5 + 0.125.

    Args:
        classes: `cross_entropy` or `focal`.
        offsets: `l1` or `smooth_l1`.
        focal_gamma, focal_alpha: used by `focal` only.
        hard_negatives: r, or None for all anchors.

    Raises:
        ValueError: the name of a loss is unknown.
    """

    def __init__(
        self,
        classes: str,
        offsets: str,
        focal_gamma: float = 2.0,
        focal_alpha: float = 0.25,
        hard_negatives: float | None = None,
        name: str = "anchor_loss",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        if classes not in ("cross_entropy", "focal") or offsets not in ("l1", "smooth_l1"):
            raise ValueError(f"unknown loss: {classes!r} for classes, {offsets!r} for offsets")
        self.classes = classes
        self.offsets = offsets
        self.focal_gamma = focal_gamma
        self.focal_alpha = focal_alpha
        self.hard_negatives = hard_negatives

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss as (1,) float32."""
        y_true, y_pred = ops.cast(y_true, "float32"), ops.cast(y_pred, "float32")
        number_of_classes = y_pred.shape[-1] - 4
        labels = y_true[..., 0]
        matched = ops.cast(labels > 0, "float32")  # (B, A)
        background = ops.cast(ops.equal(labels, 0), "float32")
        log_p = ops.log_softmax(y_pred[..., :number_of_classes])
        one_hot = ops.one_hot(ops.cast(ops.maximum(labels, 0.0), "int32"), number_of_classes)
        losses = -ops.sum(log_p * one_hot, axis=-1)  # (B, A)
        if self.classes == "focal":
            # At least 1e-7, since the derivative of x^gamma at 0 is infinite for gamma < 1.
            wrong = ops.maximum(-ops.expm1(-losses), 1e-7)
            alpha = self.focal_alpha * matched + (1 - self.focal_alpha) * background
            losses = alpha * ops.power(wrong, self.focal_gamma) * losses
        if self.hard_negatives is not None:
            background = background * _hardest(losses * background, matched, self.hard_negatives)
        class_loss = ops.sum(losses * (matched + background))

        away = ops.abs(y_pred[..., number_of_classes:] - y_true[..., 1:])
        if self.offsets == "smooth_l1":
            away = ops.where(away < 1, 0.5 * away * away, away - 0.5)
        offset_loss = ops.sum(ops.sum(away, axis=-1) * matched)
        loss = (class_loss + offset_loss) / ops.maximum(ops.sum(matched), 1.0)
        # A vector of one value: Keras divides a loss by the number of replicas only if it is not a scalar.
        return ops.reshape(loss, (1,))

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {
            **super().get_config(),
            "classes": self.classes,
            "offsets": self.offsets,
            "focal_gamma": self.focal_gamma,
            "focal_alpha": self.focal_alpha,
            "hard_negatives": self.hard_negatives,
        }


def _hardest(losses: Any, matched: Any, ratio: float) -> Any:
    """Return (B, A): 1 for the ratio * max(1, matched anchors) greatest losses of each image, else 0."""
    anchors = losses.shape[1]
    wanted = ops.ceil(ratio * ops.maximum(ops.sum(matched, axis=1), 1.0))  # (B,)
    last = ops.cast(ops.minimum(wanted, float(anchors)), "int32") - 1
    falling = -ops.sort(-losses, axis=1)
    least = ops.take_along_axis(falling, last[:, None], axis=1)  # (B, 1)
    return ops.cast(losses >= least, "float32")


def anchor_loss(loss: DetectionLoss) -> keras.losses.Loss:
    """Build the loss that the settings describe."""
    return AnchorLoss(loss.classes, loss.offsets, loss.focal_gamma, loss.focal_alpha, loss.hard_negatives)
