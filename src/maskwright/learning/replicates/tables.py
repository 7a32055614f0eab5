"""The tables of an experiment that trains every variant with many seeds: curves over the epochs, and a row a seed."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from maskwright.shared.outputs import replaced_file

BAND = (0.1, 0.9)
"""The quantiles over the seeds that bound a curve's band."""


def write_curves(
    path: Path, curves: Mapping[str, Mapping[str, np.ndarray]], epochs: Mapping[str, Sequence[int]] | None = None
) -> None:
    """Write curves as a CSV with a row for each variant and epoch: the median over the seeds, and a band.

    The median is used because a few seeds that learn nothing would dominate the mean.

    Args:
        path: the file, which is replaced.
        curves: for each variant and measure an array (epochs, R). A measure `loss` becomes the columns `loss`,
            `loss_low` and `loss_high`. They are left empty for variants without this measure. If there is no variant,
            only the header is written, with the columns of a `loss`.
        epochs: for each variant whose rows are not the epochs 1, 2, 3, ..., the epoch of each row.
    """
    tables = [] if curves else [pd.DataFrame(columns=["variant", "epoch", "loss", "loss_low", "loss_high"])]
    for variant, measures in curves.items():
        columns: dict[str, np.ndarray] = {}
        for name, values in measures.items():
            low, high = np.quantile(values, BAND, axis=1)
            columns |= {name: np.median(values, axis=1), f"{name}_low": low, f"{name}_high": high}
        table = pd.DataFrame(columns).astype(np.float32)
        table.insert(0, "epoch", (epochs or {}).get(variant, range(1, len(table) + 1)))
        table.insert(0, "variant", variant)
        tables.append(table)
    _write(path, pd.concat(tables, ignore_index=True))


def read_curves(path: Path) -> pd.DataFrame:
    """Read what `write_curves` wrote."""
    return pd.read_csv(path, keep_default_na=False, na_values=[""])


def write_replicates(path: Path, measured: Mapping[str, Mapping[str, np.ndarray]], first_seed: int) -> None:
    """Write a CSV with a row for each variant and seed.

    Args:
        path: the file, which is replaced.
        measured: for each variant and measure an array (R,); all variants have the same measures.
        first_seed: the seed of the first replicate; the seeds of the others follow it one by one.
    """
    tables = []
    for variant, measures in measured.items():
        table = pd.DataFrame(dict(measures))
        table.insert(0, "seed", range(first_seed, first_seed + len(table)))
        table.insert(0, "variant", variant)
        tables.append(table)
    _write(path, pd.concat(tables, ignore_index=True))


def read_replicates(path: Path) -> pd.DataFrame:
    """Read what `write_replicates` wrote. A variant called `none` is read as a name, not as a missing value."""
    return pd.read_csv(path, keep_default_na=False, na_values=[""])


def write_examples(path: Path, measured: Mapping[str, Mapping[str, np.ndarray]]) -> None:
    """Write a CSV with a row for each test example, and a column `VARIANT/MEASURE`: the mean over the seeds.

    Args:
        path: the file, which is replaced.
        measured: for each variant and measure an array (R, N). A measure of fewer examples, of another test set say,
            leaves the cells below empty.
    """
    columns = {
        f"{variant}/{name}": pd.Series(np.asarray(values, float).mean(axis=0))
        for variant, measures in measured.items()
        for name, values in measures.items()
    }
    _write(path, pd.DataFrame(columns))


def read_examples(path: Path) -> pd.DataFrame:
    """Read what `write_examples` wrote."""
    return pd.read_csv(path)


def _write(path: Path, table: pd.DataFrame) -> None:
    with replaced_file(path) as file:
        table.to_csv(file, index=False, lineterminator="\n", quoting=csv.QUOTE_MINIMAL, float_format="%.6g")
