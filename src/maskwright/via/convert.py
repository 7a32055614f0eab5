"""From annotation files to training data: a folder for each split, and a report.

    out/report.json              what was used (with or without a warning) and what was refused
    out/SPLIT/index.csv          image, mask, height, width in pixels, SHA-256 of the image file; both paths are
                                 relative to this folder, except that the image's is absolute if the annotations'
                                 root is
    out/SPLIT/boxes.coco.json    the same annotations as COCO: each region's outline and box, cut off at the image's
                                 borders; the boxes of regions of unknown class are the image's `unlabelled`; images
                                 are in index order, named by their path from the annotations' root
    out/SPLIT/classes.json       ["background", "cat", "dog"]: a pixel's value is a position in this list, which is
                                 the same in all splits
    out/SPLIT/masks/IMAGE.png    (H, W) uint8 index mask with a palette; 255 where the class is unknown
    out/SPLIT/objects/IMAGE.png  (H, W) uint16, which object each pixel belongs to: see `objects`. 0 where there is
                                 none, 65,535 where the class is unknown
    out/SPLIT/objects.coco.json  these objects as COCO, by run lengths; see `objects.coco_objects`

Images stream through processes that check, paint and write. Apart from a set of names, memory does not grow with the
number of images.
"""

import csv
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from maskwright.photos.images import MEGAPIXELS, class_palette, read_mask, write_mask
from maskwright.photos.objects import UNKNOWN_OBJECT, write_objects
from maskwright.photos.splits import BOXES, CLASSES, INDEX, MASKS, NUMBERS, OBJECTS, numbers_of
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.outputs import replaced_folder
from maskwright.shared.parallel import parallel_map
from maskwright.via.failures import fail_on_nothing, fail_on_refusals, unlabelled_shares
from maskwright.via.findings import Finding
from maskwright.via.gather import gather
from maskwright.via.lint import rule_of_file, start_report
from maskwright.via.locate import Places
from maskwright.via.mask_names import NO_MASK, MaskNames
from maskwright.via.model import CheckedImage, ImageEntry
from maskwright.via.objects import coco_objects, object_numbers
from maskwright.via.rasterise import all_spans, painted
from maskwright.via.read import AnnotationFile, open_annotations
from maskwright.via.report import Report, add_image, compare_classes, joined, report_as_json
from maskwright.via.source import printable
from maskwright.via.splits import SPLITS, Source, by_split, split_sources
from maskwright.via.write import CocoWriter, OneHotArchive, coco_annotations, unlabelled_boxes

if TYPE_CHECKING:  # every worker imports this module, and params takes as long as all the rest
    from maskwright.via.params import Annotations

ONE_FILE = "masks"
"""The name of the only split of `convert_file`."""

OnError = Literal["fail", "skip"]

_BACKGROUND = "background"
_REPORT = "report.json"
_IN_A_SPLIT = frozenset({INDEX, BOXES, CLASSES, MASKS, OBJECTS, NUMBERS})
# Starting processes takes about a second; in that time one process handles about a hundred images.
_CHUNK = 64


@dataclass(frozen=True, slots=True)
class _Task:
    source: int  # position among the sources
    entry: ImageEntry
    mask: str  # path below the split's folder
    remark: Finding | None  # on how the image is listed


@dataclass(frozen=True, slots=True)
class _Result:
    split: str
    file: str  # the annotation file
    checked: CheckedImage
    image: str  # path below the annotations' root
    indexed: str  # the image's path as written in the index
    sha256: str  # of the image file
    mask: str
    coco: list[str]
    objects: list[str]
    unlabelled: list[list[float]]


def convert_annotations(
    annotations: "Annotations", out: Path, *, onehot: Path | None = None, workers: int | None = None
) -> dict[str, Report]:
    """Make masks for training, validation and test.

    The classes are those of the training files. If no validation or test file is named, that split is taken from the
    training files: the images (or groups) with the lowest SHA-256 of "seed/file name" (or "seed/group") form the test
    split and the next ones the validation split, so adding an image moves few others. With `annotations.folds` they
    are divided into folds instead, see `folds.fold_names`.

    Args:
        annotations: which files, and how to read them.
        out: the folder to create; it appears in one step when everything is done. An earlier output of this function
            is replaced.
        onehot: also write `<stem>-<split>.npz` beside this path; see `OneHotArchive`. The keys are image file names.
        workers: processes; the available cores if None.

    Returns:
        a report for each split.

    Raises:
        MaskwrightError: a file cannot be read; something was refused and `on_error` is "fail" (all files are checked
            to the end first); a split has no usable image; the training file has no usable region; `out` holds files
            that this function did not write. Nothing is left behind.
    """
    sources = split_sources(annotations)
    root = Path(annotations.root)
    return _convert(sources, root, out, on_error=annotations.on_error, onehot=onehot, workers=workers)


