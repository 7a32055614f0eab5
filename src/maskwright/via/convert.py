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

Images stream through processes that check, paint and write. Apart from a set of names, memory does not grow with the
number of images.
"""

import csv
import hashlib
import json
import os
import shlex
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, count
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal

import numpy as np

from maskwright.photos.images import MEGAPIXELS, class_palette, read_mask, write_mask
from maskwright.photos.splits import BOXES, CLASSES, INDEX
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.outputs import replaced_folder
from maskwright.shared.parallel import parallel_map
from maskwright.via.findings import Finding
from maskwright.via.labels import find_label_rule
from maskwright.via.lint import check_image, merged_entries, start_report
from maskwright.via.model import CheckedImage, ImageEntry, Problem
from maskwright.via.rasterise import rasterise
from maskwright.via.read import open_annotations
from maskwright.via.report import Report, add_image, compare_classes, report_as_json
from maskwright.via.source import printable
from maskwright.via.splits import SPLITS, Source, split_sources
from maskwright.via.values import normal_name
from maskwright.via.write import CocoWriter, OneHotArchive, coco_annotations, unlabelled_boxes

if TYPE_CHECKING:  # every worker imports this module, and params takes as long as all the rest
    from maskwright.via.params import Annotations

ONE_FILE = "masks"
"""The name of the only split of `convert_file`."""

OnError = Literal["fail", "skip"]

_BACKGROUND = "background"
_MASKS = "masks"
_REPORT = "report.json"
_SHOWN = 3
# Starting processes takes about a second; in that time one process handles about a hundred images.
_CHUNK = 64
_LONGEST_NAME = 4096


@dataclass(frozen=True, slots=True)
class _Task:
    split: str
    entry: ImageEntry
    mask: str  # path below the split's folder


@dataclass(frozen=True, slots=True)
class _Result:
    split: str
    checked: CheckedImage
    image: str  # path below the annotations' root
    indexed: str  # the image's path as written in the index
    sha256: str  # of the image file
    mask: str
    coco: list[str]
    unlabelled: list[list[float]]


def convert_annotations(
    annotations: "Annotations", out: Path, *, onehot: Path | None = None, workers: int | None = None
) -> dict[str, Report]:
    """Make masks for training, validation and test.

    The classes are those of the training file. If no validation or test file is named, that split is taken from the
    training file: the images with the lowest SHA-256 of "seed/file name" form the test split and the next ones the
    validation split, so adding an image moves few others.

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
    return _convert(
        sources,
        Path(annotations.root),
        out,
        on_error=annotations.on_error,
        onehot=onehot,
        megapixels=annotations.megapixels,
        workers=workers,
    )


def convert_file(
    path: Path,
    out: Path,
    *,
    label: str | None = None,
    classes: Sequence[str] | None = None,
    on_error: OnError = "fail",
    onehot: Path | None = None,
    megapixels: float = MEGAPIXELS,
    workers: int | None = None,
) -> Report:
    """Make masks for one annotation file, as a split called `masks`; images are relative to the file's folder.

    Without `classes`, the classes are the options that the file defines for its label, in their order, provided that
    they include every label in the file. A class without regions then keeps its number, as in a file of predictions.

    Args, errors: as for `convert_annotations`; `label` and `classes` as for `find_label_rule`; `onehot` is the path
        itself; `megapixels` is the size of the largest image that is used.
    """
    file = open_annotations(path)
    rule = find_label_rule(file, label=label, classes=classes)
    if classes is None and rule.attribute is not None:
        options = [name for name in file.options.get(rule.attribute, {}).values() if name != _BACKGROUND]
        if set(rule.classes) <= set(options):
            rule = find_label_rule(file, label=rule.attribute, classes=options)
    source = Source(ONE_FILE, file, rule)
    reports = _convert(
        [source], path.parent, out, on_error=on_error, onehot=onehot, megapixels=megapixels, workers=workers
    )
    return reports[ONE_FILE]


