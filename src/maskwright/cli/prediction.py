"""Commands that predict with a trained model: predict segmentation, detection and instances."""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from maskwright.catalogue import experiment
from maskwright.cli.options import MASKS, Recursive, megapixels
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.quiet import no_chatter
from maskwright.shared.terminal import note, tell

if TYPE_CHECKING:
    from maskwright.predictions.photographs import Photograph

PREDICTIONS = Path("predictions")


def predict_segmentation(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="Photographs, and folders of them.")],
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for masks and overlays; an earlier prediction is replaced.")
    ] = PREDICTIONS / "segmentation",
    via: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT.json",
            help="Also write a new VIA 2 project with polygons to correct. The photographs must lie in its folder or "
            "below.",
        ),
    ] = None,
    tile: Annotated[
        int | None,
        typer.Option(
            min=8,
            metavar="N",
            help="For large photographs of small things: look through overlapping windows N pixels wide, not at the "
            "whole at once. Best is the N at which a window shows things as large as a training photograph did.",
        ),
    ] = None,
    flip: Annotated[bool, typer.Option("--flip", help="Average with the mirror image; takes twice as long.")] = False,
    recursive: Recursive = False,
) -> None:
    """Write for each photograph an index mask in its own resolution (NAME.png) and an overlay (NAME_overlay.jpg).

    Specks of under 16 pixels (1/62,500 of a photograph above one megapixel) are given to their surroundings.

    All images are checked first: where some cannot be read, each is named, nothing is written, and it exits with 1.
    """
    from maskwright.predictions.photographs import summary

    photographs = _photographs(images, out, via, recursive)
    model, predicting = _trained("segmentation", network="maskwright.experiments.segmentation.report.inference")
    predicting.predict(photographs, model=model, out=out, via=via, masks=MASKS, tile=tile, flip=flip)
    tell(summary(photographs, out, via))


def predict_detection(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="Photographs, and folders of them.")],
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for drawings and boxes; an earlier prediction is replaced.")
    ] = PREDICTIONS / "detection",
    via: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT.json",
            help="Also write a new VIA 2 project with rectangles to correct, and their scores. The photographs must "
            "lie in its folder or below.",
        ),
    ] = None,
    least_score: Annotated[
        float, typer.Option(min=0.01, max=1.0, metavar="P", help="Leave out what is less probable.")
    ] = 0.5,
    recursive: Recursive = False,
) -> None:
    """Write the boxes found (detections.json, as COCO) and each photograph with its boxes drawn (NAME_overlay.jpg).

    All images are checked first: where some cannot be read, each is named, nothing is written, and it exits with 1.
    """
    from maskwright.predictions.photographs import summary

    photographs = _photographs(images, out, via, recursive)
    model, predicting = _trained("detection", network="maskwright.experiments.detection.report.inference")
    predicting.predict(photographs, model=model, out=out, via=via, masks=MASKS, least_score=least_score)
    tell(summary(photographs, out, via, files="boxes and drawings", regions="rectangles"))


def predict_instances(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="Photographs, and folders of them.")],
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for masks, tables and overlays; an earlier one is replaced.")
    ] = PREDICTIONS / "instances",
    via: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT.json",
            help="Also write a new VIA 2 project with a polygon for each object to correct, and its score. The "
            "photographs must lie in its folder or below.",
        ),
    ] = None,
    least_score: Annotated[
        float, typer.Option(min=0.0, max=1.0, metavar="P", help="Leave out objects with a lower score.")
    ] = 0.0,
    recursive: Recursive = False,
) -> None:
    """Write the objects in photographs: masks of classes and of object numbers, overlays, objects.csv and COCO.

    All images are checked first: where some cannot be read, each is named, nothing is written, and it exits with 1.
    """
    from maskwright.predictions.photographs import summary

    photographs = _photographs(images, out, via, recursive)
    model, predicting = _trained("instances", network="maskwright.experiments.instances.report.inference")
    masks = experiment("instances").data
    full = predicting.predict(photographs, model=model, out=out, via=via, masks=masks, least_score=least_score)
    if full:
        note(
            f"{full:,} photographs have as many objects as instances.grouping.most allows, and may have more; raise "
            "it and train again"
        )
    tell(summary(photographs, out, via, files="masks, objects.csv and overlays"))


def _photographs(images: list[Path], out: Path, via: Path | None, recursive: bool) -> "list[Photograph]":
    """Find the photographs to predict, and say what was passed over in folders."""
    from maskwright.predictions.photographs import find_photographs, passed_over

    for line in passed_over(images, out=out, recursive=recursive):
        note(line)
    return find_photographs(images, out=out, via=via, recursive=recursive, megapixels=megapixels())


def _trained(name: str, *, network: str) -> tuple[Path, Any]:
    """Return the folder of an experiment's model, and the module that predicts with it.

    `network` is the first to import TensorFlow, which is not to be heard.
    """
    model = experiment(name).model
    if not model.is_dir():
        raise MaskwrightError(f"{model}: no such folder; run `maskwright train {name}` first")
    with no_chatter():
        import_module(network)
    return model, import_module(f"maskwright.experiments.{name}.predict")
