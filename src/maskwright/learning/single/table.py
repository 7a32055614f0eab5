"""The table of one network's training: a row of numbers for each epoch."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from maskwright.shared.outputs import replaced_file


def write_epochs(path: Path, epochs: Sequence[Mapping[str, float]]) -> None:
    """Write a CSV with a row for each epoch. The column `epoch` holds its number, from 1."""
    with replaced_file(path) as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["epoch", *epochs[0]])
        table.writerows([epoch, *row.values()] for epoch, row in enumerate(epochs, start=1))


def read_epochs(path: Path) -> list[dict[str, float]]:
    """Read what `write_epochs` wrote, including the epochs' numbers."""
    with path.open(newline="", encoding="utf-8") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
