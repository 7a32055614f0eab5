"""What is said about each photograph and about the whole, and which photographs are shown first."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from maskwright.looking.hashing import Pair
from maskwright.looking.masks import Data, Remark
from maskwright.looking.statistics import SMALL, Statistics
from maskwright.via.findings import counted

SEVERITIES = ("refused", "leak", "warning", "note")
"""The worst first."""


class Headline(NamedTuple):
    """One line about the whole, and the part of the page that says more."""

    severity: str
    text: str
    part: str


def all_remarks(data: Data, pairs: Sequence[Pair], statistics: Statistics) -> list[list[Remark]]:
    """Return for each photograph what the checks and this look found, the worst first."""
    found = [list(photograph.remarks) for photograph in data.photographs]
    for pair in pairs:
        for here, there in ((pair.second, pair.first), (pair.first, pair.second)):
            found[here].append(_lookalike(data, pair, here, there))
    small: dict[int, list[float]] = {}
    for owner, side in zip(data.owner.tolist(), statistics.sides.tolist(), strict=True):
        if side < SMALL:
            small.setdefault(owner, []).append(side)
    for position, sides in small.items():
        found[position].append(_small(sides))
    for remarks in found:
        remarks.sort(key=lambda remark: SEVERITIES.index(remark.severity))
    return found


def _lookalike(data: Data, pair: Pair, here: int, there: int) -> Remark:
    other, mirrored = data.photographs[there], " mirrored" if pair.mirrored else ""
    if is_leak(data, pair):
        message = f"looks like {other.name}{mirrored}, which is in the {other.split} split"
        advice = "keep both in one split: a test on what was seen in training proves nothing"
        return Remark("leak", "look-alike-in-two-splits", message, advice)
    message = f"looks like {other.name}{mirrored}"
    advice = "keep both in one split, or delete one of them"
    return Remark("note", "look-alike", message, advice)


def _small(sides: Sequence[float]) -> Remark:
    what = "1 object is" if len(sides) == 1 else f"{len(sides):,} objects are"
    message = f"{what} small to the network (smallest side {min(sides):.1f} of its pixels)"
    return Remark("note", "small-object", message, "raise segmentation.size, or do not expect them to be found")


def is_leak(data: Data, pair: Pair) -> bool:
    """Say whether the two are in different splits."""
    return data.photographs[pair.first].split != data.photographs[pair.second].split


def worst_first(remarks: Sequence[Sequence[Remark]], most: int) -> list[int]:
    """Choose which photographs to show, and in which order.

    First come those with findings: by their worst severity, then by how rare that kind of finding is (what happens
    once is more likely a mistake than what happens everywhere), then by how many there are. What room is left goes to
    photographs without findings, taken at even distances from all of them.

    Args:
        remarks: of each photograph.
        most: how many to show.

    Returns:
        their positions.
    """
    common = Counter(remark.code for each in remarks for remark in each)

    def rank(position: int) -> tuple[int, int, int]:
        severity = min(SEVERITIES.index(remark.severity) for remark in remarks[position])
        worst = [remark.code for remark in remarks[position] if remark.severity == SEVERITIES[severity]]
        return severity, min(common[code] for code in worst), -len(worst)

    found = sorted((position for position, each in enumerate(remarks) if each), key=rank)
    others = [position for position, each in enumerate(remarks) if not each]
    room = min(max(0, most - len(found)), len(others))
    spread = [others[int((place + 0.5) * len(others) / room)] for place in range(room)]
    return [*found[:most], *spread]


def headlines(data: Data, pairs: Sequence[Pair], statistics: Statistics) -> Iterator[Headline]:
    """Yield what a reader should know first, the worst first."""
    of_files = [remark for entry in data.unusable for remark in entry.remarks]
    of_photographs = [remark for photograph in data.photographs for remark in photograph.remarks]
    refused, warned = (
        Counter(remark.code for remark in [*of_files, *of_photographs] if remark.severity == severity)
        for severity in ("refused", "warning")
    )
    if refused:
        yield Headline("refused", f"{counted(refused.total(), 'annotation')} left out: {_kinds(refused)}", "findings")
    leaking = {pair.second for pair in pairs if is_leak(data, pair)}
    if leaking:
        looks = "photograph looks" if len(leaking) == 1 else "photographs look"
        yield Headline("leak", f"{len(leaking):,} {looks} like one of another split", "alike")
    yield from _absent(data, statistics)
    if warned:
        yield Headline("warning", f"{counted(warned.total(), 'warning')}: {_kinds(warned)}", "findings")
    within = len(pairs) - len(leaking)
    if within:
        looks = "photograph looks" if within == 1 else "photographs look"
        where = "an earlier one of its split" if len(data.splits) > 1 else "an earlier one"
        yield Headline("note", f"{within:,} {looks} like {where}", "alike")
    small = int(statistics.small.sum())
    if small:
        share = small / len(data.label)
        text = f"{counted(small, 'object')} of {len(data.label):,} ({share:.0%}) under {SMALL:g} network pixels"
        yield Headline("note", text, "sizes")
    if statistics.empty:
        yield Headline("note", f"{counted(len(statistics.empty), 'photograph')} without objects", "empty")


def _absent(data: Data, statistics: Statistics) -> Iterator[Headline]:
    for index, name in enumerate(data.classes[1:]):
        absent = [
            split for split, of_split in zip(data.splits, statistics.objects, strict=True) if not of_split[index]
        ]
        if absent:
            where = f"in {' and '.join(absent)}" if len(data.splits) > 1 else "at all"
            yield Headline("warning", f"no object of the class {name} {where}", "classes")


def _kinds(codes: Counter[str]) -> str:
    return ", ".join(f"{count:,} {code}" for code, count in codes.most_common())


def kinds(data: Data, remarks: Sequence[Sequence[Remark]]) -> Mapping[tuple[str, str], list[tuple[str, Remark]]]:
    """Return all remarks by severity and code, the worst first, each with what it is about."""
    found: dict[tuple[str, str], list[tuple[str, Remark]]] = {}
    about = [(entry.name or "the whole file", entry.remarks) for entry in data.unusable]
    about += [(photograph.name, each) for photograph, each in zip(data.photographs, remarks, strict=True)]
    for name, each in about:
        for remark in each:
            found.setdefault((remark.severity, remark.code), []).append((name, remark))
    return dict(sorted(found.items(), key=lambda item: SEVERITIES.index(item[0][0])))
