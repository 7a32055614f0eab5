"""Which attribute of the regions holds their class, and which class a region's label means."""

import difflib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from maskwright.via.findings import Finding, counted
from maskwright.via.model import AttributeValue, Problem, Region
from maskwright.via.read import AnnotationError, AnnotationFile, entries
from maskwright.via.source import printable

UNUSED_CLASS = "unused-class"
"""The code of the finding on a class that no region has."""

ONE_CLASS = "object"
"""The class of every region in a file whose regions have no labels."""

MOST_CLASSES = 254

DROPPED = "dropped"
"""The code of the finding on a region whose label `annotations.rename` maps to null."""

Renames = Mapping[str, str | None]

# The defaults of VIA's demonstration attributes, as stored and as a project file labels them.
_PLACEHOLDERS = frozenset({"not_defined", "unknown", "Unknown (object)"})
_DEMONSTRATION = "image_quality"
_DEMONSTRATED = (
    frozenset({"good", "frontal", "good_illumination"}),
    frozenset({"good", "Object in Frontal View", "Good Illumination"}),
)
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
        renames: label -> the class that it stands for, or None if its regions are to be left out.
        problems: findings about the labels of the file as a whole.
        unmet: what `renames` names and no region has.
        object: the region attribute, in any letter case, whose equal values join regions of a photograph to one
            object; None if each region is one.
    """

    attribute: str | None
    classes: tuple[str, ...]
    renames: Renames = field(default_factory=dict, repr=False)
    problems: tuple[Problem, ...] = field(default=(), repr=False, compare=False)
    unmet: frozenset[str] = field(default=frozenset(), repr=False, compare=False)
    object: str | None = field(default=None, repr=False)


@dataclass
class _Attribute:
    """How files use one attribute: its spellings, and the labels of regions that have exactly one."""

    spellings: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    renamed: Counter[str] = field(default_factory=Counter)
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


def find_label_rule(
    file: AnnotationFile,
    *more: AnnotationFile,
    label: str | None,
    classes: Sequence[str] | None,
    renames: Renames | None = None,
    apart: str | None = None,
) -> LabelRule:
    """Decide which attribute holds the class, and which classes there are.

    For training data, `label` and `classes` may be None. For validation and test data, pass `label=rule.attribute`
    and `classes=rule.classes` of the training file's rule. The attribute may then have another name there: it is
    the one of the same letters, or else the only one with one of the classes among its labels. Where the only class
    is given and no region has any label, all regions have that class.

    Args:
        file: read here once to its end.
        more: further files, whose labels count together with the first one's.
        label: the attribute's name, in any letter case; None takes the only attribute that has labels (if there are
            several, the only one with a label in `classes`, or for which the file defines options).
        classes: the classes in index order; None takes the files' labels, sorted (numbers by value).
        renames: label -> class, or None to leave its regions out. Whatever else is said of labels here refers to
            those after renaming.
        apart: an attribute that holds something else, and the class only if `label` says so.

    Raises:
        AnnotationError: there is no region; no region has the attribute `label`; several attributes could be meant;
            no region has a label and several `classes` are named; more than 254 different labels.
    """
    renames = renames or {}
    survey = _survey((file, *more), frozenset(classes or ()), renames)
    if not survey.regions and classes is None:
        raise AnnotationError(f"{survey.where}: no image has a region; draw some in VIA and save again")
    if label is None:
        if apart is not None:
            survey.attributes.pop(_folded(apart), None)
        attribute = _only_fitting(survey, classes)
    else:
        attribute = _named(survey, label, classes) if survey.regions else _Attribute(Counter([label]))
    unmet = frozenset(renames) - frozenset(attribute.renamed if attribute is not None else ())
    if attribute is None:
        rule = _unlabelled(survey, classes)
        return LabelRule(None, rule.classes, renames, rule.problems, unmet)
    problems = _spelling_problems(survey, attribute, label) + _renaming_problems(survey, attribute, renames)
    if classes is None:
        if not attribute.labels:
            raise AnnotationError(
                f"{survey.where}: no region has exactly one value of {printable(attribute.name)!r}; label the "
                f"regions in VIA, or set {_LABEL} to another attribute"
            )
        if len(attribute.labels) > MOST_CLASSES:
            raise AnnotationError(
                f"{survey.where}: more than {MOST_CLASSES} different labels in {printable(attribute.name)!r}; list "
                f"the ones to use in {_CLASSES}, or set {_LABEL} to another attribute"
            )
        problems += _rare_labels(survey, attribute.labels)
        found = [name for name in attribute.labels if name.casefold() != _BACKGROUND] or list(attribute.labels)
        return LabelRule(attribute.name, tuple(sorted(found, key=_class_order)), renames, tuple(problems), unmet)
    for name in classes:
        if name not in attribute.labels:
            message = f"no region has the label {printable(name)!r}"
            advice = f"none if that is intended; else check the spelling in {_CLASSES}"
            problems.append(Finding("warning", UNUSED_CLASS, message, advice).at(survey.where))
    return LabelRule(attribute.name, tuple(classes), renames, tuple(problems), unmet)


def label_of(region: Region, rule: LabelRule) -> AttributeValue:
    """Return what a region says in the attribute of its label, as written."""
    return "" if rule.attribute is None else _value_of(region.attributes, rule.attribute)


def object_of(region: Region, rule: LabelRule) -> str:
    """Return what a region says in the attribute that joins regions to objects, "" if nothing."""
    if rule.object is None:
        return ""
    return ", ".join(sorted(_checked(_value_of(region.attributes, rule.object))))


def class_of(region: Region, rule: LabelRule) -> tuple[int | None, Finding | None]:
    """Return a region's class index (from 1; None if its class is not known) and the finding, if any."""
    if rule.attribute is None:
        return 1, None
    name = printable(rule.attribute, 40)
    value = label_of(region, rule)
    written = _checked(value)
    checked = _renamed(written, rule.renames)
    if written and not checked:
        message = f"its label {printable(written[0], 40)!r} is left out by annotations.rename"
        return None, Finding("warning", DROPPED, message, "none needed: its pixels are background")
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
    if isinstance(value, str) and value != written[0]:
        message = f"the label has spaces around it; read as {printable(label, 40)!r}"
        return rule.classes.index(label) + 1, Finding("warning", "spaces-in-label", message, "none needed")
    return rule.classes.index(label) + 1, None


