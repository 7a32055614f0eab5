"""Commands for few photographs: crossvalidate, learning-curve, next."""

from typing import Annotated

import typer

from maskwright.cli.options import RESULTS
from maskwright.params import load_params

Learner = Annotated[str, typer.Argument(metavar="NAME", help="segmentation or detection.")]


def crossvalidate(name: Learner) -> None:
    """Train once for each fold, so that every photograph is tested, into results/crossvalidate/NAME.

    annotations.folds says how many. Run again, it continues; docs/few-photographs.md explains the two intervals.
    """
    from maskwright.studies.crossvalidate import crossvalidate as run
    from maskwright.tracking.provenance import project_root

    run(name, load_params(), root=project_root(), results=RESULTS)


def learning_curve(
    name: Learner,
    seeds: Annotated[int, typer.Option(min=2, max=20, metavar="N", help="Trainings of each size.")] = 3,
) -> None:
    """Train on 1/8, 1/4, 1/2 and all training photographs, and say what twice as many would bring.

    Writes results/learning_curve/NAME. Run again, it continues.
    """
    from maskwright.studies.learning_curve import learning_curve as run
    from maskwright.tracking.provenance import project_root

    run(name, load_params(), seeds=seeds, root=project_root(), results=RESULTS)
