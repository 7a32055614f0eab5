"""The effects of settings, and the claims, ready to be shown."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from maskwright.report.files import read_json, read_table, to_number
from maskwright.report.pictures import Picture, embedded_picture
from maskwright.report.wording import label

_PICTURES = ("forest", "main_effects")


class Effect(NamedTuple):
    """What a change of a setting did, with the intervals over the seeds and over the test examples, and Holm's p."""

    term: str
    change: str
    estimate: float | str
    seeds: tuple[float | str, float | str]
    test: tuple[float | str, float | str]
    p: float | str


class Analysis(NamedTuple):
    """The effects of a sweep on one response."""

    sweep: str
    response: str
    about: Mapping[str, Any]
    effects: list[Effect]
    pictures: list[Picture]


def read_effects(folder: Path) -> list[Analysis]:
    """Return the analyses in results/effects that were made here, by sweep and response.

    Their tables come with the project, and their pictures do not: what has none may be about other data.

    Raises:
        MaskwrightError: a file is damaged.
    """
    return [
        Analysis(
            path.parents[2].name,
            path.parent.name,
            read_json(path.parent / "metrics.json"),
            [_effect(row) for row in read_table(path)],
            [
                embedded_picture(picture, f"{path.parents[2].name}, {label(path.parent.name)}: {label(name)}")
                for name in _PICTURES
                if (picture := path.parents[2] / "plots" / path.parent.name / f"{name}.png").is_file()
            ],
        )
        for path in sorted(folder.glob("*/tables/*/effects.csv"))
        if (path.parents[2] / "plots").is_dir()
    ]


def _effect(row: Mapping[str, str]) -> Effect:
    def cell(name: str) -> float | str:
        return to_number(row.get(name, ""))

    intervals = (cell("low"), cell("high")), (cell("test_low"), cell("test_high"))
    return Effect(row.get("term", ""), row.get("change", ""), cell("estimate"), *intervals, cell("p_holm"))


class Claims(NamedTuple):
    """The rows of a table of claims, and how often each verdict occurs."""

    title: str
    rows: Sequence[Mapping[str, Any]]
    verdicts: list[tuple[str, int]]


def read_claims(path: Path) -> list[Claims]:
    """Return the tables in results/claims.json; what was not measured is left out.

    Raises:
        MaskwrightError: the file is damaged.
    """
    tables = read_json(path)
    found = []
    for name, title in (("sources", "What the sources say"), ("found", "What we found")):
        listed = tables.get(name, [])
        rows = [row for row in listed if isinstance(row, dict) and row.get("measured") is not None]
        if rows:
            found.append(Claims(title, rows, Counter(str(row.get("verdict")) for row in rows).most_common()))
    return found


def range_text(row: Mapping[str, Any]) -> str:
    """Write the range in which a claim's number must lie."""
    low, high = row.get("holds_from"), row.get("holds_to")
    sign = "≈ " if row.get("equivalence") else ""
    if low is None and high is None:
        return ""
    if low is None:
        return f"{sign}at most {high:g}"
    return f"{sign}at least {low:g}" if high is None else f"{sign}{low:g} to {high:g}"
