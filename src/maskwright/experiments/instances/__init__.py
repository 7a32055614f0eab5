"""Instances: each object in a photograph by itself, its class and its pixels."""

from pathlib import Path

from maskwright.experiments.instances.params import Instances
from maskwright.shared.experiment import LearnsOne, OneNetwork, Reports, Serves, Shows, Tries


def _learns() -> LearnsOne[Instances]:
    from maskwright.experiments.instances.learn import train

    return train


def _reports() -> Reports[Instances]:
    from maskwright.experiments.instances.report import evaluate

    return evaluate


def _serves() -> Serves:
    from maskwright.experiments.instances import serve

    return serve


def _shows() -> Shows:
    from maskwright.experiments.instances import show

    return show


def _tries() -> Tries[Instances]:
    from maskwright.experiments.instances import trial

    return trial


EXPERIMENT = OneNetwork(
    name="instances",
    settings=Instances,
    data=Path("data/instances"),
    training_data=(Path("data/instances/train"), Path("data/instances/validation")),
    splits={"training": "train", "validation": "validation", "testing": "test"},
    code=("learning/single", "photos"),
    sections_of=lambda settings: ("annotations",) if settings.source == "annotations" else ("drinks",),
    learns=_learns,
    best_by="val_pq",
    reports=_reports,
    serves=_serves,
    shows=_shows,
    tries=_tries,
    trial_code=(
        "experiments/instances/report/components.py",
        "experiments/instances/report/inference.py",
        "experiments/instances/report/metrics.py",
        "experiments/instances/trial.py",
    ),
)
