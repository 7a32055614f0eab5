"""Segmentation: which class does each pixel of a photograph belong to?"""

from pathlib import Path

from maskwright.experiments.segmentation.params import Segmentation
from maskwright.shared.experiment import HoldsOut, LearnsOne, OneNetwork, Reports, Serves, Shows, Tries


def _learns() -> LearnsOne[Segmentation]:
    from maskwright.experiments.segmentation.learn import train

    return train


def _reports() -> Reports[Segmentation]:
    from maskwright.experiments.segmentation.report import evaluate

    return evaluate


def _serves() -> Serves:
    from maskwright.experiments.segmentation import serve

    return serve


def _shows() -> Shows:
    from maskwright.experiments.segmentation import show

    return show


def _tries() -> Tries[Segmentation]:
    from maskwright.experiments.segmentation import trial

    return trial


def _holds_out() -> HoldsOut[Segmentation]:
    from maskwright.experiments.segmentation import held_out

    return held_out


EXPERIMENT = OneNetwork(
    name="segmentation",
    settings=Segmentation,
    data=Path("data/masks"),
    training_data=(Path("data/masks/train"), Path("data/masks/validation")),
    splits={"training": "train", "validation": "validation", "testing": "test"},
    code=("learning/single", "photos"),
    sections=("annotations",),
    learns=_learns,
    best_by="val_miou",
    reports=_reports,
    serves=_serves,
    shows=_shows,
    tries=_tries,
    trial_code=(
        "experiments/segmentation/report/inference.py",
        "experiments/segmentation/report/metrics.py",
        "experiments/segmentation/trial.py",
    ),
    holds_out=_holds_out,
    held_out_code=(
        "experiments/segmentation/held_out.py",
        "experiments/segmentation/report/inference.py",
        "experiments/segmentation/report/metrics.py",
    ),
)
