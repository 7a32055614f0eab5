"""From a trained detector to boxes in photographs of any size."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Annotated, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from pydantic import Field

from maskwright.experiments.detection.learn.anchors import SHAPES, make_anchors
from maskwright.experiments.detection.learn.boxes import Found
from maskwright.experiments.detection.learn.detector import LEAST_SCORE, found_in, read_outputs
from maskwright.experiments.detection.learn.network import feature_maps
from maskwright.experiments.detection.learn.nms import Detections, detect
from maskwright.experiments.detection.params import Nms, Offsets
from maskwright.learning.common.saved import Facts, load_model
from maskwright.photos.images import resize_image
from maskwright.photos.inference import frozen
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.settings import Size


class Scheme(NamedTuple):
    """The settings needed to read a detector's outputs.

    Attributes:
        size: height and width of the detector's input, in pixels.
        anchor_sizes: see `anchors.make_anchors`.
        offsets: see `anchors.encode`.
    """

    size: tuple[int, int]
    anchor_sizes: tuple[float, float]
    offsets: Offsets


class DetectionFacts(Facts):
    """What is stored with a detector: the names of its classes, background first, and how its outputs are read."""

    network: str
    classes: Annotated[list[str], Field(min_length=2)]
    size: Size
    anchor_sizes: Annotated[tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]], Field(strict=False)]
    offsets: Offsets
    nms: Nms

    @property
    def scheme(self) -> Scheme:
        """How the outputs are read."""
        return Scheme(self.size, self.anchor_sizes, self.offsets)


def load_detector(folder: Path) -> tuple[keras.Model, DetectionFacts]:
    """Read a trained detector.

    Raises:
        MaskwrightError: a file is missing or damaged, or the files are not those of one detector.
    """
    network, about = load_model(folder, DetectionFacts)
    try:
        anchors = SHAPES * sum(rows * columns for rows, columns in feature_maps(network))
    except (TypeError, ValueError):
        anchors = 0  # layers of that name that are none of ours
    expected = (None, *about.size, 3), (None, anchors, len(about.classes) + 4)
    if not anchors or (network.input_shape, network.output_shape) != expected:
        raise MaskwrightError(
            f"{folder}: its network is not a detector of {len(about.classes)} classes; train it again"
        )
    return network, about


def sources_nms(nms: Nms) -> Nms:
    """Return the suppression with which the source's measures are defined: hard, and across classes."""
    return nms.model_copy(update={"kind": "hard", "classes": "together"})


def detector(
    model: keras.Model, scheme: Scheme, variants: Sequence[Nms], least_score: float = LEAST_SCORE
) -> Callable[[np.ndarray], list[Detections]]:
    """Return a compiled function from (B, H, W, 3) uint8 images of the input's size to their detections.

    The function returns NumPy arrays for each variant of NMS. The network runs only once for all variants. It always
    uses the weights that the model has now.

    Args:
        model: a model from `network`.
        scheme: the scheme of the model's outputs.
        variants: the settings of each variant of NMS.
        least_score: less probable predictions are left out.
    """
    forward = frozen(model)
    anchors = make_anchors(feature_maps(model), scheme.size, scheme.anchor_sizes).boxes

    # The batch size is left open, so that a smaller last batch needs no graph of its own.
    @tf.function(input_signature=[tf.TensorSpec((None, *scheme.size, 3), tf.uint8)])
    def run(images: tf.Tensor) -> list[Detections]:
        boxes, probabilities = read_outputs(forward(tf.cast(images, tf.float32)), anchors, scheme.offsets)
        return [detect(boxes, probabilities, nms, least_score) for nms in variants]

    return lambda images: [Detections(*(part.numpy() for part in variant)) for variant in run(tf.constant(images))]


def detect_objects(
    run: Callable[[np.ndarray], list[Detections]],
    images: Iterable[np.ndarray],
    size: tuple[int, int],
    *,
    batch_size: int = 16,
) -> Iterator[list[Found]]:
    """Yield for each image the detections of each variant of NMS.

    Boxes are in the image's own pixels, and are clipped at its borders. Only one image at a time is held at full
    resolution, so there may be many large images.

    Args:
        run: the result of `detector`.
        images: (H, W, 3) uint8 each.
        size: height and width of the network's input.
        batch_size: number of images in each call of `run`.
    """
    resized = ((image.shape[:2], resize_image(image, size)) for image in images)
    while batch := list(islice(resized, batch_size)):
        variants = run(np.stack([image for _, image in batch]))
        for number, (shape, _) in enumerate(batch):
            yield [found_in(variant, number, size, shape) for variant in variants]