def _convert(
    sources: list[Source],
    root: Path,
    out: Path,
    *,
    on_error: OnError,
    onehot: Path | None,
    megapixels: float,
    workers: int | None,
) -> dict[str, Report]:
    classes = [_BACKGROUND, *sources[0].rule.classes]
    _refuse_loss(out, sources)
    with replaced_folder(out) as folder:
        with ExitStack() as stack:
            writers = {source.split: _SplitWriter(source, folder, stack, onehot is not None) for source in sources}
            make = partial(
                _make_mask,
                sources={s.split: replace(s, rule=replace(s.rule, problems=()), names=None) for s in sources},
                palette=class_palette(len(classes)),
                root=root,
                folder=folder,
                out=out,
                megapixels=megapixels,
            )
            seen: dict[str, str] | None = {} if len({source.file.path for source in sources}) > 1 else None
            for result in parallel_map(make, _tasks(sources), workers=workers, chunk=_CHUNK):
                writers[result.split].add(result, seen)
        reports = {split: writer.report for split, writer in writers.items()}
        for report in list(reports.values())[1:]:
            report.problems.extend(compare_classes(reports[sources[0].split], report))
        if on_error == "fail":
            _fail_on_refusals(sources, reports)
        _fail_on_nothing(sources, reports)
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


def _tasks(sources: list[Source]) -> Iterator[_Task]:
    taken: dict[str, set[str]] = {source.split: set() for source in sources}
    for source in sources:
        if source.names is None:
            for entry in merged_entries(source.file):
                yield _Task(source.split, entry, _mask_name(entry.filename, taken[source.split]))
    sharing = {source.split: source.names for source in sources if source.names is not None}
    if sharing:
        for entry in merged_entries(sources[0].file):
            split = next(split for split, names in sharing.items() if entry.filename in names)
            yield _Task(split, entry, _mask_name(entry.filename, taken[split]))


def _mask_name(filename: str, taken: set[str]) -> str:
    """Choose `masks/IMAGE.png`, keeping the image's suffix if another image already has that name.

    Names are compared without regard to case, as some file systems do. A name that leads out of the folder is cut to
    one that does not; its image will be refused.
    """
    if len(filename) > _LONGEST_NAME:  # an embedded image, to be refused
        return f"{_MASKS}/_.png"
    parts = [part for part in normal_name(filename).split("/") if part not in ("", ".", "..")]
    image = PurePosixPath(_MASKS, *(parts or ["_"]))
    candidates = chain([image.with_suffix(".png")], (image.with_name(f"{image.name}{n or ''}.png") for n in count()))
    name = next(str(candidate) for candidate in candidates if str(candidate).casefold() not in taken)
    taken.add(name.casefold())
    return name


def _make_mask(
    task: _Task,
    *,
    sources: Mapping[str, Source],
    palette: np.ndarray,
    root: Path,
    folder: Path,
    out: Path,
    megapixels: float,
) -> _Result:
    """Check one image and write its mask into `folder`, which will become `out`; runs in a worker."""
    source = sources[task.split]
    path = source.file.path
    checked = check_image(task.entry, file=path, folder=path.parent, rule=source.rule, megapixels=megapixels)
    if not checked.usable:
        return _Result(task.split, checked, "", "", "", "", [], [])
    size = checked.height, checked.width
    write_mask(folder / task.split / task.mask, rasterise(checked.regions, *size), palette)
    crossing = {problem.region for problem in checked.problems if problem.code == "self-crossing"}
    coco = coco_annotations(checked.regions, *size, crossing=crossing)
    unlabelled = unlabelled_boxes(checked.regions, *size)
    # The outlines are no longer needed, and would be most of what is sent back to the parent process.
    regions = tuple(replace(region, geometry={}) for region in checked.regions)
    image = Path(os.path.relpath(checked.path, root)).as_posix()
    indexed = root / image if root.is_absolute() else Path(os.path.relpath(checked.path, out / task.split))
    with checked.path.open("rb") as file:
        # The hash makes whatever depends on the index depend on the photographs, too.
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    checked = replace(checked, regions=regions)
    return _Result(task.split, checked, image, indexed.as_posix(), sha256, task.mask, coco, unlabelled)


