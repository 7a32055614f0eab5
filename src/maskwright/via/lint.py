"""Checking annotation files: what will be used, used with a warning, or refused, and what to do about it.

file = open_annotations(path)
rule = find_label_rule(file, label=None, classes=None)
report = start_report(file, rule)
for entry in merged_entries(file):
    add_image(report, check_image(entry, file=path, folder=path.parent, rule=rule))
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path

from maskwright.photos.images import IGNORE, MEGAPIXELS, ImageError, verify_image
from maskwright.photos.objects import MOST_OBJECTS
from maskwright.shared.parallel import parallel_map
from maskwright.via.findings import Finding
from maskwright.via.labels import DROPPED, LabelRule, class_of, find_label_rule, object_of
from maskwright.via.locate import BESIDE, Located, Places, locate_image
from maskwright.via.model import CheckedImage, ImageEntry, LabelledRegion, Problem, Region
from maskwright.via.namesakes import CONTRADICTING, is_another, merged_mentions, photographs_of, repetition
from maskwright.via.objects import number_of_objects, object_findings
from maskwright.via.rasterise import all_spans, overlaps
from maskwright.via.read import AnnotationFile, entries, open_annotations
from maskwright.via.report import Report, add_image, nothing_usable
from maskwright.via.shapes import place_region, resized, scaled
from maskwright.via.source import printable
from maskwright.via.values import normal_name

_BACKGROUND = "background"
# Starting processes takes about a second; in that time one process checks about a hundred images.
_CHUNK = 128


def lint(
    path: Path,
    *,
    label: str | None = None,
    classes: Sequence[str] | None = None,
    images: Path | None = None,
    megapixels: float = MEGAPIXELS,
    workers: int | None = None,
) -> Report:
    """Check an annotation file and its images.

    The report is lossless if and only if `convert_file` makes masks of the file without leaving anything out.

    Args:
        path: the file; images are looked up in its folder, and where it says.
        label: as for `find_label_rule`.
        classes: as for `find_label_rule`.
        images: another folder to look them up in.
        megapixels: the size of the largest image that is used.
        workers: processes; the available cores if None.

    Raises:
        AnnotationError: the file cannot be read, or it does not say which attribute holds the class.
    """
    file = open_annotations(Path(path))
    rule = rule_of_file(file, label=label, classes=classes)
    report = lint_file(file, rule, Places.of(file.hints, images=images), megapixels=megapixels, workers=workers)
    nothing = nothing_usable([report]) if report.lossless else None
    if nothing is not None:
        report.problems.append(nothing)
    return report


def lint_file(
    file: AnnotationFile,
    rule: LabelRule,
    places: Places,
    *,
    megapixels: float = MEGAPIXELS,
    workers: int | None = None,
) -> Report:
    """Check an annotation file by this rule, and its images in these places; see `lint`."""
    path = file.path
    report = start_report(file, rule, places)
    check = partial(
        check_image,
        file=path,
        folder=path.parent,
        rule=replace(rule, problems=()),
        places=places,
        megapixels=megapixels,
    )
    for checked in parallel_map(check, merged_entries(file), workers=workers, chunk=_CHUNK):
        add_image(report, checked)
    return report


def rule_of_file(file: AnnotationFile, *, label: str | None, classes: Sequence[str] | None) -> LabelRule:
    """Return the rule for a file that is used by itself: `find_label_rule`, but a list of options gives the classes.

    Without `classes`, the classes are the options that the file defines for its label, in their order, provided that
    they include every label in the file. A class without regions then keeps its number, as in a file of predictions.

    Raises:
        AnnotationError: as for `find_label_rule`.
    """
    rule = find_label_rule(file, label=label, classes=classes)
    if classes is not None or rule.attribute is None:
        return rule
    options = [name for name in file.options.get(rule.attribute, {}).values() if name != _BACKGROUND]
    return find_label_rule(file, label=rule.attribute, classes=options) if set(rule.classes) <= set(options) else rule


def start_report(file: AnnotationFile, rule: LabelRule, places: Places = BESIDE) -> Report:
    """Return a report on the file as a whole: its labels, and the images that it names more than once."""
    report = Report(str(file.path), file.variant, rule.attribute, rule.classes)
    report.problems.extend(rule.problems)
    if file.variant == "COCO from VIA":
        message = "VIA's COCO export leaves out polylines, and regions whose label is no radio button or dropdown"
        advice = "none if all regions are there; else export the annotations from VIA as JSON"
        report.problems.append(Finding("warning", "coco-from-via", message, advice).at(report.file))
    for name, mentions in _repeated(file).items():
        for photograph, merged in zip(photographs_of(mentions), merged_mentions(mentions), strict=True):
            finding = repetition(photograph)  # none where a CSV's scattered rows are read as one entry
            if finding is not None:
                path, missing, _ = _locate(_with_source(merged, file), file.path.parent, places)
                report.problems.append(finding.at(report.file, name, path=None if missing else path))
    return report


def merged_entries(file: AnnotationFile) -> Iterator[ImageEntry]:
    """Yield each of the file's images once; each call reads the file again.

    An image that is listed several times comes last, as `merged_mentions` has it.
    """
    for entry in _merged(file):
        yield _with_source(entry, file)


def _merged(file: AnnotationFile) -> Iterator[ImageEntry]:
    for entry in entries(file):
        if normal_name(entry.filename) not in file.repeated:
            yield entry
    for mentions in _repeated(file).values():
        yield from merged_mentions(mentions)


def _with_source(entry: ImageEntry, file: AnnotationFile) -> ImageEntry:
    sources = file.hints.sources
    source = sources.get(normal_name(entry.filename)) if sources else None
    return replace(entry, source=source) if source else entry


def _locate(entry: ImageEntry, folder: Path, places: Places) -> Located:
    """Return where an image is; a file that is another photograph of its name is none."""
    found = locate_image(folder, entry.filename, places, size=entry.size, source=entry.source)
    return found if found.problem is not None else found._replace(problem=is_another(entry, found.path))


def check_image(
    entry: ImageEntry,
    *,
    file: Path,
    folder: Path,
    rule: LabelRule,
    places: Places = BESIDE,
    megapixels: float = MEGAPIXELS,
) -> CheckedImage:
    """Find an image, and check each of its regions against it.

    Each region is used, used with a warning, or refused; a point is not used, with a warning. Findings on an image
    that cannot be used are refusals only if regions are lost with it.

    Args:
        entry: the image as annotated.
        file: the annotation file, for the findings.
        folder: the annotation file's folder. The image must be inside it, or inside a folder of `places`.
        rule: how the class is found.
        places: where else the image may be.
        megapixels: the size of the largest image that is used.
    """
    named = entry.filename or entry.key
    shown = named if len(named) <= 200 else printable(named)
    path, finding, remark = _locate(entry, folder, places)
    if finding is None:
        try:
            height, width, deep = verify_image(path, megapixels=megapixels)
        except ImageError as error:
            message = str(error).removeprefix(f"{path}: ")
            finding = Finding("refused", "bad-image", message, "replace the image, or delete its entry")
    if finding is not None:
        return _unusable(entry, shown, path, file, finding)
    problems: list[Problem] = [] if remark is None else [remark.at(str(file), shown, path=path)]
    bytes_now = path.stat().st_size
    if entry.size > 0 and entry.size != bytes_now:
        message = f"the image had {entry.size} bytes when it was annotated, and has {bytes_now} now"
        advice = "check that it is the same image, neither resized nor rotated since"
        problems.append(Finding("warning", "size-changed", message, advice).at(str(file), shown, path=path))
    if deep:
        advice = "none if the picture is good so; else export it with 8 bits"
        problems.append(Finding("warning", "scaled-values", deep, advice).at(str(file), shown, path=path))
    if not entry.regions:
        message = "no region: all of it is used as background"
        advice = "none if it shows no object; else annotate it, or delete its entry"
        problems.append(Finding("warning", "no-regions", message, advice).at(str(file), shown, path=path))
    drawn_on = entry.drawn_on or (height, width)
    if drawn_on != (height, width):
        finding = _size_differs(drawn_on, (height, width))
        if finding.severity == "refused" and entry.regions:
            return _unusable(entry, shown, path, file, finding)
        problems.append(finding._replace(severity="warning").at(str(file), shown, path=path))
    regions: list[LabelledRegion] = []
    earlier: dict[object, LabelledRegion] = {}
    for region in entry.regions:
        labelled, findings = _check_region(region, (height, width), drawn_on, rule, earlier)
        problems.extend(finding.at(str(file), shown, region.number, path=path) for finding in findings)
        if labelled is not None:
            regions.append(labelled)
    objects = number_of_objects(regions)
    if objects > MOST_OBJECTS:
        message = f"{objects:,} objects, and a photograph can have {MOST_OBJECTS:,}"
        finding = Finding("refused", "too-many-objects", message, "cut the photograph into parts, and annotate those")
        return _unusable(entry, shown, path, file, finding)
    about_regions = chain(
        object_findings(regions, rule.classes), _pixel_findings(regions, height, width, rule.classes)
    )
    problems.extend(finding.at(str(file), shown, number, path=path) for number, finding in about_regions)
    return CheckedImage(
        shown, path, height, width, tuple(regions), tuple(problems), usable=True, region_count=len(entry.regions)
    )


def _unusable(entry: ImageEntry, shown: str, path: Path, file: Path, finding: Finding) -> CheckedImage:
    count = len(entry.regions)
    if count and all(region.shape == "segment" for region in entry.regions):
        message = f"{finding.message}; what is annotated are segments in time or parts of a video, which are not used"
        finding = finding._replace(severity="warning", message=message)
    elif count:
        lost = "its region is" if count == 1 else f"its {count} regions are"
        finding = finding._replace(message=f"{finding.message}; {lost} lost")
    else:
        finding = finding._replace(severity="warning", message=f"{finding.message}; it has no regions")
    problem = finding.at(str(file), shown)
    return CheckedImage(shown, path, 0, 0, (), (problem,), usable=False, region_count=count)


def _size_differs(before: tuple[int, int], now: tuple[int, int]) -> Finding:
    sizes = f"annotated at {before[1]} x {before[0]} pixels, and {now[1]} x {now[0]} now"
    if before == CONTRADICTING:
        message = "listed several times, annotated at different sizes"
        return Finding("refused", "image-size", message, "keep the entry whose width and height are the photograph's")
    turned = now[1], now[0]
    if before != turned and resized(before, now):
        message = f"{sizes}: taken as resized, and the outlines are scaled by {now[1] / before[1]:.4g}"
        advice = "check one; if it was cropped and not resized, use the photograph that was annotated"
        return Finding("warning", "image-resized", message, advice)
    if resized(before, turned):
        advice = "annotate it as it is shown: the photograph was turned (by its EXIF data?) after or for annotating"
    else:
        advice = "use the photograph that was annotated, or correct its width and height in the annotation file"
    return Finding("refused", "image-size", sizes, advice)


def _check_region(
    region: Region,
    size: tuple[int, int],
    drawn_on: tuple[int, int],
    rule: LabelRule,
    earlier: dict[object, LabelledRegion],
) -> tuple[LabelledRegion | None, list[Finding]]:
    index, about_label = class_of(region, rule)
    if about_label is not None and about_label.code == DROPPED:
        return None, [about_label]
    placed, findings = place_region(region, *drawn_on)
    if placed is None:
        return None, findings
    if drawn_on != size:
        placed = scaled(placed, size[0] / drawn_on[0], size[1] / drawn_on[1])
    if region.unlabelled:
        index, about_label = None, Finding("refused", "no-category", region.unlabelled, "add it there, with its name")
    if about_label is not None:
        findings.append(about_label)
    if index is None or any(finding.severity == "refused" for finding in findings):
        index = IGNORE
    labelled = LabelledRegion(region.number, index, placed.shape, placed.geometry, object_of(region, rule))
    if index == IGNORE:
        return labelled, findings
    first = earlier.setdefault((placed.shape, *sorted(placed.geometry.items())), labelled)
    if first is labelled:
        return labelled, findings
    if first.class_index == index:
        message = f"exactly the same as region {first.number}; used once"
        findings.append(Finding("warning", "repeated-region", message, "none needed; delete one of them in VIA"))
        return None, findings
    names = rule.classes[index - 1], rule.classes[first.class_index - 1]
    message = (
        f"exactly the same outline as region {first.number}, but labelled "
        f"{printable(names[0], 40)!r} and not {printable(names[1], 40)!r}"
    )
    findings.append(Finding("refused", "contradicting-labels", message, "delete the wrong one of the two in VIA"))
    return replace(labelled, class_index=IGNORE), findings


def _pixel_findings(
    regions: Sequence[LabelledRegion], height: int, width: int, classes: Sequence[str]
) -> Iterator[tuple[int, Finding]]:
    """Yield findings, with a region's number, on regions without a pixel and on those that hide part of another."""
    spans = all_spans(regions, height, width)
    for region, of_region in zip(regions, spans, strict=True):
        if not len(of_region) and region.class_index != IGNORE:
            message = "so small or thin that no pixel's centre lies inside: it has a box, and no pixel in the mask"
            yield region.number, Finding("warning", "no-pixel", message, "draw it larger if its pixels are wanted")
    names = {region.number: classes[region.class_index - 1] for region in regions if region.class_index != IGNORE}
    for overlap in overlaps(regions, height, width, spans=spans):
        earlier, later = (printable(names[number], 40) for number in (overlap.earlier, overlap.later))
        message = (
            f"shares {overlap.pixels:,} pixels with region {overlap.earlier}: they count as {later!r}, "
            f"since it is the later one, and not as {earlier!r}"
        )
        advice = "none if it is in front; else draw the outlines side by side"
        yield overlap.later, Finding("warning", "overlap", message, advice)


def _repeated(file: AnnotationFile) -> dict[str, list[ImageEntry]]:
    mentions: dict[str, list[ImageEntry]] = {}
    if file.repeated:
        for entry in entries(file):
            name = normal_name(entry.filename)
            if name in file.repeated:
                mentions.setdefault(name, []).append(entry)
    return mentions
