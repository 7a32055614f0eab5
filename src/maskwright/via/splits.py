"""Which images are for training, validation and test."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from maskwright.shared.errors import MaskwrightError
from maskwright.via.labels import LabelRule, find_label_rule
from maskwright.via.lint import merged_entries
from maskwright.via.read import AnnotationFile, open_annotations

if TYPE_CHECKING:
    from maskwright.via.params import Annotations

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Source:
    """One split's annotation file. `names` are the images of the split if the file serves several splits."""

    split: str
    file: AnnotationFile
    rule: LabelRule
    names: frozenset[str] | None = None


def split_sources(annotations: "Annotations") -> list[Source]:
    """Open the annotation files and say which split each serves: training, validation and test, in this order.

    All splits use the classes of the training file, and the attribute that holds them there.

    Raises:
        MaskwrightError: files cannot be read (all of them are named) or do not fit the training file; there are too
            few images to split.
    """
    root = Path(annotations.root)
    named = {"train": annotations.train, "validation": annotations.validation, "test": annotations.test}
    files: dict[str, AnnotationFile] = {}
    errors: list[str] = []
    for split, name in named.items():
        if name is not None:
            try:
                files[split] = open_annotations(root / name)
            except MaskwrightError as error:
                errors.append(str(error))
    if errors:
        raise MaskwrightError("; ".join(errors))
    training = files["train"]
    rule = find_label_rule(training, label=annotations.label, classes=annotations.classes)
    names: dict[str, frozenset[str]] = {}
    if len(files) < len(SPLITS):
        try:
            names = split_names(
                (entry.filename for entry in merged_entries(training)),
                seed=annotations.seed,
                validation=None if "validation" in files else annotations.validation_fraction,
                test=None if "test" in files else annotations.test_fraction,
            )
        except ValueError as error:
            missing = " and ".join(f"annotations.{split}" for split in SPLITS if split not in files)
            raise MaskwrightError(f"{training.path}: {error}; add images, or name a file in {missing}") from None
    sources = []
    for split in SPLITS:
        file, its_rule = files.get(split, training), rule
        if file is not training:
            try:
                its_rule = find_label_rule(file, label=rule.attribute, classes=rule.classes)
            except MaskwrightError as error:
                errors.append(str(error))
        sources.append(Source(split, file, its_rule, names.get(split)))
    if errors:
        raise MaskwrightError("; ".join(errors))
    return sources


def split_names(
    names: Iterable[str], *, seed: int, validation: float | None, test: float | None
) -> dict[str, frozenset[str]]:
    """Split images: `validation` and `test` are fractions, None if that split comes from elsewhere.

    Each split gets at least one image.

    Raises:
        ValueError: there are fewer images than splits.
    """

    def rank(name: str) -> tuple[bytes, str]:
        return hashlib.sha256(f"{seed}/{name}".encode("utf-8", "surrogatepass")).digest(), name

    ranked = sorted(set(names), key=rank)
    fractions = {"test": test, "validation": validation}
    wanted = {split: fraction for split, fraction in fractions.items() if fraction is not None}
    if len(ranked) <= len(wanted):
        raise ValueError(f"{len(ranked)} images cannot be divided into {len(wanted) + 1} splits")
    shares, start = {}, 0
    for left, (split, fraction) in enumerate(wanted.items(), 1):
        most = len(ranked) - start - (len(wanted) - left) - 1  # at least one image for each remaining split
        count = min(max(1, round(fraction * len(ranked))), most)
        shares[split] = frozenset(ranked[start : start + count])
        start += count
    return {"train": frozenset(ranked[start:]), **shares}
