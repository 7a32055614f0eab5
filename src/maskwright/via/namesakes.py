"""Images that an annotation file lists more than once: one photograph, or several of the same name.

VIA identifies a photograph by its name and its size in bytes. So entries of one name whose sizes differ are different
photographs, and entries without a size belong to the photograph of that name, if there is only one.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from maskwright.via.findings import Finding
from maskwright.via.model import ImageEntry, Region

CONTRADICTING = (0, 0)
"""The size on which a photograph was annotated, by entries that give different ones."""


def photographs_of(mentions: Sequence[ImageEntry]) -> list[list[ImageEntry]]:
    """Group the entries of one name by photograph, in the order of their first entries."""
    sizes = {mention.size for mention in mentions if mention.size > 0}
    groups: dict[int, list[ImageEntry]] = {}
    for mention in mentions:
        groups.setdefault(mention.size if len(sizes) > 1 and mention.size > 0 else 0, []).append(mention)
    return list(groups.values())


def merged_mentions(mentions: Sequence[ImageEntry]) -> list[ImageEntry]:
    """Return one entry for each photograph of one name, with the regions of all its entries.

    Equal regions are kept once, and the numbering continues from entry to entry. The entry of a photograph has a size
    if one of its entries has.
    """
    merged = [merge(group) for group in photographs_of(mentions)]
    sizes = [entry.size for entry in merged]
    return [
        replace(entry, namesakes=tuple(sizes[:number] + sizes[number + 1 :])) for number, entry in enumerate(merged)
    ]


def merge(mentions: Sequence[ImageEntry]) -> ImageEntry:
    """Return one photograph's entries as one entry."""
    regions = list(mentions[0].regions)
    for mention in mentions[1:]:
        known = Counter(map(_content, regions))
        for region in mention.regions:
            content = _content(region)
            if known[content] > 0:
                known[content] -= 1
            else:
                regions.append(region)
    numbered = tuple(replace(region, number=number) for number, region in enumerate(regions))
    size = next((mention.size for mention in mentions if mention.size > 0), mentions[0].size)
    drawn = {mention.drawn_on for mention in mentions if mention.drawn_on}
    drawn_on = CONTRADICTING if len(drawn) > 1 else next(iter(drawn), None)
    return replace(mentions[0], regions=numbered, size=size, drawn_on=drawn_on)


def repetition(mentions: Sequence[ImageEntry], listed: str = "") -> Finding | None:
    """Say that entries of one photograph are used together; None if there is only one.

    Args:
        mentions: the entries.
        listed: how they are listed; how many times, if empty.
    """
    if len(mentions) < 2:
        return None
    together = len(merge(mentions).regions)
    counts = [len(mention.regions) for mention in mentions]
    listed = listed or f"listed {len(counts)} times"
    if max(counts) == together:
        message = f"{listed}, always with the same regions ({together}); used once"
    else:
        message = (
            f"{listed}, with different regions ({' and '.join(map(str, counts))}); the {together} that differ are "
            f"used together, numbered from 0 to {together - 1}"
        )
    return Finding("warning", "repeated-image", message, "none if that is right; else delete the wrong entry")


def is_another(entry: ImageEntry, path: Path) -> Finding | None:
    """Say why a file is not the photograph that an entry means; None if the file lists no other of this name."""
    if not entry.namesakes:
        return None
    bytes_now = path.stat().st_size
    if entry.size == bytes_now:
        return None
    others = " and ".join(f"{size:,} bytes" for size in entry.namesakes if size > 0)
    if entry.size <= 0:
        message = f"the file lists other photographs of this name ({others}), and does not say which one this is"
        return Finding("refused", "which-photograph", message, "delete this entry, or give each its own name")
    message = f"this entry means a photograph of {entry.size:,} bytes; the file of this name has {bytes_now:,}" + (
        " and is another one of the list" if bytes_now in entry.namesakes else ""
    )
    advice = "give each photograph its own name, in the folder and in the annotation file, or delete the wrong entry"
    return Finding("refused", "other-photograph", message, advice)


def _content(region: Region) -> tuple[object, ...]:
    """Return what makes two regions equal, and can be looked up."""
    return region.shape, frozenset(region.geometry.items()), frozenset(region.attributes.items()), region.unlabelled
