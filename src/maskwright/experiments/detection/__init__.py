"""Detection: a box around each object in a photograph, and its class."""

from pathlib import Path

from maskwright.experiments.detection.params import Detection
from maskwright.shared.experiment import HoldsOut, LearnsOne, OneNetwork, Reports, Serves, Shows, Tries


def _learns() -> LearnsOne[Detection]:
    from maskwright.experiments.detection.learn import train

    return train


def _reports() -> Reports[Detection]:
    from maskwright.experiments.detection.report import evaluate

    return evaluate


def _serves() -> Serves:
    from maskwright.experiments.detection import serve

    return serve


def _shows() -> Shows:
    from maskwright.experiments.detection import show

    return show


def _tries() -> Tries[Detection]:
    from maskwright.experiments.detection import trial

    return trial


def _holds_out() -> HoldsOut[Detection]:
    from maskwright.experiments.detection import held_out

    return held_out


EXPERIMENT = OneNetwork(
    name="detection",
    settings=Detection,
    data=Path("data/masks"),
    training_data=(Path("data/masks/train"), Path("data/masks/validation")),
    splits={"training": "train", "validation": "validation", "testing": "test"},
    code=("learning/single", "photos"),
    sections=("annotations",),
    learns=_learns,
    best_by="val_ap50",
    reports=_reports,
    serves=_serves,
    shows=_shows,
    tries=_tries,
    trial_code=(
        "experiments/detection/report/inference.py",
        "experiments/detection/report/metrics.py",
        "experiments/detection/trial.py",
    ),
    holds_out=_holds_out,
    held_out_code=(
        "experiments/detection/held_out.py",
        "experiments/detection/report/inference.py",
        "experiments/detection/report/metrics.py",
        "experiments/detection/report/resampling.py",
    ),
)