class _SplitWriter:
    """The files of one split, open while images arrive."""

    def __init__(self, source: Source, folder: Path, stack: ExitStack, onehot: bool) -> None:
        file, rule = source.file, source.rule
        # Findings about a file as a whole are reported once, with its first split.
        whole = source.names is None or source.split == SPLITS[0]
        self.report = (
            start_report(file, rule) if whole else Report(str(file.path), file.variant, rule.attribute, rule.classes)
        )
        self._folder = folder / source.split
        self._folder.mkdir()
        self._file = str(file.path)
        table = stack.enter_context(
            (self._folder / INDEX).open("w", encoding="utf-8", errors="surrogateescape", newline="")
        )
        self._table = csv.writer(table, lineterminator="\n")
        self._table.writerow(["image", "mask", "height", "width", "sha256"])
        self._coco = stack.enter_context(CocoWriter(self._folder / BOXES, rule.classes))
        self._onehot = None
        if onehot:
            archive = OneHotArchive(folder / _archive(source.split), len(rule.classes) + 1)
            self._onehot = stack.enter_context(archive)

    def add(self, result: _Result, seen: dict[str, str] | None) -> None:
        """Write one image's rows; `seen` maps each image so far to its split (None if splits cannot share images)."""
        checked = result.checked
        add_image(self.report, checked)
        if not checked.usable:
            return
        self._table.writerow([result.indexed, result.mask, checked.height, checked.width, result.sha256])
        self._coco.add(result.image, checked.height, checked.width, result.coco, result.unlabelled)
        if self._onehot is not None:
            self._onehot.add(checked.entry_name, read_mask(self._folder / result.mask))
        other = result.split if seen is None else seen.setdefault(result.image, result.split)
        if other != result.split:
            message = f"also in the {other} split"
            advice = "keep it in one of them: a test on images seen in training proves nothing"
            finding = Finding("warning", "in-two-splits", message, advice)
            self.report.problems.append(finding.at(self._file, checked.entry_name))


def _archive(split: str) -> str:
    return f"{split}.npz"


def _fail_on_refusals(sources: list[Source], reports: dict[str, Report]) -> None:
    refused = [p for report in reports.values() for p in report.problems if p.severity == "refused"]
    if not refused:
        return
    shown = "; ".join(_one_line(problem) for problem in refused[:_SHOWN])
    more = f"; and {len(refused) - _SHOWN:,} more" if len(refused) > _SHOWN else ""
    files = {problem.file for problem in refused}
    commands: dict[str, str] = {}
    for source in sources:
        if str(source.file.path) in files:
            commands.setdefault(str(source.file.path), _lint_command(source, training=source is sources[0]))
    lint = "` and `".join(commands.values())
    skip = "`--skip`" if ONE_FILE in reports else "annotations.on_error: skip"
    raise MaskwrightError(
        f"{'1 finding' if len(refused) == 1 else f'{len(refused):,} findings'} that would lose annotations: "
        f"{shown}{more}. See all with `{lint}` and correct them, or leave them out with {skip}"
    )


def _one_line(problem: Problem) -> str:
    place = [problem.file]
    if problem.image is not None:
        place.append(printable(problem.image))
    if problem.region is not None:
        place.append(f"region {problem.region}")
    return f"{', '.join(place)}: {problem.message}"


def _lint_command(source: Source, *, training: bool) -> str:
    parts = ["maskwright", "lint", str(source.file.path)]
    if not training:
        # On its own, this file might be read by another attribute, or with other classes.
        if source.rule.attribute is not None:
            parts += ["--label", source.rule.attribute]
        parts += ["--classes", ",".join(source.rule.classes)]
    return shlex.join(parts)


def _fail_on_nothing(sources: list[Source], reports: dict[str, Report]) -> None:
    for source in sources:
        report = reports[source.split]
        if report.images == report.images_unusable:
            where = f"{report.file}" if source.names is None else f"{report.file}: the {source.split} share"
            raise MaskwrightError(
                f"{where}: none of its {report.images:,} images can be used; see `maskwright lint {report.file}`"
            )
    training = reports[sources[0].split]
    if not training.per_class.total():
        raise MaskwrightError(
            f"{training.file}: none of the {training.regions:,} regions for training can be used as one of "
            f"{', '.join(training.classes)}; see `maskwright lint {training.file}`"
        )


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
            foreign += [f"{split}/{name}" for name in sorted(names - {INDEX, BOXES, CLASSES, _MASKS})]
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
