"""Photographs in K folds, for cross-validation: whole groups, and each class spread as evenly as they allow."""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np

from maskwright.shared.errors import MaskwrightError
from maskwright.via.findings import Finding, counted
from maskwright.via.labels import LabelRule, class_of
from maskwright.via.lint import merged_entries
from maskwright.via.read import AnnotationFile
from maskwright.via.source import printable

_SETTING = "annotations.folds"


def classes_in(files: Sequence[AnnotationFile], rules: Sequence[LabelRule]) -> dict[str, frozenset[int]]:
    """Return, by name of each photograph in the files, the classes (from 1) that its regions have."""
    found: dict[str, frozenset[int]] = {}
    for file, rule in zip(files, rules, strict=True):
        for entry in merged_entries(file):
            here = {class_of(region, rule)[0] for region in entry.regions} - {None}
            found[entry.filename] = found.get(entry.filename, frozenset()) | frozenset(filter(None, here))
    return found


def fold_names(
    classes: Mapping[str, Collection[int]],
    groups: Mapping[str, str],
    *,
    folds: int,
    fold: int,
    seed: int,
    validation: bool,
) -> dict[str, frozenset[str]]:
    """Return the photographs of each split: fold `fold` is the test, the next one the validation, the rest training.

    The fold after the last one is the first.

    Args:
        classes: see `classes_in`.
        groups: file name -> group; a photograph without one is by itself.
        folds: K, their number.
        fold: from 0.
        seed: another one gives other folds.
        validation: False if the validation split comes from elsewhere; its fold is then for training.

    Raises:
        MaskwrightError: there are fewer groups than folds, or fewer with an object.
    """
    folds_of = assign_folds(classes, groups, folds=folds, seed=seed)
    split_of = dict.fromkeys(range(folds), "train")
    split_of[fold] = "test"
    if validation:
        split_of[(fold + 1) % folds] = "validation"
    members: dict[str, set[str]] = {split: set() for split in ("train", *dict.fromkeys(split_of.values()))}
    for name, number in folds_of.items():
        members[split_of[number]].add(name)
    return {split: frozenset(names) for split, names in members.items()}


def assign_folds(
    classes: Mapping[str, Collection[int]], groups: Mapping[str, str], *, folds: int, seed: int
) -> dict[str, int]:
    """Return the fold of each photograph, from 0.

    Iterative stratification (Sechidis, Tsoumakas, Vlahavas 2011, "On the Stratification of Multi-Label Data"), of
    whole groups: of the class that is left in the fewest photographs, the group with most of them goes to the fold
    that still lacks most of that class; on a tie, to the one that lacks most photographs. Groups without any object
    come last. An empty fold lacks at least as much of everything as any other, so no fold stays empty or, with as
    many groups with objects as folds, without an object. Unlike the shares by fractions, one more photograph may
    move others.

    Args, errors: as for `fold_names`.

    By hand: four photographs, a and b with class 1, c with class 2, d with none, in two folds. Of class 2, each
    fold lacks 1/2: c goes to fold 0. Of class 1 each lacks 1; fold 1 lacks 2 photographs and fold 0 lacks 1, so the
    first of a and b goes to fold 1, and the other one to fold 0. d goes to fold 1.
    """
    members: dict[str, list[str]] = {}
    for name in sorted(classes):
        members.setdefault(groups.get(name, name), []).append(name)
    what = ("group of images", "groups of images") if groups else ("image", "images")
    if len(members) < folds:
        raise MaskwrightError(
            f"{_SETTING}: {counted(len(members), *what)} cannot be divided into {folds} folds; lower it"
        )
    numbers = sorted({number for each in classes.values() for number in each})
    names = sorted(members, key=lambda group: (_rank(seed, group), group))
    # (groups, classes + 1): in how many of a group's photographs each class is, and how many it has.
    counts = np.array(
        [[*(sum(c in classes[n] for n in members[g]) for c in numbers), len(members[g])] for g in names], float
    )
    labelled = int(np.count_nonzero(counts[:, :-1].any(axis=1)))
    if labelled < folds:
        raise MaskwrightError(
            f"{_SETTING}: only {counted(labelled, *what)} of {len(members):,} "
            f"{'has' if labelled == 1 else 'have'} an object, so one of {folds} folds would have none; "
            "lower it, or label more"
        )
    lacking = np.tile(counts.sum(axis=0) / folds, (folds, 1))  # (folds, classes + 1)
    left = np.ones(len(names), bool)
    fold_of_group = np.zeros(len(names), int)
    while left.any():
        in_left = counts[left].sum(axis=0)
        present = np.flatnonzero(in_left[:-1])
        column = int(present[in_left[present].argmin()]) if present.size else -1
        group = int(np.argmax(np.where(left, counts[:, column], -1)))
        # Rounded: sums of fractions differ in their last digits, and a tie is to be one.
        chosen = int(np.lexsort((-lacking[:, -1].round(6), -lacking[:, column].round(6)))[0])
        lacking[chosen] -= counts[group]
        left[group], fold_of_group[group] = False, chosen
    return {name: int(fold) for group, fold in zip(names, fold_of_group, strict=True) for name in members[group]}


def rare_classes(
    classes: Mapping[str, Collection[int]], groups: Mapping[str, str], names: Sequence[str], *, validation: bool
) -> Iterable[Finding]:
    """Yield a warning for each class that some training would lack, because it is in too few photographs.

    A class in three groups is in three folds, so at most two of them are the test and the validation.

    Args:
        classes, groups, validation: as for `fold_names`.
        names: of the classes from 1 on.
    """
    needed = 3 if validation else 2
    what = ("group of images", "groups of images") if groups else ("image", "images")
    for number, name in enumerate(names, start=1):
        holders = {groups.get(image, image) for image, its in classes.items() if number in its}
        if 0 < len(holders) < needed:
            message = (
                f"the class {printable(name, 40)!r} is in {counted(len(holders), *what)}: "
                "where it is tested, the training may have none"
            )
            yield Finding("warning", "rare-class", message, f"label {needed} or more, or read nothing into its score")


def _rank(seed: int, group: str) -> bytes:
    return hashlib.sha256(f"{seed}/{group}".encode("utf-8", "surrogatepass")).digest()