def _unknown(label: str, rule: LabelRule) -> Finding:
    known = ", ".join(printable(name, 30) for name in rule.classes[:_SHOWN])
    known += ", ..." if len(rule.classes) > _SHOWN else ""
    if label.casefold() == _BACKGROUND:
        message = f"labelled {printable(label)!r}, the class of pixels outside all regions"
        return Finding("refused", "background-label", message, "delete the region, or give the class another name")
    # The same word in another case comes first: it is the likelier slip, and found without comparing letters.
    folded = label.casefold()
    close = [name for name in rule.classes if name.casefold() == folded]
    close = close or difflib.get_close_matches(label, rule.classes, 1)
    advice = f"did you mean {printable(close[0], 40)!r}? Else add" if close else "correct it, or add"
    message = f"the label {printable(label, 40)!r} is not among the classes ({known})"
    quotes = "; a name with a comma stands in double quotes in --classes" if "," in label else ""
    return Finding("refused", "unknown-label", message, f"{advice} it to {_CLASSES}{quotes}")


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


def _renamed(labels: list[str], renames: Renames) -> list[str]:
    """Return labels after renaming: without those that are left out, and each one once if any was renamed."""
    if not renames or not any(label in renames for label in labels):
        return labels
    found = (renames.get(label, label) for label in labels)
    return list(dict.fromkeys(label for label in found if label is not None))


@dataclass
class _Survey:
    """What the regions of some files say."""

    where: str
    options: frozenset[str]  # the attributes for which a file lists options
    regions: int = 0
    attributes: dict[str, _Attribute] = field(default_factory=dict)


def _survey(files: Sequence[AnnotationFile], wanted: frozenset[str], renames: Renames) -> _Survey:
    options = frozenset(name for file in files for name, listed in file.options.items() if listed)
    survey = _Survey(", ".join(str(file.path) for file in files), options)
    for entry in chain.from_iterable(map(entries, files)):
        survey.regions += len(entry.regions)
        for region in entry.regions:
            for key, value in region.attributes.items():
                folded = _folded(key)
                written = _checked(value)
                if folded == _DEMONSTRATION and frozenset(written) in _DEMONSTRATED:
                    continue
                attribute = survey.attributes.setdefault(folded, _Attribute())
                attribute.spellings[key] += 1
                attribute.renamed.update(label for label in written if label in renames)
                checked = _renamed(written, renames)
                attribute.several += len(checked) > 1
                if len(checked) != 1 or (checked[0] in _PLACEHOLDERS and checked[0] not in wanted):
                    continue
                # Free text may differ in every region. Beyond the limit it cannot hold classes, and is not kept.
                known = checked[0] in wanted or checked[0] in attribute.labels
                if known or len(attribute.labels) <= MOST_CLASSES:
                    attribute.labels[checked[0]] += 1
    return survey


