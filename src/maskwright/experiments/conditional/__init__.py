"""A condition inside a network: a first head names the coarse class, and its branch then names the fine class."""

from pathlib import Path

from maskwright.experiments.conditional.params import Conditional
from maskwright.shared.experiment import LearnsMany, ManySeeds, Reports, Serves


def _learns() -> LearnsMany[Conditional]:
    from maskwright.experiments.conditional.learn import train

    return train


def _reports() -> Reports[Conditional]:
    from maskwright.experiments.conditional.report import evaluate

    return evaluate


def _serves() -> Serves:
    from maskwright.experiments.conditional import serve

    return serve


EXPERIMENT = ManySeeds(
    name="conditional",
    settings=Conditional,
    data=Path("data/conditional"),
    training_data=(Path("data/conditional"),),
    splits={"training": "train", "testing": "test"},
    code=("learning/replicates", "experiments/conditional/data.py"),
    sections_of=lambda settings: ("annotations",) if settings.source == "regions" else ("digits",),
    learns=_learns,
    reports=_reports,
    serves=_serves,
)
