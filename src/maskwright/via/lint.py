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
from pathlib import Path

from maskwright.photos.images import IGNORE, MEGAPIXELS, ImageError, verify_image
from maskwright.shared.parallel import parallel_map
from maskwright.via.findings import Finding
from maskwright.via.labels import LabelRule, class_of, find_label_rule
from maskwright.via.locate import locate_image
from maskwright.via.model import CheckedImage, ImageEntry, LabelledRegion, Problem, Region
from maskwright.via.rasterise import overlaps
from maskwright.via.read import AnnotationFile, entries, open_annotations
from maskwright.via.report import Report, add_image
from maskwright.via.shapes import place_region
from maskwright.via.source import printable
from maskwright.via.values import normal_name

# Starting processes takes about a second; in that time one process checks about a hundred images.
_CHUNK = 128


def lint(
    path: Path,
    *,
    label: str | None = None,
    classes: Sequence[str] | None = None,
    megapixels: float = MEGAPIXELS,
    workers: int | None = None,
) -> Report:
    """Check an annotation file and the images beside it.

    Args:
        path: the file; images are looked up in its folder.
        label: as for `find_label_rule`.
        classes: as for `find_label_rule`.
        megapixels: the size of the largest image that is used.
        workers: processes; the available cores if None.

    Raises:
        AnnotationError: the file cannot be read, or it does not say which attribute holds the class.
    """
    path = Path(path)
    file = open_annotations(path)
    rule = find_label_rule(file, label=label, classes=classes)
    report = start_report(file, rule)
    rule = replace(rule, problems=())
    check = partial(check_image, file=path, folder=path.parent, rule=rule, megapixels=megapixels)
    for checked in parallel_map(check, merged_entries(file), workers=workers, chunk=_CHUNK):
        add_image(report, checked)
    return report


def start_report(file: AnnotationFile, rule: LabelRule) -> Report:
    """Return a report on the file as a whole: its labels, and the images that it names more than once."""
    report = Report(str(file.path), file.variant, rule.attribute, rule.classes)
    report.problems.extend(rule.problems)
    for name, mentions in _repeated(file).items():
        if len(mentions) == 1:
            continue  # a CSV's scattered rows are read as one entry
        together = len(_merge(mentions).regions)
        counts = [len(mention.regions) for mention in mentions]
        if max(counts) == together:
            message = f"listed {len(counts)} times, always with the same regions ({together}); used once"
        else:
            message = (
                f"listed {len(counts)} times, with different regions ({' and '.join(map(str, counts))}); the "
                f"{together} that differ are used together, numbered from 0 to {together - 1}"
            )
        advice = "none if that is right; else delete the wrong entry"
        report.problems.append(Finding("warning", "repeated-image", message, advice).at(report.file, name))
    return report


def merged_entries(file: AnnotationFile) -> Iterator[ImageEntry]:
    """Yield each of the file's images once; each call reads the file again.

    An image that is listed several times comes last, with the regions of all its entries. Equal regions are kept
    once, and the numbering continues from entry to entry.
    """
    for entry in entries(file):
        if normal_name(entry.filename) not in file.repeated:
            yield entry
    for mentions in _repeated(file).values():
        yield _merge(mentions)


def check_image(
    entry: ImageEntry, *, file: Path, folder: Path, rule: LabelRule, megapixels: float = MEGAPIXELS
) -> CheckedImage:
    """Find an image, and check each of its regions against it.

    Each region is used, used with a warning, or refused; a point is not used, with a warning. Findings on an image
    that cannot be used are refusals only if regions are lost with it.

    Args:
        entry: the image as annotated.
        file: the annotation file, for the findings.
        folder: the image must be inside it.
        rule: how the class is found.
        megapixels: the size of the largest image that is used.
    """
    named = entry.filename or entry.key
    shown = named if len(named) <= 200 else printable(named)
    path, finding = locate_image(folder, entry.filename)
    if finding is None:
        try:
            height, width, scaled = verify_image(path, megapixels=megapixels)
        except ImageError as error:
            message = str(error).removeprefix(f"{path}: ")
            finding = Finding("refused", "bad-image", message, "replace the image, or delete its entry")
    if finding is not None:
        return _unusable(entry, shown, path, file, finding)
    problems: list[Problem] = []
    bytes_now = path.stat().st_size
    if entry.size > 0 and entry.size != bytes_now:
        message = f"the image had {entry.size} bytes when it was annotated, and has {bytes_now} now"
        advice = "check that it is the same image, neither resized nor rotated since"
        problems.append(Finding("warning", "size-changed", message, advice).at(str(file), shown))
    if scaled:
        advice = "none if the picture is good so; else export it with 8 bits"
        problems.append(Finding("warning", "scaled-values", scaled, advice).at(str(file), shown))
    if not entry.regions:
        message = "no region: all of it is used as background"
        advice = "none if it shows no object; else annotate it, or delete its entry"
        problems.append(Finding("warning", "no-regions", message, advice).at(str(file), shown))
    regions: list[LabelledRegion] = []
    earlier: dict[object, LabelledRegion] = {}
    for region in entry.regions:
        labelled, findings = _check_region(region, height, width, rule, earlier)
        problems.extend(finding.at(str(file), shown, region.number) for finding in findings)
        if labelled is not None:
            regions.append(labelled)
    overlapping = _overlap_findings(regions, height, width, rule.classes)
    problems.extend(finding.at(str(file), shown, number) for number, finding in overlapping)
    return CheckedImage(
        shown, path, height, width, tuple(regions), tuple(problems), usable=True, region_count=len(entry.regions)
    )


def _unusable(entry: ImageEntry, shown: str, path: Path, file: Path, finding: Finding) -> CheckedImage:
    count = len(entry.regions)
    if count:
        lost = "its region is" if count == 1 else f"its {count} regions are"
        finding = finding._replace(message=f"{finding.message}; {lost} lost")
    else:
        finding = finding._replace(severity="warning", message=f"{finding.message}; it has no regions")
    problem = finding.at(str(file), shown)
    return CheckedImage(shown, path, 0, 0, (), (problem,), usable=False, region_count=count)


def _check_region(
    region: Region, height: int, width: int, rule: LabelRule, earlier: dict[object, LabelledRegion]
) -> tuple[LabelledRegion | None, list[Finding]]:
    placed, findings = place_region(region, height, width)
    if placed is None:
        return None, findings
    index, about_label = class_of(region, rule)
    if about_label is not None:
        findings.append(about_label)
    if index is None or any(finding.severity == "refused" for finding in findings):
        index = IGNORE
    labelled = LabelledRegion(region.number, index, placed.shape, placed.geometry)
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


def _overlap_findings(
    regions: Sequence[LabelledRegion], height: int, width: int, classes: Sequence[str]
) -> Iterator[tuple[int, Finding]]:
    """Yield the number of a region that hides part of an earlier one of another class, and the finding on it."""
    names = {region.number: classes[region.class_index - 1] for region in regions if region.class_index != IGNORE}
    for overlap in overlaps(regions, height, width):
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


def _merge(mentions: Sequence[ImageEntry]) -> ImageEntry:
    regions = list(mentions[0].regions)
    for mention in mentions[1:]:
        known = [_content(region) for region in regions]
        for region in mention.regions:
            content = _content(region)
            if content in known:
                known.remove(content)
            else:
                regions.append(region)
    numbered = tuple(replace(region, number=number) for number, region in enumerate(regions))
    return replace(mentions[0], regions=numbered)


def _content(region: Region) -> tuple[object, ...]:
    return region.shape, region.geometry, region.attributes
