"""Commands for few photographs: crossvalidate, learning-curve, next."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from maskwright.catalogue import experiment
from maskwright.cli.options import MASKS, RESULTS, Recursive
from maskwright.cli.prediction import PREDICTIONS
from maskwright.params import load_params
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.terminal import tell


class Measure(StrEnum):
    """How unsure a network is of a photograph; see `labelling.uncertainty`."""

    entropy = "entropy"
    flips = "flips"


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


def label_next(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder of photographs to choose from.")],
    count: Annotated[int, typer.Option(min=1, metavar="N", help="How many photographs to label.")] = 20,
    by: Annotated[
        Measure, typer.Option(help="Least sure by: mean entropy of the classes; disagreement with the mirror image.")
    ] = Measure.entropy,
    via: Annotated[
        Path | None, typer.Option(metavar="OUT.json", help="The new VIA 2 project; default: FOLDER/next.json.")
    ] = None,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for masks and overlays; an earlier prediction is replaced.")
    ] = PREDICTIONS / "next",
    recursive: Recursive = False,
) -> None:
    """Rank unlabelled photographs by how unsure the segmentation is, and write a VIA project of the first N.

    Photographs in the VIA files of params.yaml, and near-duplicates, are passed over.
    """
    model = experiment("segmentation").model
    if not model.is_dir():
        raise MaskwrightError(f"{model}: no such folder; run `maskwright train segmentation` first")
    from maskwright.labelling.next import label_next as run

    for line in run(
        folder,
        load_params().annotations,
        count=count,
        flips=by is Measure.flips,
        model=model,
        masks=MASKS,
        out=out,
        via=via or folder / "next.json",
        recursive=recursive,
    ):
        tell(line)
