"""A look at the annotations before training, from the masks that were made of them.

    out/look.html           all of it on one page, which needs no other file
    out/contact_sheet.png   photographs with their outlines, the worst findings first
    out/statistics.png      objects and pixels by class, sizes, positions
    out/alike.csv           photographs that look alike, with their splits

Photographs are read one at a time by each process; of each, only its hash and a few numbers are kept. Those that are
shown are read a second time, once it is known which these are.
"""

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.progress import track

from maskwright.looking.charts import statistics_figure
from maskwright.looking.hashing import Pair, alike
from maskwright.looking.masks import Data, Outlines, Remark, Unusable, read_masks, read_outlines
from maskwright.looking.measure import measure
from maskwright.looking.outlines import Style, class_styles, draw_outlines
from maskwright.looking.page import Alike, Shown, render_page
from maskwright.looking.remarks import Headline, all_remarks, headlines, is_leak, kinds, worst_first
from maskwright.looking.sheet import TILE, Tile, contact_sheet
from maskwright.looking.statistics import Statistics, Tally
from maskwright.pages.embedded import as_jpeg
from maskwright.photos.images import IGNORE, read_image
from maskwright.photos.sizing import network_size
from maskwright.reporting.figure import save_figure
from maskwright.shared import terminal
from maskwright.shared.outputs import replaced_file
from maskwright.shared.parallel import parallel_map
from maskwright.shared.settings import Auto
from maskwright.via.findings import counted

PAGE, SHEET, CHARTS, PAIRS = "look.html", "contact_sheet.png", "statistics.png", "alike.csv"

_PICTURE = 400, 400  # greatest height and width on the page, in pixels
_SMALL_PICTURE = 200, 200
_PAIRS_SHOWN = 24
# Starting processes takes about a second; in that time one process reads some ten photographs.
_CHUNK = 16


@dataclass(frozen=True)
class Look:
    """All that a look found, before it is drawn."""

    data: Data
    size: tuple[int, int]  # that the network sees
    pairs: list[Pair]
    statistics: Statistics
    remarks: list[list[Remark]]
    headlines: list[Headline]


def look(
    masks: Path, out: Path, *, size: tuple[int, int] | Auto, title: str, most: int, workers: int | None = None
) -> list[str]:
    """Write page, pictures and table, and return the lines that sum them up.

    Args:
        masks: a folder written by `maskwright masks`.
        out: the folder to write into; what else is in it stays.
        size: the height and width that the network sees, in pixels, or auto: those that a training would choose.
        title: what to call the data.
        most: how many photographs the contact sheet shows.
        workers: processes; the available cores if None.

    Raises:
        MaskwrightError: the masks are incomplete, or a photograph is missing or damaged.
    """
    found = examine(masks, size=size, workers=workers)
    size = found.size
    data, statistics = found.data, found.statistics
    styles = class_styles(statistics.objects.sum(axis=0).tolist())
    sheet = _contact_sheet(found, masks, styles, most)
    pairs = sorted(found.pairs, key=lambda pair: (not is_leak(data, pair), pair.bits))
    named = [(data.classes[index], styles[index]) for index in range(1, len(data.classes))]
    if sheet.unknown:
        named.append(("class not known", styles[IGNORE]))
    left_out = len(data.photographs) + len(_missing(data)) - len(sheet.shown)
    page = render_page(
        title=title,
        data=data,
        statistics=statistics,
        size=size,
        headlines=found.headlines,
        legend=named,
        photographs=sheet.shown,
        left_out=left_out,
        pairs=[_side_by_side(data, pair) for pair in pairs[:_PAIRS_SHOWN]],
        pairs_left_out=max(0, len(pairs) - _PAIRS_SHOWN),
        kinds=kinds(data, found.remarks),
    )
    out.mkdir(parents=True, exist_ok=True)
    with replaced_file(out / PAGE) as file:
        file.write(page)
    subtitle = f"{_summary(data)}; the worst findings first"
    if left_out:
        subtitle += f"; {left_out:,} photographs are not shown"
    contact_sheet(f"A look at {title}", subtitle, named, sheet.tiles).save(out / SHEET)
    figure = statistics_figure(statistics, splits=data.splits, classes=data.classes, size=size)
    save_figure(figure, out / CHARTS)
    _write_pairs(out / PAIRS, data, pairs)
    lines = [f"{headline.severity}: {headline.text}" for headline in found.headlines]
    return [f"{title}: {_summary(data)}", *lines, f"{out / PAGE} shows all of it; {SHEET} and {CHARTS} are beside it"]


