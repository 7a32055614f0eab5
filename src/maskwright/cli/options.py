"""What several commands share: folders, options, and how these are read."""

import csv
from pathlib import Path
from typing import Annotated

import typer

from maskwright.catalogue import EXPERIMENTS
from maskwright.params import load_params

PARAMS = Path("params.yaml")
MASKS = Path("data/masks")
RESULTS = Path("results")

Name = Annotated[str, typer.Argument(metavar="NAME", help=f"An experiment: {', '.join(EXPERIMENTS)}.")]
Label = Annotated[str | None, typer.Option(help="Region attribute that holds the class; default: the one that fits.")]
Classes = Annotated[
    str | None,
    typer.Option(
        metavar="A,B,...",
        help="Class names in order, without background; one that holds a comma in double quotes: '\"a, b\",c'.",
    ),
]
Images = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Folder of the photographs, if they are not beside the file.")
]
Recursive = Annotated[bool, typer.Option("--recursive", help="Take the photographs in the folders of folders too.")]


def megapixels() -> float:
    """Return annotations.megapixels, and its default where there is no params.yaml."""
    from maskwright.photos.images import MEGAPIXELS

    return load_params().annotations.megapixels if PARAMS.is_file() else MEGAPIXELS


def names(text: str | None) -> list[str] | None:
    """Return the names in a line of CSV, which quotes a name that holds a comma."""
    if text is None:
        return None
    row = next(csv.reader([text], skipinitialspace=True), [])
    return [name.strip() for name in row if name.strip()]
