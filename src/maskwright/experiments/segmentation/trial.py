"""A trial of a sweep."""

from pathlib import Path

import keras
import numpy as np
from scipy.stats import rankdata

from maskwright.experiments.segmentation.learn.confusion import confusion_matrix
from maskwright.experiments.segmentation.learn.train import load_split, new_trainer, validator
from maskwright.experiments.segmentation.params import Segmentation
from maskwright.experiments.segmentation.report.inference import compiled, segment
from maskwright.experiments.segmentation.report.metrics import over_pixels, per_image
from maskwright.photos.images import read_image, read_mask
from maskwright.photos.sizing import with_size
from maskwright.photos.splits import read_classes, read_split
from maskwright.shared.experiment import Tried

_FEWEST = 3  # with two epochs a correlation is 1 or -1


def trial(settings: Segmentation, data: Path) -> Tried:
    """Train in memory with one combination of settings, and return the scores on the test split. Write no files.

    The model has the weights after the last epoch, whatever `patience` is. The validation split is scored after each
    epoch, but chooses none.

    Args:
        settings: the section `segmentation` of params.yaml, with the trial's levels and seed.
        data: the folder that `maskwright masks` wrote.

    Returns:
        Measures: `loss`, the training loss of the last epoch, which is not finite if the training diverged; the
        numbers of `metrics.over_pixels` and the means of those of `metrics.per_image`, each photograph at its own
        resolution; `parameters`, the network's; and the `correlations` of the validation scores.
        Examples: the scores of `metrics.per_image`, of the test photographs that have a labelled pixel.

    Raises:
        MaskwrightError: the data are missing.
    """
    classes = read_classes(data / "train", data / "validation", data / "test")
    settings = with_size(settings, "segmentation", data / "train")
    training, validation = (load_split(data / split, settings.sides) for split in ("train", "validation"))
    model, fit = new_trainer(settings, training, len(classes))
    validate = validator(model, validation, settings)
    scores: list[dict[str, float]] = []
    history = keras.callbacks.History()
    scoring = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: scores.append(validate()))
    fit(0, [history, keras.callbacks.TerminateOnNaN(), scoring])
    examples = read_split(data / "test")
    predictions = segment(compiled(model), (read_image(example.image) for example in examples), settings.sides)
    confusions = np.stack(
        [
            confusion_matrix(read_mask(example.mask), prediction, len(classes))
            for example, prediction in zip(examples, predictions, strict=True)
        ]
    )
    by_image = {name: values[np.isfinite(values)] for name, values in per_image(confusions).items()}
    measures = {
        "loss": float(history.history["loss"][-1]),
        **over_pixels(confusions.sum(axis=0)),
        **{name: float(values.mean()) for name, values in by_image.items() if values.size},
        "parameters": float(model.count_params()),
        **correlations(*([row[name] for row in scores] for name in ("val_miou", "val_pixel_accuracy"))),
    }
    return Tried(measures, by_image)


def correlations(mious: list[float], accuracies: list[float]) -> dict[str, float]:
    """Return how closely mIoU and pixel accuracy move together over the epochs.

    Args:
        mious: of each epoch.
        accuracies: of the same epochs.

    Returns:
        `epoch_correlation`, Pearson's, and `epoch_rank_correlation`, Spearman's, both from -1 to 1; nothing if there
        are fewer than three epochs, or if either score is always the same.
    """
    if len(mious) < _FEWEST or min(np.ptp(mious), np.ptp(accuracies)) == 0:
        return {}
    return {
        "epoch_correlation": float(np.corrcoef(mious, accuracies)[0, 1]),
        "epoch_rank_correlation": float(np.corrcoef(rankdata(mious), rankdata(accuracies))[0, 1]),
    }
