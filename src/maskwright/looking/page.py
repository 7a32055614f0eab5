"""The look as one page of HTML, which needs no other file and no connection."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from maskwright.looking.charts import shown_classes
from maskwright.looking.masks import Data, Remark
from maskwright.looking.outlines import Style
from maskwright.looking.remarks import Headline
from maskwright.looking.statistics import SMALL, Statistics, octave_names
from maskwright.pages.embedded import as_png
from maskwright.pages.template import render

TEMPLATE = "page.html.jinja"

_KINDS_SHOWN = 5  # findings of a kind
_EMPTY_SHOWN = 100


class Shown(NamedTuple):
    """A photograph of the contact sheet. `picture` has its outlines drawn; it is empty if there is none."""

    picture: str
    width: int
    height: int
    name: str
    split: str
    objects: str
    remarks: Sequence[Remark]


class Alike(NamedTuple):
    """Two photographs that look alike, as small pictures, with what is to be said about them."""

    pictures: tuple[str, str]
    names: tuple[str, str]
    splits: tuple[str, str]
    leak: bool
    mirrored: bool
    bits: int


def render_page(
    *,
    title: str,
    data: Data,
    statistics: Statistics,
    size: tuple[int, int],
    headlines: Sequence[Headline],
    legend: Sequence[tuple[str, Style]],
    photographs: Sequence[Shown],
    left_out: int,
    pairs: Sequence[Alike],
    pairs_left_out: int,
    kinds: Mapping[tuple[str, str], list[tuple[str, Remark]]],
) -> str:
    """Return the page.

    Args:
        title: what was looked at.
        data: the splits, classes and photographs.
        statistics: the numbers about them.
        size: the height and width that the network sees.
        headlines: what stands out.
        legend: the name and style of each class.
        photographs: the contact sheet, in order.
        left_out: how many photographs are not on it.
        pairs: photographs that look alike, in order.
        pairs_left_out: how many pairs are not among them.
        kinds: all findings by severity and code.
    """
    return render(
        "maskwright.looking",
        TEMPLATE,
        title=title,
        splits=[*zip(data.splits, statistics.photographs.tolist(), strict=True)],
        several=len(data.splits) > 1,
        objects=len(data.label),
        size=size,
        small=SMALL,
        headlines=headlines,
        legend=legend,
        photographs=photographs,
        left_out=left_out,
        classes=_class_rows(data, statistics),
        background=_shares(statistics)[0],
        not_known=_shares(statistics)[-1],
        octaves=octave_names(),
        sizes=_size_rows(data, statistics),
        maps=_maps(data, statistics),
        pairs=pairs,
        pairs_left_out=pairs_left_out,
        empty=[data.photographs[position].name for position in statistics.empty[:_EMPTY_SHOWN]],
        empty_left_out=max(0, len(statistics.empty) - _EMPTY_SHOWN),
        kinds=[
            (severity, code, found[:_KINDS_SHOWN], max(0, len(found) - _KINDS_SHOWN))
            for (severity, code), found in kinds.items()
        ],
    )


def _shares(statistics: Statistics) -> list[float]:
    """Return the share of all pixels that each class has: background, the classes, unknown."""
    pixels = statistics.pixels.sum(axis=0)
    return (pixels / max(1, pixels.sum())).tolist()


def _class_rows(data: Data, statistics: Statistics) -> list[dict[str, Any]]:
    shares = _shares(statistics)[1:-1]
    objects = statistics.objects.sum(axis=0)
    most, widest = max(1, int(objects.max(initial=0))), max(shares, default=0) or 1.0
    return [
        {
            "index": index,
            "name": name,
            "objects": int(objects[index - 1]),
            "by_split": statistics.objects[:, index - 1].tolist(),
            "holding": int(statistics.holding[:, index - 1].sum()),
            "share": shares[index - 1],
            "of_most": 100 * int(objects[index - 1]) / most,
            "of_widest": 100 * shares[index - 1] / widest,
        }
        for index, name in enumerate(data.classes[1:], 1)
    ]


def _size_rows(data: Data, statistics: Statistics) -> list[dict[str, Any]]:
    rows = []
    for index, name in enumerate(data.classes[1:]):
        counts = statistics.octaves[index]
        most = max(1, int(counts.max(initial=0)))
        cells = [(int(count), round(100 * int(count) / most)) for count in counts]
        rows.append({"name": name, "cells": cells, "median": statistics.median_sides[index]})
    return rows


def _maps(data: Data, statistics: Statistics) -> list[tuple[str, str, float]]:
    """Return name, picture and greatest share of each class; shares are in the alpha channel, to fit any page."""
    found = []
    for index in shown_classes(statistics):
        places = statistics.places[index]
        alpha = np.rint(255 * places / max(places.max(), 1e-9)).astype(np.uint8)
        colour = np.broadcast_to(np.array([0, 114, 178], np.uint8), (*alpha.shape, 3))
        picture = as_png(Image.fromarray(np.dstack([colour, alpha])))
        found.append((data.classes[index + 1], picture, float(places.max())))
    return found
