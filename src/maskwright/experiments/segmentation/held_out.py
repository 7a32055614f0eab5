"""A training as `maskwright train segmentation` does it, scored on photographs that it has not seen.

TensorFlow is imported only by a trial: the process that pools their results does not need it.
"""

from collections.abc import Callable, Sequence
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from maskwright.experiments.segmentation.learn.confusion import confusion_matrix
from maskwright.experiments.segmentation.params import Segmentation
from maskwright.experiments.segmentation.report.metrics import mean_of_defined, over_pixels, per_image
from maskwright.learning.single.table import read_epochs
from maskwright.photos.images import read_image, read_mask
from maskwright.photos.splits import read_split
from maskwright.shared.experiment import Tried
from maskwright.shared.quiet import no_chatter

SCORE: str = "miou"


def trial(settings: Segmentation, data: Path) -> Tried:
    """Train, choose the best epoch on the validation split, and score the test split at its own resolution.

    Args:
        settings: the section `segmentation` of params.yaml.
        data: a folder as `maskwright masks` writes it.

    Returns:
        Measures: those of `statistics` on the whole test split, each class's IoU as `iou/CLASS`, and the best epoch's
        `validation_miou`. Found: each photograph's `confusion`, (C, C) pixel counts.

    Raises:
        MaskwrightError: as `learn.train.train`.
    """
    with no_chatter():
        from maskwright.experiments.segmentation.learn.train import train
        from maskwright.experiments.segmentation.report.inference import compiled, load_trained, segment

    with TemporaryDirectory() as folder:
        model, history = Path(folder, "model"), Path(folder, "training.csv")
        with redirect_stderr(StringIO()):  # other trials run beside it, and their bars would overwrite each other
            train(
                settings,
                data=data,
                out=model,
                history=history,
                checkpoint=Path(folder, "checkpoint"),
                log_epoch=lambda epoch, row: None,
            )
        network, classes, size = load_trained(model)
        best = max(row["val_miou"] for row in read_epochs(history))
    examples = read_split(data / "test")
    predictions = segment(compiled(network), (read_image(example.image) for example in examples), size)
    found = [
        {"confusion": confusion_matrix(read_mask(example.mask), prediction, len(classes)).tolist()}
        for example, prediction in zip(examples, predictions, strict=True)
    ]
    everything = np.arange(len(found))
    scores = {name: score(everything) for name, score in statistics(found, classes).items()}
    measures = {name: value for name, value in scores.items() if np.isfinite(value)}
    return Tried({**measures, "validation_miou": best}, {}, found)


def statistics(found: Sequence[Any], classes: Sequence[str]) -> dict[str, Callable[[np.ndarray], float]]:
    """Return the scores of `metrics.over_pixels`, the means of those of `metrics.per_image`, and each class's IoU.

    Those over pixels are from the sum of the drawn photographs' confusion matrices, so that photographs which
    different networks were tested on are scored together.

    Args, returns: as for `HoldsOut.statistics`.
    """
    confusions = np.array([one["confusion"] for one in found], np.int64)  # (N, C, C)
    flat = confusions.reshape(len(found), -1).astype(float)

    def summed(drawn: np.ndarray) -> np.ndarray:
        times = np.bincount(drawn, minlength=len(found))
        return (times @ flat).reshape(confusions.shape[1:])

    def from_pixels(name: str) -> Callable[[np.ndarray], float]:
        return lambda drawn: over_pixels(summed(drawn))[name]

    def mean(values: np.ndarray) -> Callable[[np.ndarray], float]:
        return lambda drawn: mean_of_defined(values[drawn])

    def iou(number: int) -> Callable[[np.ndarray], float]:
        def of_class(drawn: np.ndarray) -> float:
            total = summed(drawn)
            union = total[number].sum() + total[:, number].sum() - total[number, number]
            return float(total[number, number] / union) if union else float("nan")

        return of_class

    return {
        **{name: from_pixels(name) for name in over_pixels(confusions.sum(axis=0))},
        **{name: mean(values) for name, values in per_image(confusions).items()},
        **{f"iou/{name}": iou(number) for number, name in enumerate(classes)},
    }
