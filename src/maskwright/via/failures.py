"""What stops the making of masks after everything was checked, and how it is said."""

import csv
import io
import shlex
from collections.abc import Iterator, Mapping, Sequence

from maskwright.shared.errors import MaskwrightError
from maskwright.via.findings import Finding, counted
from maskwright.via.model import Problem
from maskwright.via.report import Report, nothing_usable
from maskwright.via.source import printable
from maskwright.via.splits import Source, by_split

_SHOWN = 3


def fail_on_refusals(sources: Sequence[Source], reports: Mapping[str, Report], skip: str) -> None:
    """Raise an error that names what was refused, how to see all of it, and `skip`, which leaves it out."""
    refused = [p for report in reports.values() for p in report.problems if p.severity == "refused"]
    if not refused:
        return
    files = {problem.file for problem in refused}
    commands: dict[str, str] = {}
    for source in sources:
        if str(source.file.path) in files:
            commands.setdefault(str(source.file.path), _lint_command(source, training=source is sources[0]))
    lint = "` and `".join(commands.values())
    raise MaskwrightError(
        f"{summed_up(refused)}. See all with `{lint}` and correct them, or leave them out with {skip}"
    )


def summed_up(refused: Sequence[Problem], *, within: str = "") -> str:
    """Say how many refusals there are, and name the first; the file is not named where it is `within`."""
    shown = "; ".join(_one_line(problem, within) for problem in refused[:_SHOWN])
    more = f"; and {len(refused) - _SHOWN:,} more" if len(refused) > _SHOWN else ""
    return f"{counted(len(refused), 'finding')} that would lose annotations: {shown}{more}"


def _one_line(problem: Problem, within: str) -> str:
    place = [problem.file] if problem.file != within else []
    if problem.image is not None:
        place.append(printable(problem.image))
    if problem.region is not None:
        place.append(f"region {problem.region}")
    return f"{', '.join(place)}: {problem.message}" if place else problem.message


def _lint_command(source: Source, *, training: bool) -> str:
    parts = ["maskwright", "lint", str(source.file.path)]
    if not training:
        # On its own, this file might be read by another attribute, or with other classes.
        if source.rule.attribute is not None:
            parts += ["--label", source.rule.attribute]
        parts += ["--classes", joined_names(source.rule.classes)]
    if source.places.root is None and source.places.images is not None:
        parts += ["--images", str(source.places.images)]
    return shlex.join(parts)


def fail_on_nothing(sources: Sequence[Source], reports: Mapping[str, Report]) -> None:
    """Raise an error if a split has no usable image, or training no usable region."""
    splits = by_split(sources)
    for split, its in splits.items():
        nothing = nothing_usable([reports[split]], needs_regions=False)
        if nothing is not None:
            where = nothing.file if its[0].names is None else f"{nothing.file}: the {split} share"
            raise MaskwrightError(f"{where}: {nothing.message}; see {_lint_of(its)}")
    split = sources[0].split
    nothing = nothing_usable([reports[split]])
    if nothing is None:
        return
    elsewhere = [other for other in _shares(sources) if other != split and reports[other].per_class.total()]
    if elsewhere:
        raise MaskwrightError(
            f"{nothing.file}: {_all_labelled(reports, elsewhere)}, and none into training; label more photographs, "
            "give annotations.seed another number, or name files in annotations.validation and annotations.test"
        )
    raise MaskwrightError(f"{nothing.file}: {nothing.message}; see {_lint_of(splits[split])}")


def unlabelled_shares(sources: Sequence[Source], reports: Mapping[str, Report]) -> Iterator[tuple[str, Problem]]:
    """Yield each validation or test split off the training files that got no usable region, and the warning on it."""
    shares = _shares(sources)
    for split in shares[1:]:
        elsewhere = [other for other in shares if reports[other].per_class.total()]
        if not reports[split].per_class.total() and elsewhere:
            message = f"{_all_labelled(reports, elsewhere)}, and none into this one"
            advice = (
                f"label more photographs, give annotations.seed another number, or name a file in annotations.{split}"
            )
            file = next(str(source.file.path) for source in sources if source.split == split)
            yield split, Finding("warning", "unlabelled-share", message, advice).at(file)


def joined_names(names: Sequence[str]) -> str:
    """Write class names for `--classes`: separated by commas, in double quotes where a name holds one."""
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(names)
    return text.getvalue()


def _shares(sources: Sequence[Source]) -> list[str]:
    """Return the splits that share the training files."""
    return list(by_split(source for source in sources if source.names is not None))


def _all_labelled(reports: Mapping[str, Report], splits: Sequence[str]) -> str:
    count = sum(reports[split].images - reports[split].images_without_regions for split in splits)
    photographs = "the only labelled photograph" if count == 1 else f"all {count:,} labelled photographs"
    listed = " and ".join(splits)
    return f"{photographs} fell into the {listed} {'split' if len(splits) == 1 else 'splits'}"


def _lint_of(sources: Sequence[Source]) -> str:
    return " and ".join(f"`maskwright lint {shlex.quote(str(source.file.path))}`" for source in sources)
