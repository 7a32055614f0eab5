"""Masked digits: how does a network use a mask that was computed beforehand and is as large as the image?"""

from pathlib import Path

from maskwright.experiments.masked_digits.params import MaskedDigits
from maskwright.shared.experiment import LearnsMany, ManySeeds, Reports, Serves


def _learns() -> LearnsMany[MaskedDigits]:
    from maskwright.experiments.masked_digits.learn import train

    return train


def _reports() -> Reports[MaskedDigits]:
    from maskwright.experiments.masked_digits.report import evaluate

    return evaluate


def _serves() -> Serves:
    from maskwright.experiments.masked_digits import serve

    return serve


EXPERIMENT = ManySeeds(
    name="masked_digits",
    settings=MaskedDigits,
    data=Path("data/masked_digits"),
    training_data=(Path("data/masked_digits"),),
    splits={"training": "digits", "testing": "grid_test"},
    code=("learning/replicates", "experiments/masked_digits/data.py"),
    sections=("digits",),
    learns=_learns,
    reports=_reports,
    serves=_serves,
)
