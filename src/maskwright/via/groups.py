"""Photographs that belong together, so that all of them go into one split."""

import re
from collections.abc import Callable, Iterable, Sequence

from maskwright.shared.errors import MaskwrightError
from maskwright.via.findings import Finding, counted
from maskwright.via.lint import merged_entries
from maskwright.via.model import ImageEntry, Problem
from maskwright.via.read import AnnotationFile
from maskwright.via.source import printable

_WHERE = "annotations.group"


def groups_of(files: Sequence[AnnotationFile], group: str) -> tuple[dict[str, str], list[Problem]]:
    """Return file name -> group of the images that have one, and a warning for each file where others have none.

    Args:
        files: all files; each is read.
        group: a file attribute, in any letter case, if an image has it. Else a regular expression, searched for in
            each file name: the group is its first part in parentheses, or all of what it finds.

    Raises:
        MaskwrightError: it is no attribute of any image, and no name matches it or it is no regular expression.
    """
    folded = group.strip().casefold()
    listed = {file.path: list(_named(file)) for file in files}
    has_attribute = any(folded in attributes for entries in listed.values() for _, attributes in entries)
    value = _by_attribute(folded) if has_attribute else _by_pattern(group)
    groups: dict[str, str] = {}
    problems: list[Problem] = []
    for path, entries in listed.items():
        alone = 0
        for filename, attributes in entries:
            found = value(filename, attributes)
            alone += not found
            if found:
                groups[filename] = found
        if alone:
            message = f"{counted(alone, 'image has', 'images have')} no {printable(group, 40)!r}; each is by itself"
            advice = f"none if that is right; else correct it, or {_WHERE}"
            problems.append(Finding("warning", "no-group", message, advice).at(str(path)))
    if not groups:
        raise MaskwrightError(
            f"{_WHERE}: no image has the file attribute {printable(group, 40)!r}, and no file name matches it as a "
            "pattern; correct it, or set it to null"
        )
    return groups, problems


def divided_groups(
    groups: dict[str, str], splits: Iterable[tuple[str, AnnotationFile, frozenset[str] | None]]
) -> list[list[Problem]]:
    """Return for each split's file a warning for each group in it that is in an earlier split too.

    Args:
        groups: see `groups_of`.
        splits: the name of a split, its file, and the images of it that are in the split (None: all).
    """
    home: dict[str, str] = {}
    told: set[tuple[str, str]] = set()
    problems: list[list[Problem]] = []
    for split, file, names in splits:
        here: list[Problem] = []
        problems.append(here)
        for filename, _ in _named(file):
            group = groups.get(filename)
            if group is None or (names is not None and filename not in names):
                continue
            other = home.setdefault(group, split)
            if other != split and (group, split) not in told:
                told.add((group, split))
                message = f"the group {printable(group, 40)!r} is in the {other} split too"
                advice = "move its images into one of the two files: what belongs together makes a test too easy"
                here.append(Finding("warning", "divided-group", message, advice).at(str(file.path)))
    return problems


def _named(file: AnnotationFile) -> Iterable[tuple[str, dict[str, str]]]:
    return ((entry.filename, _attributes(entry)) for entry in merged_entries(file))


def _attributes(entry: ImageEntry) -> dict[str, str]:
    said = {}
    for name, value in entry.attributes.items():
        said[name.strip().casefold()] = value.strip() if isinstance(value, str) else ", ".join(sorted(value))
    return said


def _by_attribute(folded: str) -> Callable[[str, dict[str, str]], str]:
    return lambda _, attributes: attributes.get(folded, "")


def _by_pattern(group: str) -> Callable[[str, dict[str, str]], str]:
    try:
        pattern = re.compile(group)
    except (re.error, RecursionError, OverflowError) as error:
        raise MaskwrightError(
            f"{_WHERE}: no image has the file attribute {printable(group, 40)!r}, and it is no pattern: {error}"
        ) from None

    def value(filename: str, _: dict[str, str]) -> str:
        found = pattern.search(filename)
        if found is None:
            return ""
        return (found.group(1) if pattern.groups else found.group()) or ""

    return value
