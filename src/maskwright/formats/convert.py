"""Annotations from one format into another; everything passes through the checks of `via.lint`.

    convert(Path("labelme"), Path("photos/via.json"), "via")

Read: VIA 1, 2 and 3, COCO and VIA's CSV (`via.read`), LabelMe, YOLO, index masks. Written: VIA 2, COCO, YOLO, index
masks. What another tool annotated becomes a VIA 2 project first, in a temporary folder, so that one reader, one rule
for labels and one set of checks judge them all.
"""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from maskwright.formats import index_masks, labelme, yolo
from maskwright.formats.foreign import Foreign, as_project
from maskwright.formats.targets import (
    FOLDERS,
    NOT_IN_VIA,
    Item,
    Target,
    losses,
    write_coco,
    write_index_masks,
    write_via,
    write_yolo,
)
from maskwright.photos.images import MEGAPIXELS
from maskwright.photos.splits import INDEX
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.parallel import parallel_map
from maskwright.via.failures import summed_up
from maskwright.via.findings import Finding
from maskwright.via.labels import LabelRule
from maskwright.via.lint import check_image, merged_entries, rule_of_file, start_report
from maskwright.via.locate import BESIDE, Places
from maskwright.via.model import CheckedImage, ImageEntry, Problem
from maskwright.via.read import AnnotationFile, entries, open_annotations
from maskwright.via.report import Report, add_image
from maskwright.via.source import AnnotationError, printable

_CHUNK = 64


class LossError(MaskwrightError):
    """A conversion that would lose annotations, and so was not made; `report` has all findings."""

    def __init__(self, message: str, report: Report) -> None:
        super().__init__(message)
        self.report = report


@dataclass(frozen=True)
class _Source:
    """What is converted: `path` as given, its photographs' folder, and a file that `via.read` reads.

    `own` and `places` are where that file's photographs are looked for, as by `check_image`. `drawn_on` has the
    (height, width) at which images were annotated, by file name, where the file cannot hold it.
    """

    path: Path
    variant: str
    folder: Path
    own: Path
    places: Places
    file: AnnotationFile
    classes: tuple[str, ...] | None = None
    problems: tuple[Problem, ...] = ()
    drawn_on: Mapping[str, tuple[int, int]] = field(default_factory=dict)


def convert(
    path: Path,
    out: Path,
    target: Target,
    *,
    images: Path | None = None,
    label: str | None = None,
    classes: Sequence[str] | None = None,
    skip: bool = False,
    tolerance: float = 0.0,
    megapixels: float = MEGAPIXELS,
    workers: int | None = None,
) -> Report:
    """Convert annotations.

    Args:
        path: an annotation file, or a folder of LabelMe files, of YOLO, or of index masks.
        out: the new file (VIA, COCO) or folder (YOLO, index masks).
        target: the format to write.
        images: the photographs' folder; None: where the annotations say.
        label: the region attribute that holds the class, as for `rule_of_file`.
        classes: the classes in index order, as for `rule_of_file`; for a folder without names, their names.
        skip: write what can be written although something is lost.
        tolerance: how far outlines drawn from index masks may be simplified, in pixels; see `mask_to_regions`.
        megapixels: the size of the largest image that is used.
        workers: processes; the available cores if None.

    Returns:
        what `lint` says of the annotations, with what the output cannot hold.

    Raises:
        LossError: something would be lost, and `skip` is not set. Nothing is written.
        MaskwrightError: the annotations cannot be read, `out` is there already, or the photographs do not lie where
            the output could name them.
    """
    if out.exists():
        raise MaskwrightError(f"{out}: is there already; delete it, or name another one")
    with TemporaryDirectory() as scratch:
        foreign = _foreign(path, images, classes, tolerance, workers)
        source = _open(path, foreign, images, Path(scratch) / "project.json")
        _prefix(source.folder, out, target)  # before anything is read
        rule = _rule(source, label, classes)
        report = _started(source, rule)
        items = _items(source, rule, target, report, out, skip=skip, megapixels=megapixels, workers=workers)
        if target == "via":
            texts = {key for entry in entries(source.file) for region in entry.regions for key in region.attributes}
            write_via(items, out, rule.classes, rule.attribute, texts)
        elif target == "coco":
            write_coco(items, out, rule.classes)
        elif target == "yolo":
            write_yolo(items, out, rule.classes)
        else:
            write_index_masks(items, out, rule.classes)
    return report


def _open(path: Path, foreign: Foreign | None, images: Path | None, scratch: Path) -> _Source:
    if foreign is None:
        file = open_annotations(path)
        places = Places.of(file.hints, images=images)
        return _Source(path, file.variant, images or path.parent, path.parent, places, file)
    made, folder = as_project(foreign, scratch), foreign.folder
    return _Source(
        path, foreign.variant, folder, folder, BESIDE, made.file, foreign.classes, made.problems, made.drawn_on
    )


