"""VIA's CSV: one row per region and seven columns, the last three of which hold quoted JSON.

VIA does not quote the file name, which may contain commas, and writes `undefined` where it has no value.
"""

import csv
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from maskwright.via.model import ImageEntry, Region
from maskwright.via.source import AnnotationError, printable
from maskwright.via.values import normal_name, to_attributes, to_region, to_size

_COLUMNS = (
    "filename",
    "file_size",
    "file_attributes",
    "region_count",
    "region_id",
    "region_shape_attributes",
    "region_attributes",
)
_UNDEFINED = re.compile(r"(?<=:)\s*undefined(?=\s*[,}])")


class _Row(NamedTuple):
    filename: str
    size: str
    file_attributes: str
    region_count: str
    shape: str
    attributes: str


def inspect(path: Path, text: TextIO) -> tuple[str, frozenset[str]]:
    """Read a CSV to its end; return its variant and the file names whose rows are not contiguous.

    Raises:
        AnnotationError: not a VIA CSV, a row is incomplete, or there is no image in it.
    """
    seen: set[str] = set()
    again: set[str] = set()
    last = None
    version_1, rows = _rows(path, text)
    for row in rows:
        here = (row.filename, row.size)
        if here != last:
            name = normal_name(row.filename)
            (again if name in seen else seen).add(name)
            last = here
    if last is None:
        raise AnnotationError(f"{path}: a VIA CSV that lists no image; add the photographs and export it again")
    return ("VIA 1 CSV" if version_1 else "VIA 2 CSV"), frozenset(again)


def images(path: Path, text: TextIO, scattered: frozenset[str]) -> Iterator[ImageEntry]:
    """Yield one entry for each file name and size: `scattered` ones after all rows are read, the others at once."""
    kept: dict[tuple[str, str], ImageEntry] = {}
    group: list[_Row] = []
    _, rows = _rows(path, text)
    for row in rows:
        if group and row[:2] != group[0][:2]:
            yield from _emit(group, kept, scattered)
            group = []
        group.append(row)
    if group:
        yield from _emit(group, kept, scattered)
    yield from kept.values()


def _emit(
    group: list[_Row], kept: dict[tuple[str, str], ImageEntry], scattered: frozenset[str]
) -> Iterator[ImageEntry]:
    first = group[0]
    identity = (first.filename, first.size)
    earlier = kept.get(identity)
    regions = list(earlier.regions) if earlier else []
    for row in group:
        region = _region(len(regions), row)
        if region is not None:
            regions.append(region)
    if earlier:
        kept[identity] = replace(earlier, regions=tuple(regions))
        return
    attributes = to_attributes(_cell(first.file_attributes), {})
    entry = ImageEntry(first.filename + first.size, first.filename, to_size(first.size), tuple(regions), attributes)
    if normal_name(first.filename) in scattered:
        kept[identity] = entry
    else:
        yield entry


def _region(number: int, row: _Row) -> Region | None:
    shape, attributes = _cell(row.shape), _cell(row.attributes)
    if not shape and isinstance(shape, dict) and row.region_count.strip() in ("0", ""):
        return None  # how VIA writes an image without regions
    if not isinstance(shape, dict) or not isinstance(attributes, dict):
        return to_region(number, None, {})
    return to_region(number, {"shape_attributes": shape, "region_attributes": attributes}, {})


def _cell(text: str) -> Any:
    """Decode a JSON cell; return None if that fails."""
    for attempt in (text, _UNDEFINED.sub("null", text)):
        try:
            return json.loads(attempt)
        except (ValueError, RecursionError):
            continue
    return None


def _rows(path: Path, text: TextIO) -> tuple[bool, Iterator[_Row]]:
    header = text.readline()
    delimiter = ";" if ";" in header and "," not in header else ","
    found = [name.strip().strip('"') for name in header.split(delimiter)]
    version_1 = found[0].startswith("#")
    found[0] = found[0].removeprefix("#")
    if tuple(found) != _COLUMNS:
        start = printable(header.strip(), 60)
        raise AnnotationError(
            f"{path}: neither JSON nor a VIA CSV: it starts with {start!r}; "
            f"a VIA CSV starts with {','.join(_COLUMNS[:3])},..."
        )
    return version_1, _read_rows(path, text, delimiter)


def _read_rows(path: Path, text: TextIO, delimiter: str) -> Iterator[_Row]:
    # Polygons of 13,000 points exceed the csv module's limit of 131,072 characters for a cell.
    csv.field_size_limit(max(csv.field_size_limit(), sys.maxsize >> 32))
    reader = csv.reader(text, delimiter=delimiter)
    try:
        for fields in reader:
            if not fields:
                continue
            if len(fields) < len(_COLUMNS):
                raise AnnotationError(
                    f"{path}: line {reader.line_num + 1}: {len(fields)} of {len(_COLUMNS)} columns: the file is cut "
                    "off or damaged there; export it again"
                )
            size, file_attributes, count, _, shape, attributes = fields[-6:]
            yield _Row(delimiter.join(fields[:-6]), size.strip(), file_attributes, count, shape, attributes)
    except csv.Error as error:
        raise AnnotationError(f"{path}: line {reader.line_num + 1}: not CSV: {error}") from None