def _only_fitting(survey: _Survey, classes: Sequence[str] | None) -> _Attribute | None:
    attributes = survey.attributes
    fitting = [attribute for attribute in attributes.values() if attribute.fits]
    if classes is not None and len(fitting) != 1:
        fitting = [a for a in attributes.values() if any(name in a.labels for name in classes)] or fitting
    if len(fitting) > 1:
        # A list of options is meant for the class; free text beside it (a score, a remark) is not.
        with_options = [attribute for attribute in fitting if attribute.name in survey.options]
        fitting = with_options if len(with_options) == 1 else fitting
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise AnnotationError(
            f"{survey.where}: the class could be in any of several attributes: "
            f"{'; '.join(a.shown() for a in fitting[:_SHOWN])}. Set {_LABEL} to one of them"
        )
    unfit = [a for a in attributes.values() if a.labels or a.several]
    if unfit and (classes is None or len(classes) > 1):
        raise AnnotationError(
            f"{survey.where}: no attribute gives each region one of at most {MOST_CLASSES} classes: "
            f"{'; '.join(a.shown() for a in unfit[:_SHOWN])}. Label the regions in VIA, or set {_LABEL}"
        )
    return None


def _named(survey: _Survey, label: str, classes: Sequence[str] | None) -> _Attribute | None:
    """Return the attribute that is asked for; None if no region has any label, and there is only one class."""
    attributes = survey.attributes
    found = attributes.get(_folded(label))
    if found is not None:
        return found
    if classes is not None:
        letters = [a for name, a in attributes.items() if _letters(name) == _letters(label)]
        meant = letters or [a for a in attributes.values() if any(name in a.labels for name in classes)]
        if len(meant) == 1:
            return meant[0]
        if len(classes) == 1 and not any(a.fits for a in attributes.values()):
            return None
    labelled = [a for a in attributes.values() if a.labels]
    choices = "; ".join(a.shown() for a in labelled[:_SHOWN])
    advice = f"set {_LABEL} to one of: {choices}" if choices else "label them in VIA"
    if classes is not None and choices:
        advice += f"; in a file with classes from elsewhere, rename its attribute to {printable(label, 40)!r}"
    raise AnnotationError(f"{survey.where}: no region has the attribute {printable(label)!r}; {advice}")


def _letters(name: str) -> str:
    """Return a name without what spellings differ in: `Class Name` and `class_name` are `classname`."""
    return "".join(c for c in name.casefold() if c.isalnum())


def _unlabelled(survey: _Survey, classes: Sequence[str] | None) -> LabelRule:
    if classes is not None and len(classes) != 1:
        raise AnnotationError(
            f"{survey.where}: no region has a label, but there are {len(classes)} classes "
            f"({', '.join(printable(name, 30) for name in classes[:_SHOWN])}); label the regions in VIA"
        )
    name = classes[0] if classes else ONE_CLASS
    message = f"no region has a label; all are taken as one class, {printable(name, 40)!r}"
    finding = Finding("warning", "no-labels", message, "none if there is one class; else label the regions in VIA")
    return LabelRule(None, (name,), problems=(finding.at(survey.where),))


def _spelling_problems(survey: _Survey, attribute: _Attribute, label: str | None) -> list[Problem]:
    written = sorted(attribute.spellings)
    if len(written) == 1 and label in (None, written[0]):
        return []
    quoted = " and ".join(repr(printable(name, 40)) for name in written)
    if len(written) > 1:
        message = f"the label's attribute is written {quoted}; they are taken as the same"
    else:
        message = f"the label's attribute is written {quoted} here, not {label!r}; they are taken as the same"
    return [Finding("warning", "attribute-spelling", message, "none needed").at(survey.where)]


def _renaming_problems(survey: _Survey, attribute: _Attribute, renames: Renames) -> list[Problem]:
    """Say what renaming did, label by label, in the order in which it is asked for."""
    problems = []
    for label, name in renames.items():
        if count := attribute.renamed[label]:
            said = f"the label {printable(label, 40)!r} ({counted(count, 'region')})"
            done = "is left out" if name is None else f"is read as {printable(name, 40)!r}"
            finding = Finding("warning", "renamed", f"{said} {done}", "none needed: annotations.rename says so")
            problems.append(finding.at(survey.where))
    return problems


def _rare_labels(survey: _Survey, labels: Counter[str]) -> list[Problem]:
    """Warn of labels that resemble one 10 times as frequent (3 times, for a label on one or two regions)."""
    problems = []
    for rare, count in labels.items():
        for frequent, more in labels.items():
            if frequent == rare or more < (3 * count if count <= 2 else 10 * count):
                continue
            if _digits_differ(rare, frequent) or not _alike(rare, frequent):
                continue
            message = (
                f"the label {printable(rare, 40)!r} ({counted(count, 'region')}) looks like a "
                f"misspelt {printable(frequent, 40)!r} ({more}); it becomes a class of its own"
            )
            advice = f"correct it in VIA, or list the right ones in {_CLASSES}"
            problems.append(Finding("warning", "rare-label", message, advice).at(survey.where))
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
