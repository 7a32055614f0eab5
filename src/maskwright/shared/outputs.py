"""Outputs that appear whole or not at all, so that nothing half-written is ever taken for a result."""

import io
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from maskwright.shared.errors import MaskwrightError

_BLOCK = 2**20


@contextmanager
def replaced_folder(path: Path) -> Iterator[Path]:
    """Yield a new folder beside `path`, which takes its place if all goes well and vanishes if not."""
    target = path.resolve()
    folder, old = (target.with_name(f".{target.name}.{what}") for what in ("partial", "replaced"))
    for leftover in (folder, old):
        shutil.rmtree(leftover, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
        if target.exists():
            target.rename(old)
        folder.rename(target)
    finally:
        for leftover in (folder, old):
            shutil.rmtree(leftover, ignore_errors=True)


@contextmanager
def replaced_file(path: Path) -> Iterator[IO[str]]:
    """Open a UTF-8 text file that takes the place of `path` if all goes well, and vanishes if not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("w", encoding="utf-8", newline="") as file:
            yield file
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def require_room(folder: Path, size: int) -> None:
    """Make sure that so many bytes can be written into a folder.

    Raises:
        MaskwrightError: they cannot: the disk is full, or a quota or limit is reached.
    """
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
            else:
                for _ in range(0, size, _BLOCK):
                    file.write(bytes(_BLOCK))
    except OSError as error:
        raise MaskwrightError(
            f"{folder.parent}: no room for {size / 1e6:.0f} MB ({error.strerror}); free some, and run it again"
        ) from None


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON with a final newline."""
    with replaced_file(path) as file:
        json.dump(value, file, indent=2, ensure_ascii=False, allow_nan=False)
        file.write("\n")


def write_arrays(path: Path, **arrays: np.ndarray) -> None:
    """Write arrays as a compressed .npz file, which `numpy.load` reads.

    `numpy.savez_compressed` leaves the archive's headers to Python's zipfile, whose versions differ in them. Here
    equal arrays give equal bytes.
    """
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.asanyarray(array), allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy")  # dated 1980
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, buffer.getvalue())
