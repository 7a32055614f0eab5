"""A trial of a sweep."""

from pathlib import Path

import keras

from maskwright.experiments.detection.learn.batches import load_boxed_images, read_boxes
from maskwright.experiments.detection.learn.train import new_trainer
from maskwright.experiments.detection.params import Detection
from maskwright.experiments.detection.report.inference import Scheme, detect_objects, detector
from maskwright.experiments.detection.report.metrics import all_scores
from maskwright.photos.images import read_image
from maskwright.photos.splits import read_classes
from maskwright.shared.experiment import Tried


def trial(settings: Detection, data: Path) -> Tried:
    """Train in memory with one combination of settings, and return the scores on the test split. Write no files.

    The model has the weights after the last epoch. No epoch is chosen, so no validation split is needed.

    Args:
        settings: the section `detection` of params.yaml, with the trial's levels and seed.
        data: the folder that `maskwright masks` wrote.

    Returns:
        `loss`, the training loss of the last epoch, which is not finite if the training diverged, and the scores of
        `metrics.all_scores` for all classes together, with the kind of NMS in the settings.

    Raises:
        MaskwrightError: the data are missing.
    """
    classes = read_classes(data / "train")
    training = load_boxed_images(read_boxes(data / "train"), settings.size)
    model, _, fit = new_trainer(settings, training, len(classes))
    history = keras.callbacks.History()
    fit(0, [history, keras.callbacks.TerminateOnNaN()])
    scheme = Scheme(settings.size, settings.anchor_sizes, settings.offsets)
    examples = read_boxes(data / "test")
    run = detector(model, scheme, [settings.nms])
    photographs = (read_image(example.image) for example in examples)
    found = [one for (one,) in detect_objects(run, photographs, scheme.size)]
    scores = all_scores([example.truth for example in examples], found, classes, most=settings.nms.most)
    return Tried({"loss": float(history.history["loss"][-1]), **scores.of_all_classes}, {})
