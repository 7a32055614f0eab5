"""VIA's CSV: one row per region and seven columns, the last three of which hold quoted JSON.

VIA does not quote the file name, which may contain commas, and writes `undefined` where it has no value. Spreadsheets
separate the columns by semicolons or tabs, and may add empty columns at the end.
"""

import csv
import json
import re
import sys
from collections.abc import Iterator
from itertools import groupby
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
    kept: dict[tuple[str, str], list[_Row]] = {}
    _, rows = _rows(path, text)
    for identity, group in groupby(rows, key=lambda row: (row.filename, row.size)):
        if normal_name(identity[0]) in scattered:
            kept.setdefault(identity, []).extend(group)
        else:
            yield _entry(list(group))
    for identity in list(kept):
        yield _entry(kept.pop(identity))


def _entry(rows: list[_Row]) -> ImageEntry:
    first = rows[0]
    regions: list[Region] = []
    for row in rows:
        region = _region(len(regions), row)
        if region is not None:
            regions.append(region)
    attributes = to_attributes(_cell(first.file_attributes), {})
    return ImageEntry(first.filename + first.size, first.filename, to_size(first.size), tuple(regions), attributes)


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
    delimiter = next((mark for mark in (",", ";", "\t") if mark in header), ",")
    found = [name.strip().strip('"') for name in header.split(delimiter)]
    padding = len(found)
    while len(found) > 1 and not found[-1]:
        found.pop()
    padding -= len(found)
    version_1 = found[0].startswith("#")
    found[0] = found[0].removeprefix("#")
    if tuple(found) != _COLUMNS:
        start = printable(header.strip(), 60)
        raise AnnotationError(
            f"{path}: neither JSON nor a VIA CSV: it starts with {start!r}; "
            f"a VIA CSV starts with {','.join(_COLUMNS[:3])},..."
        )
    return version_1, _read_rows(path, text, delimiter, padding)


def _read_rows(path: Path, text: TextIO, delimiter: str, padding: int) -> Iterator[_Row]:
    # Polygons of 13,000 points exceed the csv module's limit of 131,072 characters for a cell.
    csv.field_size_limit(max(csv.field_size_limit(), sys.maxsize >> 32))
    reader = csv.reader(text, delimiter=delimiter)
    try:
        for fields in reader:
            if not any(fields):
                continue  # an empty line, or a spreadsheet's empty row
            fields = _without_padding(fields, padding)
            if len(fields) < len(_COLUMNS):
                raise AnnotationError(
                    f"{path}: line {reader.line_num + 1}: {len(fields)} of {len(_COLUMNS)} columns: the file is cut "
                    "off or damaged there; export it again"
                )
            size, file_attributes, count, _, shape, attributes = fields[-6:]
            yield _Row(delimiter.join(fields[:-6]), size.strip(), file_attributes, count, shape, attributes)
    except csv.Error as error:
        raise AnnotationError(f"{path}: line {reader.line_num + 1}: not CSV: {error}") from None


def _without_padding(fields: list[str], padding: int) -> list[str]:
    """Return a row without the empty columns at its end: as many as the header has, or more where that is clear."""
    for _ in range(padding):
        if len(fields) > len(_COLUMNS) and not fields[-1].strip():
            fields = fields[:-1]
    filled = len(fields)
    while filled and not fields[filled - 1].strip():
        filled -= 1
    # Both of VIA's last columns hold objects. A file name may contain commas, so the number of columns says little.
    whole = filled >= len(_COLUMNS) and all(cell.lstrip().startswith("{") for cell in fields[filled - 2 : filled])
    return fields[:filled] if whole else fields
