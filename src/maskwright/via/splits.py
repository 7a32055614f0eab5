"""Which images are for training, validation and test."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from maskwright.photos.images import MEGAPIXELS
from maskwright.shared.errors import MaskwrightError
from maskwright.via.findings import Finding, counted
from maskwright.via.folds import classes_in, fold_names, rare_classes
from maskwright.via.groups import divided_groups, groups_of
from maskwright.via.labels import UNUSED_CLASS, LabelRule, Renames, find_label_rule, object_of
from maskwright.via.lint import check_image, merged_entries
from maskwright.via.locate import BESIDE, Located, Places, locate_image
from maskwright.via.model import CheckedImage, ImageEntry, Problem
from maskwright.via.namesakes import is_another
from maskwright.via.read import AnnotationFile, open_annotations
from maskwright.via.source import printable

if TYPE_CHECKING:
    from maskwright.via.params import Annotations

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Source:
    """One annotation file of a split.

    Attributes:
        split: which one; it may have several files.
        file: may serve several splits.
        rule: its labels.
        names: the images that belong to the split; None: all of the file.
        places: where its images may be.
        megapixels: the size of the largest image that is used.
        problems: findings on how images are divided into splits.
    """

    split: str
    file: AnnotationFile
    rule: LabelRule
    names: frozenset[str] | None = None
    places: Places = BESIDE
    megapixels: float = MEGAPIXELS
    problems: tuple[Problem, ...] = ()

    def locate(self, entry: ImageEntry) -> Located:
        """Return where one of the file's images is."""
        folder = self.file.path.parent
        return locate_image(folder, entry.filename, self.places, size=entry.size, source=entry.source)

    def is_meant(self, entry: ImageEntry) -> bool:
        """Return False if the file lists several photographs of this name, and the one found is not this one."""
        if not entry.namesakes:
            return True
        path, problem, _ = self.locate(entry)
        return problem is None and is_another(entry, path) is None

    def check(self, entry: ImageEntry) -> CheckedImage:
        """Check one of the file's images; see `check_image`."""
        path = self.file.path
        return check_image(
            entry, file=path, folder=path.parent, rule=self.rule, places=self.places, megapixels=self.megapixels
        )


def split_sources(annotations: "Annotations") -> list[Source]:
    """Open the annotation files and say which splits each serves: training, validation and test, in this order.

    All splits use the classes of the training files, and the attribute that holds them there.

    Raises:
        MaskwrightError: files cannot be read (all of them are named) or do not fit the training files; there are too
            few images to split.
    """
    files = _opened(annotations)
    if annotations.object is not None:
        _refuse_unknown_object([file for each in files.values() for file in each], annotations.object)
    images = None if annotations.images is None else Path(annotations.root, annotations.images)
    if images is not None and not images.is_dir():
        raise MaskwrightError(f"annotations.images: {images}: no such folder; it is relative to annotations.root")
    renames = annotations.rename or {}
    training = files["train"]
    rules = {
        "train": training_rules(training, annotations.label, annotations.classes, renames, apart=annotations.object)
    }
    rule = rules["train"][0]
    groups, problems = {}, []
    if annotations.group is not None:
        groups, problems = groups_of([file for each in files.values() for file in each], annotations.group)
    names = {}
    if annotations.folds is not None:
        names, rare = _folded(annotations, files, rules["train"], groups)
        problems += rare
    elif len(files) < len(SPLITS):
        names = _names(annotations, files, groups)
    errors = []
    for split in SPLITS[1:]:
        if split in files:
            try:
                rules[split] = _rules_like(files[split], rule.attribute, rule.classes, renames)
            except MaskwrightError as error:
                errors.append(str(error))
    if errors:
        raise MaskwrightError("; ".join(errors))
    if annotations.object is not None:
        rules = {split: [replace(its, object=annotations.object) for its in each] for split, each in rules.items()}
    root = Path(annotations.root)
    sources = [
        Source(
            split,
            file,
            its,
            names.get(split),
            Places.of(file.hints, root=root, images=images),
            annotations.megapixels,
        )
        for split in SPLITS
        for file, its in zip(files.get(split, training), rules.get(split, rules["train"]), strict=True)
    ]
    divided = (
        divided_groups(groups, ((s.split, s.file, s.names) for s in sources)) if groups else [[] for _ in sources]
    )
    problems += _unmet([its for each in rules.values() for its in each], str(training[0].path))
    return [
        replace(source, problems=(*_of(source, sources, problems), *own))
        for source, own in zip(sources, divided, strict=True)
    ]


