"""The report of a check: filled while images are checked, and printed as a table or written as JSON."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from maskwright.photos.images import IGNORE
from maskwright.via.findings import Finding, counted, none_of
from maskwright.via.labels import DROPPED
from maskwright.via.model import CheckedImage, Problem
from maskwright.via.source import printable

_ROWS_A_KIND = 5
_STYLES = {"refused": "bold red", "warning": "yellow", "used": "green"}
_NOT_USED = ("point", "segment", DROPPED)
_RANK = {"refused": 0, "warning": 1, "used": 2}


@dataclass
class Report:
    """What was found in one annotation file; memory grows with findings only.

    Every region is counted once: in `used` (nothing to say), `warned` (used, with a warning), `unused` (a point, a
    segment in time, or `dropped` on purpose) or `refused`; `per_class` counts the regions that become masks.
    """

    file: str
    variant: str
    attribute: str | None
    classes: tuple[str, ...]
    problems: list[Problem] = field(default_factory=list)
    images: int = 0
    images_unusable: int = 0
    images_without_regions: int = 0
    regions: int = 0
    used: int = 0
    warned: int = 0
    unused: int = 0
    dropped: int = 0
    refused: int = 0
    per_class: Counter[str] = field(default_factory=Counter)

    @property
    def lossless(self) -> bool:
        """Whether nothing was refused."""
        return not any(problem.severity == "refused" for problem in self.problems)


def add_image(report: Report, checked: CheckedImage) -> None:
    """Count one image and keep its findings."""
    report.images += 1
    report.images_unusable += not checked.usable
    report.images_without_regions += not checked.region_count
    report.regions += checked.region_count
    report.problems.extend(checked.problems)
    if not checked.usable:
        if any(problem.severity == "refused" for problem in checked.problems):
            report.refused += checked.region_count
        else:
            report.unused += checked.region_count
        return
    of_regions = [problem for problem in checked.problems if problem.region is not None]
    refused = {problem.region for problem in of_regions if problem.severity == "refused"}
    dropped = {problem.region for problem in of_regions if problem.code == DROPPED}
    unused = {problem.region for problem in of_regions if problem.code in _NOT_USED}
    warned = {problem.region for problem in of_regions if problem.severity == "warning"} - refused - unused
    report.refused += len(refused)
    report.unused += len(unused)
    report.dropped += len(dropped)
    report.warned += len(warned)
    report.used += checked.region_count - len(refused) - len(unused) - len(warned)
    for region in checked.regions:
        if region.class_index != IGNORE:
            report.per_class[report.classes[region.class_index - 1]] += 1


def joined(reports: Sequence[Report]) -> Report:
    """Return the reports on several files, to which no image was added yet, as one."""
    if len(reports) == 1:
        return reports[0]
    return Report(
        file=", ".join(report.file for report in reports),
        variant=", ".join(dict.fromkeys(report.variant for report in reports)),
        attribute=next((report.attribute for report in reports if report.attribute is not None), None),
        classes=reports[0].classes,
        problems=[problem for report in reports for problem in report.problems],
    )


def nothing_usable(reports: Sequence[Report], *, needs_regions: bool = True) -> Problem | None:
    """Return a refusal if all these files together give no mask, or none with a region where one is needed."""
    images = sum(report.images for report in reports)
    if images == sum(report.images_unusable for report in reports):
        message = f"{none_of(images, 'image')} can be used"
        advice = "put the photographs where the file says they are"
    elif needs_regions and not any(report.per_class.total() for report in reports):
        classes = ", ".join(printable(name, 30) for name in reports[0].classes[:_ROWS_A_KIND])
        classes += ", ..." if len(reports[0].classes) > _ROWS_A_KIND else ""
        message = f"{none_of(sum(report.regions for report in reports), 'region')} can be used as one of {classes}"
        advice = "draw outlines (polygons, rectangles, circles or ellipses) with one of these labels"
    else:
        return None
    files = ", ".join(dict.fromkeys(report.file for report in reports))
    return Finding("refused", "nothing-usable", message, advice).at(files)


def compare_classes(training: Report, other: Report) -> list[Problem]:
    """Return a warning for each class with regions in `other` (validation, test) but none in training."""
    advice = "a model cannot learn it: split the images anew, or take the class out of annotations.classes"
    messages = [
        f"{counted(count, 'region')} of the class {name!r} here, and none in the training file"
        for name, count in other.per_class.items()
        if count and not training.per_class[name]
    ]
    return [Finding("warning", "class-not-trained", message, advice).at(other.file) for message in messages]


def report_as_json(report: Report) -> dict[str, Any]:
    """Return the whole report as plain JSON values, encodable as UTF-8.

    A problem has a `path` if the photograph does not lie under its name beside the annotation file: where it is, or
    null if there is none that can be used.
    """
    contents = {
        "file": report.file,
        "variant": report.variant,
        "label": report.attribute,
        "lossless": report.lossless,
        "images": {
            "listed": report.images,
            "unusable": report.images_unusable,
            "without_regions": report.images_without_regions,
        },
        "regions": {
            "listed": report.regions,
            "used": report.used,
            "used_with_warning": report.warned,
            "not_used": report.unused,
            "refused": report.refused,
        },
        "classes": {name: report.per_class[name] for name in report.classes},
        "problems": [_problem_as_json(problem) for problem in report.problems],
    }
    return _encodable(contents)


def _problem_as_json(problem: Problem) -> dict[str, Any]:
    values = asdict(problem)
    if problem.image is None or problem.path == str(Path(problem.file).parent / problem.image):
        del values["path"]
    return values


def print_report(report: Report, console: Console) -> None:
    """Print what was read, the findings by kind (a few of each, and how many more there are), and the outcome."""
    label = "no label" if report.attribute is None else f"label {printable(report.attribute, 40)!r}"
    console.print(Text(printable(report.file, 400), style="bold"), soft_wrap=True)
    console.print(
        Text(
            f"{report.variant}: {counted(report.images, 'image')}, {counted(report.regions, 'region')} (numbered "
            f"from 0, as in the file), {label}"
        )
    )
    masks = ", ".join(f"{printable(name, 40)} {report.per_class[name]:,}" for name in report.classes)
    console.print(Text(f"Regions that become masks: {masks}"))
    if report.problems:
        console.print(Padding(_table(report.problems), (1, 0)))
    console.print(_outcome(report))


def _table(problems: list[Problem]) -> Table:
    kinds: dict[tuple[str, str], list[Problem]] = {}
    for problem in problems:
        kinds.setdefault((problem.severity, problem.code), []).append(problem)
    table = Table(show_lines=False, pad_edge=False)
    table.add_column("severity", no_wrap=True)
    table.add_column("image", overflow="fold", ratio=2, min_width=8)
    table.add_column("region", justify="right", no_wrap=True)
    table.add_column("what", overflow="fold", ratio=4, min_width=16)
    table.add_column("what to do", overflow="fold", ratio=4, min_width=16)
    for (severity, _), found in sorted(kinds.items(), key=lambda item: _RANK[item[0][0]]):
        style = _STYLES[severity]
        said, advised = "", ""
        # One line that says how many are left out takes as much room as one more finding.
        shown = found if len(found) <= _ROWS_A_KIND + 1 else found[:_ROWS_A_KIND]
        for problem in shown:
            table.add_row(
                Text(severity, style=style),
                Text("(whole file)" if problem.image is None else printable(problem.image)),
                "" if problem.region is None else str(problem.region),
                Text('"' if problem.message == said else problem.message),
                Text('"' if problem.advice == advised else problem.advice),
            )
            said, advised = problem.message, problem.advice
        if len(found) > len(shown):
            table.add_row("", "", "", Text(f"... and {len(found) - len(shown):,} more of this kind"), "", style="dim")
        table.add_section()
    return table


def _outcome(report: Report) -> Text:
    parts = [f"{report.used + report.warned:,} of {counted(report.regions, 'region')} used"]
    if report.warned:
        parts.append(f"{report.warned:,} of them with a warning")
    if report.unused > report.dropped:
        parts.append(f"{report.unused - report.dropped:,} not used")
    if report.dropped:
        parts.append(f"{report.dropped:,} left out by annotations.rename")
    if report.refused:
        parts.append(f"{report.refused:,} refused")
    if report.images_unusable:
        parts.append(f"{counted(report.images_unusable, 'image')} cannot be used")
    text = Text(", ".join(parts) + ". ")
    if report.lossless:
        text.append("Nothing would be lost.", style="green")
    else:
        text.append("What is refused would be lost.", style="bold red")
    if len(report.problems) > 2 * _ROWS_A_KIND:
        text.append(f" {len(report.problems):,} findings; --json FILE has them all.")
    return text


def _encodable(value: Any) -> Any:
    """Replace lone surrogates, which JSON files can contain and UTF-8 cannot."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {_encodable(key): _encodable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_encodable(item) for item in value]
    return value
