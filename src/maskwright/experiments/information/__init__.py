"""Mutual information: how well can it be estimated, and what do networks learn by maximising it?"""

from pathlib import Path

from maskwright.experiments.information.params import GAUSSIAN, PARABOLA, Information
from maskwright.shared.experiment import LearnsMany, ManySeeds, Reports, Serves


def _learns() -> LearnsMany[Information]:
    from maskwright.experiments.information.learn import train

    return train


def _reports() -> Reports[Information]:
    from maskwright.experiments.information.report import evaluate

    return evaluate


def _serves() -> Serves:
    from maskwright.experiments.information import serve

    return serve


EXPERIMENT = ManySeeds(
    name="information",
    settings=Information,
    data=Path("data/digits"),
    training_data=(Path("data/digits"),),
    splits={"training": "train", "testing": "test"},
    code=("learning/replicates", "learning/views"),
    sections=("digits",),
    drawn=(GAUSSIAN, PARABOLA),
    learns=_learns,
    reports=_reports,
    serves=_serves,
)
