"""Which attribute of the regions holds their class, and which class a region's label means."""

import difflib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from maskwright.via.findings import Finding
from maskwright.via.model import AttributeValue, Problem, Region
from maskwright.via.read import AnnotationError, AnnotationFile, entries
from maskwright.via.source import printable

ONE_CLASS = "object"
"""The class of every region in a file whose regions have no labels."""

MOST_CLASSES = 254

_PLACEHOLDERS = frozenset({"not_defined", "unknown"})  # the defaults of VIA's demonstration attributes
_BACKGROUND = "background"  # index 0: pixels outside all regions, so no region can have this class
_SHOWN = 8
# Where a user sets them, in params.yaml or on the command line.
_LABEL, _CLASSES = "annotations.label (or --label)", "annotations.classes (or --classes)"


@dataclass(frozen=True)
class LabelRule:
    """How a region's class is found.

    Attributes:
        attribute: the region attribute, in any letter case; None if no region has a label, so every region has the
            only class.
        classes: without background; a class's index is its position + 1.
        problems: findings about the labels of the file as a whole.
    """

    attribute: str | None
    classes: tuple[str, ...]
    problems: tuple[Problem, ...] = field(default=(), repr=False, compare=False)


@dataclass
class _Attribute:
    """How a file uses one attribute: its spellings, and the labels of regions that have exactly one."""

    spellings: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    several: int = 0  # regions with more than one checked option

    @property
    def name(self) -> str:
        return self.spellings.most_common(1)[0][0]

    @property
    def fits(self) -> bool:
        return 0 < len(self.labels) <= MOST_CLASSES

    def shown(self) -> str:
        examples = [printable(label, 24) for label, _ in self.labels.most_common(3)]
        rest = "..." if len(self.labels) > 3 else ""
        several = "several checked" if self.several and not examples else ""
        return f"{printable(self.name, 40)} ({', '.join(examples) + rest or several or 'no values'})"


def find_label_rule(file: AnnotationFile, *, label: str | None, classes: Sequence[str] | None) -> LabelRule:
    """Decide which attribute holds the class, and which classes there are.

    For training data, `label` and `classes` may be None. For validation and test data, pass `label=rule.attribute`
    and `classes=rule.classes` of the training file's rule.

    Args:
        file: read here once to its end.
        label: the attribute's name, in any letter case; None takes the only attribute that has labels (if there are
            several, the only one with a label in `classes`, or for which the file defines options).
        classes: the classes in index order; None takes the file's labels, sorted (numbers by value).

    Raises:
        AnnotationError: there is no region; no region has the attribute `label`; several attributes could be meant;
            no region has a label and several `classes` are named; more than 254 different labels.
    """
    regions, attributes = _survey(file, frozenset(classes or ()))
    if not regions and classes is None:
        raise AnnotationError(f"{file.path}: no image has a region; draw some in VIA and save again")
    if label is None:
        attribute = _only_fitting(file, attributes, classes)
    else:
        attribute = _named(file, attributes, label) if regions else _Attribute(Counter([label]))
    if attribute is None:
        return _unlabelled(file, classes)
    problems = _spelling_problems(file, attribute, label)
    if classes is None:
        if not attribute.labels:
            raise AnnotationError(
                f"{file.path}: no region has exactly one value of {printable(attribute.name)!r}; label the regions "
                f"in VIA, or set {_LABEL} to another attribute"
            )
        if len(attribute.labels) > MOST_CLASSES:
            raise AnnotationError(
                f"{file.path}: more than {MOST_CLASSES} different labels in {printable(attribute.name)!r}; list the "
                f"ones to use in {_CLASSES}, or set {_LABEL} to another attribute"
            )
        problems += _rare_labels(file, attribute.labels)
        found = [name for name in attribute.labels if name.casefold() != _BACKGROUND] or list(attribute.labels)
        return LabelRule(attribute.name, tuple(sorted(found, key=_class_order)), tuple(problems))
    for name in classes:
        if name not in attribute.labels:
            message = f"no region has the label {printable(name)!r}"
            advice = f"none if that is intended; else check the spelling in {_CLASSES}"
            problems.append(Finding("warning", "unused-class", message, advice).at(str(file.path)))
    return LabelRule(attribute.name, tuple(classes), tuple(problems))


