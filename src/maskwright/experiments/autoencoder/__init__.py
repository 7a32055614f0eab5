"""Attention autoencoder: which parts of a network improve how well it describes a digit with two numbers?"""

from pathlib import Path

from maskwright.experiments.autoencoder.params import Autoencoder
from maskwright.shared.experiment import LearnsOne, OneNetwork, Reports, Serves, Tries


def _learns() -> LearnsOne[Autoencoder]:
    from maskwright.experiments.autoencoder.learn import train

    return train


def _reports() -> Reports[Autoencoder]:
    from maskwright.experiments.autoencoder.report import evaluate

    return evaluate


def _serves() -> Serves:
    from maskwright.experiments.autoencoder import serve

    return serve


def _tries() -> Tries[Autoencoder]:
    from maskwright.experiments.autoencoder import trial

    return trial


EXPERIMENT = OneNetwork(
    name="autoencoder",
    settings=Autoencoder,
    data=Path("data/digits"),
    training_data=(Path("data/digits"),),
    splits={"training": "train", "validation": "validation", "testing": "test"},
    code=("learning/single", "experiments/autoencoder/data.py"),
    sections=("digits",),
    learns=_learns,
    best_by="val_score",
    reports=_reports,
    serves=_serves,
    tries=_tries,
    trial_code=("experiments/autoencoder/trial.py", "experiments/autoencoder/report/metrics.py"),
)
