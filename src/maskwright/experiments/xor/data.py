"""XOR among noise: rows of four bits, two of which are the operands, and a mask that may mark them. No TensorFlow.

A row has 4 positions x 2 channels. Channel 0 holds random bits, except at positions i and i + 1, which hold the
operands of XOR, i in {0, 1, 2}. Channel 1 is the mask. The tables written here hold every possible row of a variant:

- `signal`: the mask is 1 at the operands' positions. 3 positions x 4 operands x 4 noise settings = 48 rows.
- `random`: the mask is four random bits, which say nothing. 48 x 16 = 768 rows.
- `none`: there is no mask. 48 rows, with 16 different inputs.
"""

import csv
import warnings
from itertools import product
from pathlib import Path

import numpy as np

from maskwright.shared.errors import MaskwrightError
from maskwright.shared.outputs import replaced_folder

POSITIONS = 4
VARIANTS = ("signal", "random", "none")
CASES = 4
"""The four possible pairs of operands."""

_BITS = [f"bit_{place}" for place in range(POSITIONS)]
_MASK = [f"mask_{place}" for place in range(POSITIONS)]


def xor_rows(variant: str) -> np.ndarray:
    """Return every possible row of a variant, each with its position and its label.

    Args:
        variant: one of `VARIANTS`.

    Returns:
        (N, 10) uint8, or (N, 6) for `none`: position i, label, bits 0 to 3, mask 0 to 3. Rows are sorted by position,
        then by operands 00, 01, 10, 11; each combination has N / 12 rows.
    """
    rows = []
    for position, first, second in product(range(POSITIONS - 1), (0, 1), (0, 1)):
        for noise in product((0, 1), repeat=POSITIONS - 2):
            bits = [*noise[:position], first, second, *noise[position:]]
            for mask in _masks(variant, position):
                rows.append([position, first ^ second, *bits, *mask])
    return np.array(rows, np.uint8)


def _masks(variant: str, position: int) -> list[tuple[int, ...]]:
    if variant == "random":
        return list(product((0, 1), repeat=POSITIONS))
    if variant == "signal":
        return [tuple(int(place in (position, position + 1)) for place in range(POSITIONS))]
    return [()]


def write_xor(out: Path) -> None:
    """Write `out`/VARIANT.csv for each variant, with a row for every possible input."""
    with replaced_folder(out) as new:
        for variant in VARIANTS:
            with (new / f"{variant}.csv").open("w", newline="", encoding="utf-8") as file:
                table = csv.writer(file, lineterminator="\n")
                table.writerow(["position", "label", *_BITS, *([] if variant == "none" else _MASK)])
                table.writerows(xor_rows(variant).tolist())


def read_xor(data: Path, variant: str) -> tuple[np.ndarray, np.ndarray]:
    """Read what `write_xor` wrote for a variant.

    Returns:
        inputs: (N, 4, 2) float32, or (N, 4, 1) for `none`: bits and mask.
        labels: (N, 2) float32, one-hot: column 0 for XOR 0.

    Raises:
        MaskwrightError: the file is missing or damaged.
    """
    path = data / f"{variant}.csv"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of an empty file, which is refused below
            rows = np.loadtxt(path, delimiter=",", skiprows=1, dtype=np.int64, ndmin=2)
    except FileNotFoundError:
        raise MaskwrightError(f"{path}: no such file; run `maskwright generate xor` first") from None
    except ValueError as error:
        raise MaskwrightError(f"{path}: damaged ({error}); run `maskwright generate xor` again") from None
    if rows.shape != xor_rows(variant).shape:
        raise MaskwrightError(f"{path}: damaged; run `maskwright generate xor` again")
    channels = [rows[:, 2 : 2 + POSITIONS]]
    if variant != "none":
        channels.append(rows[:, 2 + POSITIONS :])
    return np.stack(channels, axis=-1).astype(np.float32), np.eye(2, dtype=np.float32)[rows[:, 1]]