def class_of(region: Region, rule: LabelRule) -> tuple[int | None, Finding | None]:
    """Return a region's class index (from 1; None if its class is not known) and the finding, if any."""
    if rule.attribute is None:
        return 1, None
    name = printable(rule.attribute, 40)
    value = _value_of(region.attributes, rule.attribute)
    checked = _checked(value)
    if len(checked) > 1:
        listed = ", ".join(printable(text, 30) for text in checked[:_SHOWN])
        message = f"{name!r} has {len(checked)} values ({listed}), and a region has one class"
        return None, Finding("refused", "several-labels", message, "keep one of them checked")
    if not checked or (checked[0] in _PLACEHOLDERS and checked[0] not in rule.classes):
        said = f"{name!r} still has VIA's default {checked[0]!r}" if checked else f"no label: {name!r} is empty"
        if len(rule.classes) == 1:
            message = f"{said}; taken as the only class, {printable(rule.classes[0], 40)}"
            return 1, Finding("warning", "no-label", message, "none needed if that is right")
        return None, Finding("refused", "no-label", said, "label the region in VIA, or delete it")
    label = checked[0]
    if label not in rule.classes:
        return None, _unknown(label, rule)
    if isinstance(value, str) and value != label:
        message = f"the label has spaces around it; read as {printable(label, 40)!r}"
        return rule.classes.index(label) + 1, Finding("warning", "spaces-in-label", message, "none needed")
    return rule.classes.index(label) + 1, None


def _unknown(label: str, rule: LabelRule) -> Finding:
    known = ", ".join(printable(name, 30) for name in rule.classes[:_SHOWN])
    known += ", ..." if len(rule.classes) > _SHOWN else ""
    if label.casefold() == _BACKGROUND:
        message = f"labelled {printable(label)!r}, the class of pixels outside all regions"
        return Finding("refused", "background-label", message, "delete the region, or give the class another name")
    close = difflib.get_close_matches(label, rule.classes, 1) or [
        name for name in rule.classes if name.casefold() == label.casefold()
    ]
    advice = f"did you mean {printable(close[0], 40)!r}? Else add" if close else "correct it, or add"
    message = f"the label {printable(label, 40)!r} is not among the classes ({known})"
    return Finding("refused", "unknown-label", message, f"{advice} it to {_CLASSES}")


def _folded(name: str) -> str:
    return name.strip().casefold()


def _value_of(attributes: Mapping[str, AttributeValue], name: str) -> AttributeValue:
    """Return the value of an attribute in the given spelling, or else in any other spelling that has a value."""
    value = attributes.get(name, "")
    if value:
        return value
    folded = _folded(name)
    return next((value for key, value in attributes.items() if value and _folded(key) == folded), "")


def _checked(value: AttributeValue) -> list[str]:
    """Return the labels in a value, without surrounding spaces."""
    return [text.strip() for text in ((value,) if isinstance(value, str) else value) if text.strip()]


def _survey(file: AnnotationFile, wanted: frozenset[str]) -> tuple[int, dict[str, _Attribute]]:
    regions = 0
    attributes: dict[str, _Attribute] = {}
    for entry in entries(file):
        regions += len(entry.regions)
        for region in entry.regions:
            for key, value in region.attributes.items():
                attribute = attributes.setdefault(_folded(key), _Attribute())
                attribute.spellings[key] += 1
                checked = _checked(value)
                attribute.several += len(checked) > 1
                if len(checked) != 1 or (checked[0] in _PLACEHOLDERS and checked[0] not in wanted):
                    continue
                # Free text may differ in every region. Beyond the limit it cannot hold classes, and is not kept.
                known = checked[0] in wanted or checked[0] in attribute.labels
                if known or len(attribute.labels) <= MOST_CLASSES:
                    attribute.labels[checked[0]] += 1
    return regions, attributes