def _foreign(
    path: Path, images: Path | None, classes: Sequence[str] | None, tolerance: float, workers: int | None
) -> Foreign | None:
    """Recognise by its content what `via.read` does not read; None: it is for `via.read` to read or to refuse."""
    if images is not None and not images.is_dir():
        raise MaskwrightError(f"{images}: no such folder; --images names the photographs' folder")
    if path.is_dir():
        if (path / INDEX).is_file():
            return index_masks.read(path, images, classes, tolerance=tolerance, workers=workers)
        if yolo.names_file(path) is not None or any((path / yolo.LABELS).rglob("*.txt")):
            return yolo.read(path, classes)
        if any(map(labelme.is_labelme, sorted(path.rglob("*.json")))):
            return labelme.read(path, images)
        if any(path.rglob("*.png")):
            return index_masks.read(path, images, classes, tolerance=tolerance, workers=workers)
        raise MaskwrightError(
            f"{path}: no LabelMe files, no YOLO labels with their names, and no index masks in it; "
            "of VIA and COCO name the file itself"
        )
    if path.suffix.lower() in (".yaml", ".yml"):
        return yolo.read(path, classes)
    try:
        open_annotations(path)
    except AnnotationError:
        if labelme.is_labelme(path):
            return labelme.read(path, images)
        raise
    return None


def _prefix(folder: Path, out: Path, target: Target) -> str:
    """Return what leads from the output to the photographs' folder: "" or "photos/"."""
    if FOLDERS[target]:
        return ""
    leading = os.path.relpath(folder.resolve(), out.parent.resolve())
    if leading == "." or ".." not in Path(leading).parts:
        return "" if leading == "." else f"{Path(leading).as_posix()}/"
    raise _not_below(out, folder)


def _not_below(out: Path, folder: Path) -> MaskwrightError:
    return MaskwrightError(
        f"{out}: the photographs lie in {folder}, and are found by their path from the file's own folder; put it "
        f"there, as {folder / out.name}"
    )


def _rule(source: _Source, label: str | None, classes: Sequence[str] | None) -> LabelRule:
    try:
        return rule_of_file(source.file, label=label, classes=classes or source.classes)
    except AnnotationError as error:
        raise AnnotationError(str(error).replace(str(source.file.path), str(source.path))) from None


def _started(source: _Source, rule: LabelRule) -> Report:
    report = Report(str(source.path), source.variant, rule.attribute, rule.classes)
    found = start_report(source.file, rule, source.places).problems
    report.problems.extend(replace(problem, file=report.file) for problem in found)
    report.problems.extend(source.problems)
    return report


def _items(
    source: _Source,
    rule: LabelRule,
    target: Target,
    report: Report,
    out: Path,
    *,
    skip: bool,
    megapixels: float,
    workers: int | None,
) -> Iterator[Item]:
    """Yield the checked images while the report fills; at the end, fail if something is lost."""
    check = partial(
        _checked,
        file=source.path,
        folder=source.own,
        rule=replace(rule, problems=()),
        places=source.places,
        target=target,
        megapixels=megapixels,
    )
    dropped: Counter[str] = Counter()
    prefix = _prefix(source.folder, out, target)
    drawn_on = source.drawn_on
    listed = (
        replace(entry, drawn_on=drawn_on.get(entry.filename, entry.drawn_on)) for entry in merged_entries(source.file)
    )
    for entry, checked in parallel_map(check, listed, workers=workers, chunk=_CHUNK):
        add_image(report, checked)
        dropped.update(key for region in entry.regions for key, value in region.attributes.items() if value)
        name = f"{prefix}{_name(entry, checked, source.folder)}"
        if checked.usable:
            name = os.path.normpath(name)
            if Path(name).parts[0] == ".." and not FOLDERS[target]:
                raise _not_below(out, checked.path.parent)
        yield Item(entry, checked, name)
    if target != "via":
        report.problems.extend(_attributes_lost(dropped, rule, report.file))
    refused = [problem for problem in report.problems if _is_loss(problem, target)]
    if refused and not skip:
        lost = summed_up(refused, within=report.file)
        advice = "correct them, or leave them out with --skip"
        raise LossError(f"{source.path}: {lost}. Nothing was written; {advice}", report)


def _checked(
    entry: ImageEntry,
    *,
    file: Path,
    folder: Path,
    rule: LabelRule,
    places: Places,
    target: Target,
    megapixels: float,
) -> tuple[ImageEntry, CheckedImage]:
    """Check an image, and add what the target cannot hold; runs in a worker."""
    checked = check_image(entry, file=file, folder=folder, rule=rule, places=places, megapixels=megapixels)
    path = checked.path if checked.usable else None
    more = tuple(
        finding.at(str(file), checked.entry_name, n, path=path) for n, finding in losses(target, entry, checked)
    )
    return entry, replace(checked, problems=(*checked.problems, *more))


def _name(entry: ImageEntry, checked: CheckedImage, folder: Path) -> str:
    """Return an image's name from its folder, as it is on the disk if it is there."""
    return Path(os.path.relpath(checked.path, folder)).as_posix() if checked.usable else entry.filename


def _attributes_lost(dropped: Counter[str], rule: LabelRule, file: str) -> Iterator[Problem]:
    kept = (rule.attribute or "").strip().casefold()
    for name, count in dropped.items():
        if name.strip().casefold() != kept:
            message = f"the attribute {printable(name, 40)!r}, which {count:,} regions have, is not written"
            yield Finding("warning", "attribute-lost", message, "convert to VIA to keep it").at(file)


def _is_loss(problem: Problem, target: Target) -> bool:
    """Say whether a finding means a loss: VIA holds wrong regions as they are, to be corrected there."""
    if problem.severity != "refused":
        return False
    return target != "via" or problem.code in (NOT_IN_VIA, *index_masks.LOST)
