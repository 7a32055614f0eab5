"""The images of all splits, each once, also where several files of one split list the same photograph."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from maskwright.via.findings import Finding
from maskwright.via.labels import LabelRule, label_of
from maskwright.via.lint import merged_entries
from maskwright.via.model import ImageEntry, Region
from maskwright.via.namesakes import merge, repetition
from maskwright.via.splits import Source


class Gathered(NamedTuple):
    """An image of a split: the position of its source, its entry, and a finding on how it is listed."""

    source: int
    entry: ImageEntry
    remark: Finding | None = None


class _Mention(NamedTuple):
    source: int
    filename: str
    size: int


def gather(sources: Sequence[Source]) -> Iterator[Gathered]:
    """Yield the images of all sources, each file's in its order.

    A file that serves several splits is read once for all of them. A photograph that several files of one split list
    comes last, as one image with the regions of all of them.
    """
    shared = _shared(sources)
    kept: dict[_Mention, ImageEntry] = {}
    alone = [[number] for number, source in enumerate(sources) if source.names is None]
    serving: dict[Path, list[int]] = {}
    for number, source in enumerate(sources):
        if source.names is not None:
            serving.setdefault(source.file.path, []).append(number)
    for numbers in (*alone, *serving.values()):
        for entry in merged_entries(sources[numbers[0]].file):
            number = next(n for n in numbers if _serves(sources[n], entry))
            mention = _Mention(number, entry.filename, entry.size)
            if mention in shared:
                kept[mention] = entry
            else:
                yield Gathered(number, entry)
    for mentions in dict.fromkeys(shared.values()):
        yield _together(sources, [(mention.source, kept[mention]) for mention in mentions])


def _serves(source: Source, entry: ImageEntry) -> bool:
    return source.names is None or entry.filename in source.names


def _shared(sources: Sequence[Source]) -> dict[_Mention, tuple[_Mention, ...]]:
    """Return all mentions of photographs that several files of one split list, each with all mentions of its own."""
    splits = [source.split for source in sources]
    found: dict[tuple[str, Path], list[_Mention]] = {}
    for number, source in enumerate(sources):
        if splits.count(source.split) == 1:
            continue
        for entry in merged_entries(source.file):
            if _serves(source, entry):
                path, problem, _ = source.locate(entry)
                if problem is None:
                    mention = _Mention(number, entry.filename, entry.size)
                    found.setdefault((source.split, path.resolve()), []).append(mention)
    several = [tuple(mentions) for mentions in found.values() if len({m.source for m in mentions}) > 1]
    return {mention: mentions for mentions in several for mention in mentions}


def _together(sources: Sequence[Source], mentions: list[tuple[int, ImageEntry]]) -> Gathered:
    """Return the mentions of one photograph as one, with labels under the attribute of the first labelled file."""
    labelled = [number for number, _ in mentions if sources[number].rule.attribute is not None]
    first = labelled[0] if labelled else mentions[0][0]
    rule = sources[first].rule
    mentions.sort(key=lambda mention: mention[0] != first)
    entries = [
        replace(entry, regions=tuple(_relabelled(region, sources[number].rule, rule) for region in entry.regions))
        for number, entry in mentions
    ]
    files = " and ".join(dict.fromkeys(str(sources[number].file.path) for number, _ in mentions))
    return Gathered(first, merge(entries), repetition(entries, f"listed in {files}"))


def _relabelled(region: Region, own: LabelRule, rule: LabelRule) -> Region:
    """Return a region whose label stands where `rule` looks for it."""
    if rule.attribute is None or own.attribute == rule.attribute:
        return region
    label = own.classes[0] if own.attribute is None else label_of(region, own)
    attributes = {name: value for name, value in region.attributes.items() if name != own.attribute}
    return replace(region, attributes={**attributes, rule.attribute: label})
