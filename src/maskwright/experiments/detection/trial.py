"""A trial of a sweep."""

from pathlib import Path

import keras

from maskwright.experiments.detection.learn.batches import load_boxed_images, read_boxes, training_boxes
from maskwright.experiments.detection.learn.train import new_trainer
from maskwright.experiments.detection.params import Detection
from maskwright.experiments.detection.report.inference import Scheme, detect_objects, detector, sources_nms
from maskwright.experiments.detection.report.metrics import SHOWN_SCORE, all_scores, sources_scores
from maskwright.photos.images import read_image
from maskwright.photos.sizing import with_size
from maskwright.photos.splits import read_classes
from maskwright.shared.experiment import Tried


def trial(settings: Detection, data: Path) -> Tried:
    """Train in memory with one combination of settings, and return the scores on the test split. Write no files.

    The model has the weights after the last epoch, whatever `patience` is. No epoch is chosen, so no validation
    split is needed.

    Args:
        settings: the section `detection` of params.yaml, with the trial's levels and seed.
        data: the folder that `maskwright masks` wrote.

    Returns:
        `loss`, the training loss of the last epoch, which is not finite if the training diverged; the scores of
        `metrics.all_scores` for all classes together, with the NMS in the settings; and the means of
        `metrics.sources_scores`, whose values for each test photograph are the examples.

    Raises:
        MaskwrightError: the data are missing.
    """
    classes = read_classes(data / "train")
    settings = with_size(settings, "detection", data / "train")
    training = load_boxed_images(training_boxes(settings, data), settings.sides)
    model, _, fit = new_trainer(settings, training, len(classes))
    history = keras.callbacks.History()
    fit(0, [history, keras.callbacks.TerminateOnNaN()])
    scheme = Scheme(settings.sides, settings.anchor_sizes, settings.offsets)
    examples = read_boxes(data / "test")
    run = detector(model, scheme, [settings.nms, sources_nms(settings.nms)])
    photographs = (read_image(example.image) for example in examples)
    found, sources_found = zip(*detect_objects(run, photographs, scheme.size), strict=True)
    truths = [example.truth for example in examples]
    scores = all_scores(truths, found, classes, most=settings.nms.most)
    sources = sources_scores(truths, [one.at_least(SHOWN_SCORE) for one in sources_found])
    means = {name: float(values.mean()) for name, values in sources.items()}
    return Tried({"loss": float(history.history["loss"][-1]), **scores.of_all_classes, **means}, sources)