def convert_file(
    path: Path,
    out: Path,
    *,
    label: str | None = None,
    classes: Sequence[str] | None = None,
    images: Path | None = None,
    on_error: OnError = "fail",
    onehot: Path | None = None,
    megapixels: float = MEGAPIXELS,
    workers: int | None = None,
) -> Report:
    """Make masks for one annotation file, as a split called `masks`; images are relative to the file's folder.

    `images` is another folder to look them up in.

    Args, errors: as for `convert_annotations`; `label` and `classes` as for `lint.rule_of_file`; `onehot` is the path
        itself; `megapixels` is the size of the largest image that is used.
    """
    file = open_annotations(path)
    rule = rule_of_file(file, label=label, classes=classes)
    places = Places.of(file.hints, images=images)
    source = Source(ONE_FILE, file, rule, places=places, megapixels=megapixels)
    return _convert([source], path.parent, out, on_error=on_error, onehot=onehot, workers=workers)[ONE_FILE]


def _convert(
    sources: list[Source], root: Path, out: Path, *, on_error: OnError, onehot: Path | None, workers: int | None
) -> dict[str, Report]:
    classes = [_BACKGROUND, *sources[0].rule.classes]
    _refuse_loss(out, sources)
    with replaced_folder(out) as folder:
        with ExitStack() as stack:
            writers = {
                split: _SplitWriter(its, folder, stack, onehot is not None)
                for split, its in by_split(sources).items()
            }
            make = partial(
                _make_mask,
                sources=[_slim(source) for source in sources],
                palette=class_palette(len(classes)),
                root=root,
                folder=folder,
                out=out,
            )
            seen: dict[str, str] | None = {} if len({source.file.path for source in sources}) > 1 else None
            for result in parallel_map(make, _tasks(sources), workers=workers, chunk=_CHUNK):
                writers[result.split].add(result, seen)
        reports = {split: writer.report for split, writer in writers.items()}
        for report in list(reports.values())[1:]:
            report.problems.extend(compare_classes(reports[sources[0].split], report))
        if on_error == "fail":
            fail_on_refusals(sources, reports, "`--skip`" if ONE_FILE in reports else "annotations.on_error: skip")
        fail_on_nothing(sources, reports)
        for split, problem in unlabelled_shares(sources, reports):
            reports[split].problems.append(problem)
        for split in reports:
            path = folder / split / CLASSES
            path.write_text(_as_text(classes), encoding="utf-8", errors="backslashreplace")
        contents = {split: report_as_json(report) for split, report in reports.items()}
        (folder / _REPORT).write_text(_as_text(contents), encoding="utf-8")
        if onehot is not None:
            onehot.parent.mkdir(parents=True, exist_ok=True)
            for split in reports:
                target = onehot if split == ONE_FILE else onehot.with_name(f"{onehot.stem}-{split}.npz")
                shutil.move(folder / _archive(split), target)
    return reports


def _slim(source: Source) -> Source:
    """Return what a worker needs of a source; it is sent with every few images."""
    file = AnnotationFile(source.file.path, source.file.variant)
    return replace(source, file=file, rule=replace(source.rule, problems=()), names=None, problems=())


def _tasks(sources: list[Source]) -> Iterator[_Task]:
    names = {source.split: MaskNames() for source in sources}
    for number, entry, remark in gather(sources):
        source = sources[number]
        # What will be refused needs no name of its own, least of all that of the photograph that it was taken for.
        mask = names[source.split].choose(entry.filename) if source.is_meant(entry) else NO_MASK
        yield _Task(number, entry, mask, remark)


def _make_mask(
    task: _Task, *, sources: Sequence[Source], palette: np.ndarray, root: Path, folder: Path, out: Path
) -> _Result:
    """Check one image and write its mask into `folder`, which will become `out`; runs in a worker."""
    source = sources[task.source]
    split = source.split
    checked = source.check(task.entry)
    if task.remark is not None:
        there = checked.path if checked.usable else None
        remark = task.remark.at(str(source.file.path), checked.entry_name, path=there)
        checked = replace(checked, problems=(remark, *checked.problems))
    if not checked.usable:
        return _Result(split, str(source.file.path), checked, "", "", "", "", [], [], [])
    size = checked.height, checked.width
    numbers = object_numbers(checked.regions)
    objects = painted(all_spans(checked.regions, *size), numbers.astype(np.uint16), *size)
    class_of = np.zeros(UNKNOWN_OBJECT + 1, np.uint8)
    class_of[numbers] = [region.class_index for region in checked.regions]
    write_mask(folder / split / task.mask, class_of[objects], palette)
    write_objects(folder / split / numbers_of(task.mask), objects)
    crossing = {problem.region for problem in checked.problems if problem.code == "self-crossing"}
    coco = coco_annotations(checked.regions, *size, crossing=crossing)
    of_objects = coco_objects(objects, checked.regions, numbers, crossing=crossing)
    unlabelled = unlabelled_boxes(checked.regions, *size)
    # The outlines are no longer needed, and would be most of what is sent back to the parent process.
    regions = tuple(replace(region, geometry={}) for region in checked.regions)
    image = Path(os.path.relpath(checked.path, root)).as_posix()
    indexed = root / image if root.is_absolute() else Path(os.path.relpath(checked.path, out / split))
    with checked.path.open("rb") as file:
        # The hash makes whatever depends on the index depend on the photographs, too.
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    checked = replace(checked, regions=regions)
    return _Result(
        split,
        str(source.file.path),
        checked,
        image,
        indexed.as_posix(),
        sha256,
        task.mask,
        coco,
        of_objects,
        unlabelled,
    )


