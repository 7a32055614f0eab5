"""A training as `maskwright train detection` does it, scored on photographs that it has not seen.

TensorFlow is imported only by a trial: the process that pools their results does not need it.
"""

from collections.abc import Callable, Sequence
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from maskwright.experiments.detection.learn.boxes import Found, Truth
from maskwright.experiments.detection.params import Detection
from maskwright.experiments.detection.report.metrics import SHOWN_SCORE, count
from maskwright.experiments.detection.report.resampling import class_curves
from maskwright.learning.single.table import read_epochs
from maskwright.photos.images import read_image
from maskwright.reporting.average_precision import Curve, average_precision
from maskwright.shared.experiment import Tried
from maskwright.shared.quiet import no_chatter

SCORE: str = "ap50"


def trial(settings: Detection, data: Path) -> Tried:
    """Train, choose the best epoch on the validation split, and score the test split at its own resolution.

    Args:
        settings: the section `detection` of params.yaml.
        data: a folder as `maskwright masks` writes it.

    Returns:
        Measures: those of `statistics` on the whole test split, and the best epoch's `validation_ap50`. Found: each
        photograph's boxes and classes as `truth`, and the boxes, scores and classes `found`.

    Raises:
        MaskwrightError: as `learn.train.train`.
    """
    with no_chatter():
        from maskwright.experiments.detection.learn.batches import read_boxes
        from maskwright.experiments.detection.learn.train import train
        from maskwright.experiments.detection.report.inference import detect_objects, detector, load_detector

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
        network, about = load_detector(model)
        best = max(row["val_ap50"] for row in read_epochs(history))
    examples = read_boxes(data / "test")
    run = detector(network, about.scheme, [settings.nms])
    photographs = (read_image(example.image) for example in examples)
    found = [
        {
            "truth": [part.tolist() for part in example.truth],
            "found": [part.tolist() for part in detections],
            "most": settings.nms.most,
        }
        for example, (detections,) in zip(examples, detect_objects(run, photographs, about.size), strict=True)
    ]
    everything = np.arange(len(found))
    scores = {name: score(everything) for name, score in statistics(found, about.classes).items()}
    measures = {name: value for name, value in scores.items() if np.isfinite(value)}
    return Tried({**measures, "validation_ap50": best}, {}, found)


def statistics(found: Sequence[Any], classes: Sequence[str]) -> dict[str, Callable[[np.ndarray], float]]:
    """Return `ap50`, `ap`, and precision, recall and F1 of the predictions with a probability of at least 0.5.

    Each class's AP50 is `ap50/CLASS`.
    All drawn photographs' predictions are ranked together by their scores, also where different networks made them.
    See `metrics` for the definitions. NaN where the draw has no box (recall, AP) or nothing at all.

    Args, returns: as for `HoldsOut.statistics`.
    """
    truths = [Truth(_boxes(one["truth"][0]), np.array(one["truth"][1], np.int32)) for one in found]
    predictions = [
        Found(_boxes(one["found"][0]), np.array(one["found"][1], float), np.array(one["found"][2], np.int32))
        for one in found
    ]
    curves = class_curves(truths, predictions, len(classes) - 1, most=max(one["most"] for one in found))
    at_50 = [curve.at_the_first_iou() for curve in curves]
    counts = [
        count(truth, one.at_least(SHOWN_SCORE), len(classes)) for truth, one in zip(truths, predictions, strict=True)
    ]
    right, wrong, missed = (
        np.array([getattr(one, name).sum() for one in counts]) for name in ("right", "wrong", "missed")
    )
    scores: dict[str, Callable[[np.ndarray], float]] = {}
    if curves:
        scores["ap50"] = lambda drawn: average_precision(at_50, drawn)
        scores["ap"] = lambda drawn: average_precision(curves, drawn)
    return {
        **scores,
        "precision": _share(right, right + wrong, empty=right + missed),
        "recall": _share(right, right + missed),
        "f1": _share(2 * right, 2 * right + wrong + missed),
        **{f"ap50/{name}": _of_class(curve) for name, curve in zip(classes[1:], at_50, strict=False)},
    }


def _of_class(curve: Curve) -> Callable[[np.ndarray], float]:
    return lambda drawn: average_precision([curve], drawn)


def _boxes(rows: list[list[float]]) -> np.ndarray:
    return np.array(rows, float).reshape(-1, 4)


def _share(part: np.ndarray, whole: np.ndarray, *, empty: np.ndarray | None = None) -> Callable[[np.ndarray], float]:
    """Return the statistic sum of `part` / sum of `whole`; for 0 / 0 it is 0 if there is any `empty`, else NaN."""

    def statistic(drawn: np.ndarray) -> float:
        if total := whole[drawn].sum():
            return float(part[drawn].sum() / total)
        return 0.0 if empty is not None and empty[drawn].any() else float("nan")

    return statistic
