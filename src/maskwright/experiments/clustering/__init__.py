"""Clustering without labels: two views of an image should share a cluster, and all clusters be used evenly."""

from pathlib import Path

from maskwright.experiments.clustering.params import Clustering
from maskwright.shared.experiment import LearnsMany, ManySeeds, Reports, Serves


def _learns() -> LearnsMany[Clustering]:
    from maskwright.experiments.clustering.learn import train

    return train


def _reports() -> Reports[Clustering]:
    from maskwright.experiments.clustering.report import evaluate

    return evaluate


def _serves() -> Serves:
    from maskwright.experiments.clustering import serve

    return serve


EXPERIMENT = ManySeeds(
    name="clustering",
    settings=Clustering,
    data=Path("data/clustering"),
    training_data=(Path("data/clustering"),),
    splits={"training": "train", "testing": "test"},
    code=("learning/replicates", "learning/views"),
    sections=("digits",),
    learns=_learns,
    reports=_reports,
    serves=_serves,
)