class _SplitWriter:
    """The files of one split, open while images arrive."""

    def __init__(self, sources: list[Source], folder: Path, stack: ExitStack, onehot: bool) -> None:
        self.report = joined([_started(source) for source in sources])
        split, rule = sources[0].split, sources[0].rule
        self._folder = folder / split
        self._folder.mkdir()
        table = stack.enter_context(
            (self._folder / INDEX).open("w", encoding="utf-8", errors="surrogateescape", newline="")
        )
        self._table = csv.writer(table, lineterminator="\n")
        self._table.writerow(["image", "mask", "height", "width", "sha256"])
        self._coco = stack.enter_context(CocoWriter(self._folder / BOXES, rule.classes))
        self._objects = stack.enter_context(CocoWriter(self._folder / OBJECTS, rule.classes))
        self._onehot = None
        self._keys: set[str] = set()  # of the archive
        if onehot:
            archive = OneHotArchive(folder / _archive(split), len(rule.classes) + 1)
            self._onehot = stack.enter_context(archive)

    def add(self, result: _Result, seen: dict[str, str] | None) -> None:
        """Write one image's rows; `seen` maps each image so far to its split (None if splits cannot share images)."""
        checked = result.checked
        add_image(self.report, checked)
        if not checked.usable:
            return
        self._table.writerow([result.indexed, result.mask, checked.height, checked.width, result.sha256])
        self._coco.add(result.image, checked.height, checked.width, result.coco, result.unlabelled)
        self._objects.add(result.image, checked.height, checked.width, result.objects)
        if self._onehot is not None:
            # Photographs of one name are told apart by their folders.
            key = result.image if checked.entry_name in self._keys else checked.entry_name
            self._keys.add(key)
            self._onehot.add(key, read_mask(self._folder / result.mask))
        other = result.split if seen is None else seen.setdefault(result.image, result.split)
        if other != result.split:
            message = f"also in the {other} split"
            advice = "keep it in one of them: a test on images seen in training proves nothing"
            finding = Finding("warning", "in-two-splits", message, advice)
            self.report.problems.append(finding.at(result.file, checked.entry_name, path=checked.path))


def _started(source: Source) -> Report:
    file, rule = source.file, source.rule
    # Findings about a file as a whole are reported once, with its first split.
    whole = source.names is None or source.split == SPLITS[0]
    report = (
        start_report(file, rule, source.places)
        if whole
        else Report(str(file.path), file.variant, rule.attribute, rule.classes)
    )
    report.problems.extend(source.problems)
    return report


def _archive(split: str) -> str:
    return f"{split}.npz"


def _refuse_loss(out: Path, sources: list[Source]) -> None:
    """Raise an error if replacing `out` would delete anything but an earlier output."""
    target = out.resolve()
    for source in sources:
        if source.file.path.resolve().is_relative_to(target):
            raise MaskwrightError(f"{out}: holds {source.file.path}, and would be replaced; name a new folder")
    if not out.exists():
        return
    if not out.is_dir():
        raise MaskwrightError(f"{out}: a file, not a folder; name a new folder")
    found = _names_in(out)
    splits = found.intersection((*SPLITS, ONE_FILE))
    inside = {split: _names_in(out / split) for split in splits if (out / split).is_dir()}
    # A folder that merely contains "train" and "test" is more likely a set of photographs.
    if _REPORT in found and splits and all({INDEX, CLASSES} <= inside.get(split, set()) for split in splits):
        foreign = sorted(found - splits - {_REPORT})
        for split, names in sorted(inside.items()):
            foreign += [f"{split}/{name}" for name in sorted(names - _IN_A_SPLIT)]
    else:
        foreign = sorted(found)
    if foreign:
        raise MaskwrightError(
            f"{out}: holds {printable(foreign[0])!r}, which may not be this command's and would be deleted; "
            "name a new folder"
        )


def _names_in(folder: Path) -> set[str]:
    return {item.name for item in folder.iterdir()}


def _as_text(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
