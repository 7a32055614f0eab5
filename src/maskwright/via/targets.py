"""What `maskwright lint` checks: files, and all annotation files of a folder; by the settings that name them."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from maskwright.photos.images import MEGAPIXELS
from maskwright.shared.errors import MaskwrightError
from maskwright.via.labels import find_label_rule
from maskwright.via.lint import lint, lint_file
from maskwright.via.model import Problem
from maskwright.via.read import AnnotationError, open_annotations
from maskwright.via.report import Report, nothing_usable
from maskwright.via.splits import SPLITS, Source, by_split, file_names, split_sources

if TYPE_CHECKING:
    from maskwright.via.params import Annotations

_SUFFIXES = (".json", ".csv", ".tsv")
# What stands in every VIA or COCO file. A file with one of them that cannot be read is damaged, not something else.
_MARKS = (b'"regions"', b"_via_", b"region_shape_attributes", b'"annotations"', b'"shape_attributes"', b'"fid_list"')
_HEAD = 1 << 20


def annotation_files(folder: Path) -> tuple[list[Path], list[str]]:
    """Return the annotation files in a folder and the folders in it, sorted, and why others were passed over.

    Hidden folders and files are left out. A file that begins as an annotation file and cannot be read is among those
    returned, so that whoever reads it says why.

    Raises:
        MaskwrightError: there is none.
    """
    found: list[Path] = []
    others: list[str] = []
    for path in _candidates(folder):
        try:
            open_annotations(path)
            found.append(path)
        except AnnotationError as error:
            if _begins_as_one(path):
                found.append(path)
            else:
                others.append(str(error))
    if not found:
        why = f" ({others[0]})" if others else ""
        raise MaskwrightError(f"{folder}: no VIA or COCO file in it or in its folders{why}; name one")
    return found, others


def lint_all(
    targets: Sequence[Path],
    annotations: "Annotations | None",
    *,
    label: str | None = None,
    classes: Sequence[str] | None = None,
    images: Path | None = None,
) -> Iterator[Report]:
    """Yield a report on each file.

    Args:
        targets: annotation files.
        annotations: the section of params.yaml, if there is one. The files that it names are read by its
            settings; its limit on photographs is for all files.
        label: as for `find_label_rule`; takes precedence over the settings, as the next two do.
        classes: as for `find_label_rule`.
        images: a folder to look images up in.

    Raises:
        MaskwrightError: as for `lint` and `split_sources`.
    """
    sources = _sources(targets, annotations)
    megapixels = MEGAPIXELS if annotations is None else annotations.megapixels
    reports: dict[Path, Report] = {}
    for target in targets:
        source = next((source for source in sources if _identity(source.file.path) == _identity(target)), None)
        if source is None:
            yield lint(target, label=label, classes=classes, images=images, megapixels=megapixels)
            continue
        if label is not None or classes is not None:
            rule = find_label_rule(source.file, label=label, classes=classes, renames=source.rule.renames)
        else:
            rule = source.rule
        places = source.places if images is None else replace(source.places, images=images)
        report = lint_file(source.file, rule, places, megapixels=megapixels)
        report.problems.extend(source.problems)
        reports[source.file.path] = report
        report.problems.extend(_nothing_in_splits(source, sources, reports))
        yield report


def _nothing_in_splits(source: Source, sources: Sequence[Source], reports: Mapping[Path, Report]) -> list[Problem]:
    """Return the refusal of splits of which nothing can be used, once all files of one with `source` are checked."""
    for split, its in by_split(sources).items():
        files = {each.file.path for each in its}
        if source.file.path in files <= reports.keys():
            found = [reports[file] for file in sorted(files)]
            nothing = nothing_usable(found, needs_regions=split == SPLITS[0])
            if nothing is not None and all(report.lossless for report in found):
                return [nothing]
    return []


def _sources(targets: Sequence[Path], annotations: "Annotations | None") -> list[Source]:
    """Return the sources that the settings name, if any of their files is wanted."""
    if annotations is None:
        return []
    named = [
        _identity(Path(annotations.root, name))
        for names in (annotations.train, annotations.validation, annotations.test)
        for name in file_names(names)
    ]
    if not any(_identity(target) in named for target in targets):
        return []
    return split_sources(annotations)


def _identity(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _candidates(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(place, name)
            if path.suffix.lower() in _SUFFIXES and not name.startswith(".") and path.is_file():
                yield path


def _begins_as_one(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return True  # reading it says why
    return any(mark in head for mark in _MARKS)