def examine(masks: Path, *, size: tuple[int, int] | Auto, workers: int | None = None) -> Look:
    """Find out all that a look is about, and draw nothing. Args, errors: as for `look`."""
    data = read_masks(masks)
    size = network_size(size, masks / ("train" if "train" in data.splits else data.splits[0])).size
    tally, hashes = Tally(data), []
    measured = track(
        parallel_map(measure, data.photographs, workers=workers, chunk=_CHUNK),
        "looking at photographs",
        total=len(data.photographs),
        console=terminal.console(stderr=True),
    )
    for position, of_photograph in enumerate(measured):
        tally.add(position, of_photograph)
        hashes.append(of_photograph.hash)
    groups = [data.splits.index(photograph.split) for photograph in data.photographs]
    pairs = alike(hashes, groups)
    statistics = tally.statistics(size)
    remarks = all_remarks(data, pairs, statistics)
    return Look(data, size, pairs, statistics, remarks, list(headlines(data, pairs, statistics)))


@dataclass(frozen=True)
class _Sheet:
    shown: list[Shown]  # on the page
    tiles: list[Tile]  # in the picture
    unknown: bool  # whether a region of unknown class is on it


def _contact_sheet(found: Look, masks: Path, styles: Mapping[int, Style], most: int) -> _Sheet:
    """Draw the photographs that are to be shown, one at a time."""
    data = found.data
    sheet = _Sheet([], [], False)
    for entry in _missing(data)[:most]:
        sheet.shown.append(Shown("", 0, 0, entry.name, entry.split, "", entry.remarks))
        sheet.tiles.append(Tile(None, entry.name, entry.remarks))
    chosen = worst_first(found.remarks, most - len(sheet.shown))
    outlines = read_outlines(masks, data, chosen)
    for position in chosen:
        photograph, remarks = data.photographs[position], found.remarks[position]
        image = read_image(photograph.image)
        picture, small = (draw_outlines(image, outlines[position], styles, box) for box in (_PICTURE, TILE))
        counted = Counter(index for index, _ in outlines[position].objects)
        objects = ", ".join(f"{counted[index]:,} {data.classes[index]}" for index in sorted(counted)) or "no object"
        sheet.shown.append(
            Shown(as_jpeg(picture), *picture.size, photograph.name, photograph.split, objects, remarks)
        )
        sheet.tiles.append(Tile(small, photograph.name, remarks))
    return replace(sheet, unknown=any(each.unknown for each in outlines.values()))


def _missing(data: Data) -> list[Unusable]:
    """Return the photographs that the annotations name and that cannot be used."""
    return [entry for entry in data.unusable if entry.name]


def _side_by_side(data: Data, pair: Pair) -> Alike:
    first, second = (data.photographs[position] for position in (pair.first, pair.second))
    bare = class_styles([])
    pictures = [
        as_jpeg(draw_outlines(read_image(photograph.image), Outlines(), bare, _SMALL_PICTURE))
        for photograph in (first, second)
    ]
    return Alike(
        (pictures[0], pictures[1]),
        (first.name, second.name),
        (first.split, second.split),
        is_leak(data, pair),
        pair.mirrored,
        pair.bits,
    )


def _write_pairs(path: Path, data: Data, pairs: Sequence[Pair]) -> None:
    with replaced_file(path) as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["photograph", "split", "earlier", "earlier_split", "bits", "mirrored"])
        for pair in pairs:
            second, first = data.photographs[pair.second], data.photographs[pair.first]
            names = [second.name, second.split, first.name, first.split]
            table.writerow([*names, pair.bits, "yes" if pair.mirrored else "no"])


def _summary(data: Data) -> str:
    counts = Counter(photograph.split for photograph in data.photographs)
    several = len(data.splits) > 1
    photographs = ", ".join(f"{split} {counts[split]:,}" for split in data.splits) if several else ""
    whole = counted(len(data.photographs), "photograph")
    return f"{whole}{f' ({photographs})' if several else ''}, {counted(len(data.label), 'object')}"