def _only_fitting(
    file: AnnotationFile, attributes: dict[str, _Attribute], classes: Sequence[str] | None
) -> _Attribute | None:
    fitting = [attribute for attribute in attributes.values() if attribute.fits]
    if classes is not None and len(fitting) != 1:
        fitting = [a for a in attributes.values() if any(name in a.labels for name in classes)] or fitting
    if len(fitting) > 1:
        # A list of options is meant for the class; free text beside it (a score, a remark) is not.
        with_options = [attribute for attribute in fitting if file.options.get(attribute.name)]
        fitting = with_options if len(with_options) == 1 else fitting
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise AnnotationError(
            f"{file.path}: the class could be in any of several attributes: "
            f"{'; '.join(a.shown() for a in fitting[:_SHOWN])}. Set {_LABEL} to one of them"
        )
    unfit = [a for a in attributes.values() if a.labels or a.several]
    if unfit:
        raise AnnotationError(
            f"{file.path}: no attribute gives each region one of at most {MOST_CLASSES} classes: "
            f"{'; '.join(a.shown() for a in unfit[:_SHOWN])}. Label the regions in VIA, or set {_LABEL}"
        )
    return None


def _named(file: AnnotationFile, attributes: dict[str, _Attribute], label: str) -> _Attribute:
    found = attributes.get(_folded(label))
    if found:
        return found
    choices = "; ".join(a.shown() for a in attributes.values() if a.labels)
    advice = f"set {_LABEL} to one of: {choices}" if choices else "label them in VIA"
    raise AnnotationError(f"{file.path}: no region has the attribute {printable(label)!r}; {advice}")


def _unlabelled(file: AnnotationFile, classes: Sequence[str] | None) -> LabelRule:
    if classes is not None and len(classes) != 1:
        raise AnnotationError(
            f"{file.path}: no region has a label, but there are {len(classes)} classes "
            f"({', '.join(printable(name, 30) for name in classes[:_SHOWN])}); label the regions in VIA"
        )
    name = classes[0] if classes else ONE_CLASS
    message = f"no region has a label; all are taken as one class, {printable(name, 40)!r}"
    finding = Finding("warning", "no-labels", message, "none if there is one class; else label the regions in VIA")
    return LabelRule(None, (name,), (finding.at(str(file.path)),))


def _spelling_problems(file: AnnotationFile, attribute: _Attribute, label: str | None) -> list[Problem]:
    written = sorted(attribute.spellings)
    if len(written) == 1 and label in (None, written[0]):
        return []
    quoted = " and ".join(repr(printable(name, 40)) for name in written)
    if len(written) > 1:
        message = f"the label's attribute is written {quoted}; they are taken as the same"
    else:
        message = f"the label's attribute is written {quoted} here, not {label!r}; they are taken as the same"
    return [Finding("warning", "attribute-spelling", message, "none needed").at(str(file.path))]


def _rare_labels(file: AnnotationFile, labels: Counter[str]) -> list[Problem]:
    """Warn of labels that resemble one 10 times as frequent (3 times, for a label on one or two regions)."""
    problems = []
    for rare, count in labels.items():
        for frequent, more in labels.items():
            if frequent == rare or more < (3 * count if count <= 2 else 10 * count):
                continue
            if _digits_differ(rare, frequent) or not _alike(rare, frequent):
                continue
            message = (
                f"the label {printable(rare, 40)!r} ({count} {'region' if count == 1 else 'regions'}) looks like a "
                f"misspelt {printable(frequent, 40)!r} ({more}); it becomes a class of its own"
            )
            advice = f"correct it in VIA, or list the right ones in {_CLASSES}"
            problems.append(Finding("warning", "rare-label", message, advice).at(str(file.path)))
            break
    return problems


def _alike(one: str, other: str) -> bool:
    one, other = one.casefold(), other.casefold()
    # The ratio underrates swapped letters (dgo), so these are compared separately.
    return sorted(one) == sorted(other) or difflib.SequenceMatcher(None, one, other).ratio() >= 0.8


def _digits_differ(one: str, other: str) -> bool:
    """Whether two labels are numbered siblings (`part1`, `part2`), which are not misspellings."""
    kept = ["".join(c for c in text if not c.isdigit()) for text in (one, other)]
    return kept[0] == kept[1]


def _class_order(label: str) -> tuple[int, int, str]:
    number = label.isascii() and label.isdigit() and len(label) < 19
    return (0, int(label), label) if number else (1, 0, label)