def _refuse_unknown_object(files: Sequence[AnnotationFile], attribute: str) -> None:
    """Raise an error if no region of any file has the attribute that is to join regions to objects."""
    rule = LabelRule(None, (), object=attribute)
    regions = (region for file in files for entry in merged_entries(file) for region in entry.regions)
    if not any(object_of(region, rule) for region in regions):
        raise MaskwrightError(
            f"annotations.object: no region has a value of the attribute {printable(attribute, 40)!r}; correct it, "
            "or set it to null"
        )


def by_split(sources: Iterable[Source]) -> dict[str, list[Source]]:
    """Return the sources of each split, in order."""
    found: dict[str, list[Source]] = {}
    for source in sources:
        found.setdefault(source.split, []).append(source)
    return found


def file_names(named: str | Sequence[str] | None) -> Sequence[str]:
    """Return the files that a setting names: one, a list of them, or none."""
    return [named] if isinstance(named, str) else named or []


def training_rules(
    files: Sequence[AnnotationFile],
    label: str | None,
    classes: Sequence[str] | None,
    renames: Renames,
    *,
    apart: str | None = None,
) -> list[LabelRule]:
    """Return a rule for each training file; all have the same classes. See `find_label_rule`."""
    if len(files) == 1:
        return [find_label_rule(files[0], label=label, classes=classes, renames=renames, apart=apart)]
    # What none of the files decides alone: which attribute holds the class, and which classes there are.
    joint = find_label_rule(*files, label=label, classes=classes, renames=renames, apart=apart)
    rules = _rules_like(files, joint.attribute, joint.classes, renames)
    rare = tuple(problem for problem in joint.problems if problem.code == "rare-label")
    return [replace(rules[0], problems=(*rules[0].problems, *rare)), *rules[1:]]


def _opened(annotations: "Annotations") -> dict[str, list[AnnotationFile]]:
    root = Path(annotations.root)
    named = {"train": annotations.train, "validation": annotations.validation, "test": annotations.test}
    files: dict[str, list[AnnotationFile]] = {}
    errors: list[str] = []
    for split, paths in named.items():
        for path in file_names(paths):
            try:
                files.setdefault(split, []).append(open_annotations(root / path))
            except MaskwrightError as error:
                errors.append(str(error))
    if errors:
        raise MaskwrightError("; ".join(errors))
    return files


def _rules_like(
    files: Sequence[AnnotationFile], label: str | None, classes: Sequence[str], renames: Renames
) -> list[LabelRule]:
    """Return a rule for each of a split's files. That a class is unused is said once, if none of them uses it."""
    rules = [find_label_rule(file, label=label, classes=classes, renames=renames) for file in files]
    unused = [{p.message for p in rule.problems if p.code == UNUSED_CLASS} for rule in rules]
    nowhere = set.intersection(*unused)
    return [
        replace(
            rule,
            problems=tuple(
                p for p in rule.problems if p.code != UNUSED_CLASS or (number == 0 and p.message in nowhere)
            ),
        )
        for number, rule in enumerate(rules)
    ]


