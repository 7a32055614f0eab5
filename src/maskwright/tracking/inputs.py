"""What a training read and left as files, as MLflow takes it: its data sets, and its numbers epoch by epoch."""

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from maskwright.shared.identity import content_hash
from maskwright.tracking.naming import CURVES, VALIDATION

if TYPE_CHECKING:
    from mlflow.entities import Dataset, DatasetInput

TRAINING, VALIDATING, TESTING = "training", "validation", "testing"
"""For what parts of a data set are used, in MLflow's words."""
EPOCH = f"{VALIDATION}/epoch"
"""The metric that says which epoch a model is from."""
_VALIDATION_COLUMN = "val_"


@dataclass(frozen=True)
class Data:
    """A data set of which parts are used.

    Attributes:
        name: its name.
        folder: where it is.
        splits: for what the parts are used (`TRAINING`, `VALIDATING`, `TESTING`), and the stem of their files and
            folders in `folder`.
    """

    name: str
    folder: Path
    splits: Mapping[str, str]

    def part(self, use: str) -> "Dataset | None":
        """Return one part as MLflow's entity, whose digest tells other contents; None where there is no such part."""
        from mlflow.entities import Dataset

        stem = self.splits.get(use)
        # A folder with an index, or a single file.
        path = next((path for path in sorted(self.folder.glob(f"{stem}*")) if path.stem == stem), None)
        if stem is None or path is None:
            return None
        digest = sha256(content_hash(path).encode())
        table = path / "index.csv" if path.is_dir() else path
        profile = json.dumps({"examples": len(_rows(table))} if table.suffix == ".csv" and table.is_file() else {})
        source = json.dumps({"uri": (table if table.is_file() else path).as_posix()})
        return Dataset(self.name, digest.hexdigest()[:16], "local", source, profile=profile)


def used_as(part: "Dataset", use: str) -> "DatasetInput":
    """Return an input of a run: a part of a data set and what it is used for."""
    from mlflow.entities import DatasetInput, InputTag

    return DatasetInput(part, [InputTag("mlflow.data.context", use)])


def curves(history: Path, variant: str) -> dict[int, dict[str, float]]:
    """Return each epoch's numbers, named for MLflow; an empty field is a number that the variant lacks.

    Args:
        history: CSV with a row for each epoch, whose number is in the column `epoch`.
        variant: with a column `variant`, only the rows of this one count.
    """
    return {
        epoch: {f"{CURVES}/{name}": float(value) for name, value in row.items() if value}
        for epoch, row in _epochs(history, variant)
    }


def best_epoch(history: Path, best_by: str) -> dict[str, float]:
    """Return the score of the epoch that was kept, and its number, named for MLflow.

    Args:
        history: as for `curves`, of one network.
        best_by: the column whose highest value, the earliest on a tie, decided; "" where none did.
    """
    rows = [(float(row[best_by]), -epoch) for epoch, row in _epochs(history, "") if row.get(best_by)]
    if not rows:
        return {}
    score, epoch = max(rows)
    return {score_name(best_by): score, EPOCH: float(-epoch)}


def score_name(best_by: str) -> str:
    """Return the name in MLflow of the score that decides the best epoch."""
    return f"{VALIDATION}/{best_by.removeprefix(_VALIDATION_COLUMN)}"


def _epochs(history: Path, variant: str) -> Iterator[tuple[int, dict[str, str]]]:
    for row in _rows(history):
        epoch = int(row.pop("epoch"))
        if row.pop("variant", variant) == variant:
            yield epoch, row


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