def _names(
    annotations: "Annotations", files: Mapping[str, Sequence[AnnotationFile]], groups: Mapping[str, str]
) -> dict[str, frozenset[str]]:
    training = files["train"]
    try:
        return split_names(
            (entry.filename for file in training for entry in merged_entries(file)),
            seed=annotations.seed,
            validation=None if "validation" in files else annotations.validation_fraction,
            test=None if "test" in files else annotations.test_fraction,
            groups=groups,
        )
    except ValueError as error:
        missing = " and ".join(f"annotations.{split}" for split in SPLITS if split not in files)
        where = ", ".join(str(file.path) for file in training)
        raise MaskwrightError(f"{where}: {error}; add images, or name a file in {missing}") from None


def _folded(
    annotations: "Annotations",
    files: Mapping[str, Sequence[AnnotationFile]],
    rules: Sequence[LabelRule],
    groups: Mapping[str, str],
) -> tuple[dict[str, frozenset[str]], list[Problem]]:
    """Return the photographs of each split that the training files serve, by folds, and what to warn of."""
    assert annotations.folds is not None
    training, validation = files["train"], "validation" not in files
    classes = classes_in(training, rules)
    names = fold_names(
        classes,
        groups,
        folds=annotations.folds,
        fold=annotations.fold,
        seed=annotations.seed,
        validation=validation,
    )
    rare = rare_classes(classes, groups, rules[0].classes, validation=validation)
    return names, [finding.at(str(training[0].path)) for finding in rare]


def _unmet(rules: Iterable[LabelRule], where: str) -> list[Problem]:
    """Return a warning for each label that is to be renamed and that no region of any file has."""
    advice = "check its spelling in annotations.rename, or take it out"
    return [
        Finding("warning", "nothing-to-rename", f"no region has the label {printable(label)!r}", advice).at(where)
        for label in sorted(frozenset.intersection(*(rule.unmet for rule in rules)))
    ]


def _of(source: Source, sources: Sequence[Source], problems: Sequence[Problem]) -> tuple[Problem, ...]:
    """Return the findings on this source's file, if it is the first source of it."""
    path = str(source.file.path)
    first = next(other for other in sources if str(other.file.path) == path)
    return tuple(problem for problem in problems if problem.file == path) if source is first else ()


def split_names(
    names: Iterable[str],
    *,
    seed: int,
    validation: float | None,
    test: float | None,
    groups: Mapping[str, str] | None = None,
) -> dict[str, frozenset[str]]:
    """Split images: `validation` and `test` are fractions, None if that split comes from elsewhere.

    Images of one group stay together. A split takes one group after another, as long as that brings its number of
    images closer to its fraction. Each split gets at least one group.

    Args:
        names: of the images.
        seed: another one gives another split.
        validation: see above.
        test: see above.
        groups: file name -> group; an image without one is by itself.

    Raises:
        ValueError: there are fewer images, or groups, than splits.
    """
    members: dict[str, list[str]] = {}
    for name in sorted(set(names)):
        members.setdefault((groups or {}).get(name, name), []).append(name)
    total = sum(map(len, members.values()))

    def rank(group: str) -> tuple[bytes, str]:
        return hashlib.sha256(f"{seed}/{group}".encode("utf-8", "surrogatepass")).digest(), group

    ranked = sorted(members, key=rank)
    fractions = {"test": test, "validation": validation}
    wanted = {split: fraction for split, fraction in fractions.items() if fraction is not None}
    if len(ranked) <= len(wanted):
        what = ("group of images", "groups of images") if groups else ("image", "images")
        raise ValueError(f"{counted(len(ranked), *what)} cannot be divided into {len(wanted) + 1} splits")
    shares, start = {}, 0
    for left, (split, fraction) in enumerate(wanted.items(), 1):
        most = len(ranked) - start - (len(wanted) - left) - 1  # at least one group for each remaining split
        aim, count, end = round(fraction * total), 0, start
        while end < start + most:
            more = len(members[ranked[end]])
            if count and abs(count + more - aim) >= abs(count - aim):
                break
            count, end = count + more, end + 1
        shares[split] = frozenset(name for group in ranked[start:end] for name in members[group])
        start = end
    return {"train": frozenset(name for group in ranked[start:] for name in members[group]), **shares}
