"""Factors and their levels, from values as people write them: `True`, `true`, `1e-3`, `0.001`, `ReLU`, `relu`."""

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from maskwright.shared.errors import MaskwrightError

Scale = Literal["category", "linear", "log"]

_WORDS = {"true": "true", "false": "false"}
_DIGITS = {1.0: "true", 0.0: "false"}
_PLAIN = ("none", "null", "off", "default", "baseline")
"""Levels that others are compared with, the most telling first."""
_BASELINE = 1.5
_LEAST_RATIO = 3.0  # for numbers closer together than this, the scale hardly matters


@dataclass(frozen=True)
class Factor:
    """One thing that was varied.

    Attributes:
        name: as in the table of trials.
        scale: "category"; "linear" or "log" for numbers.
        levels: the levels that occur. For a category, texts, with the reference first; for numbers, floats in rising
            order.
        step: on a log scale, the ratio for which an effect is stated (10 or 2); else 0.
    """

    name: str
    scale: Scale
    levels: tuple[Any, ...]
    step: int = 0

    @property
    def changes(self) -> tuple[str, ...]:
        """The change that each column of the model stands for, for example "relu → elu" or "x10"."""
        if self.scale == "category":
            return tuple(f"{self.levels[0]} → {level}" for level in self.levels[1:])
        if self.scale == "log":
            return (f"x{self.step}",)
        # Numbers from a random search are long; three digits are enough.
        low, high = (
            f"{end:.3g}" if len(self.levels) > 8 else level_text(end) for end in self.levels[:: len(self.levels) - 1]
        )
        return (f"{low} → {high}",)

    def codes(self, values: Sequence[Any]) -> np.ndarray:
        """Return (N, columns) float64: one column for each of `changes`, in which that change is a step of 1."""
        if self.scale == "category":
            return np.array([[float(value == level) for level in self.levels[1:]] for value in values])
        numbers = np.asarray(values, float)
        if self.scale == "log":
            return (np.log(numbers / self.levels[0]) / math.log(self.step))[:, None]
        return ((numbers - self.levels[0]) / (self.levels[-1] - self.levels[0]))[:, None]


def cell_text(value: Any) -> str | None:
    """Return a cell as text in one line, whatever wrote it, and None if it is empty."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool | np.bool_):
        return str(value).lower()
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return " ".join(text.split()) or None


def level_text(level: Any) -> str:
    """Return a level in readable form: numbers without trailing zeros, and 1e-05 as it is."""
    return f"{level:.6g}" if isinstance(level, float) else str(level)


def parse_levels(cells: Sequence[str], declared: Sequence[Any] | None = None) -> tuple[list[Any], str | None]:
    """Give each cell its level: one level for all spellings of a number, a truth value or a word.

    Args:
        cells: texts, none of them empty.
        declared: the factor's levels as a sweep lists them, if it does; their spelling is the one kept.

    Returns:
        The levels, floats or texts, and a remark if words that differ only in case were taken as one.
    """
    words = {cell.casefold() for cell in cells}
    numbers = [_number(cell) for cell in cells]
    if words & _WORDS.keys() and all(w in _WORDS or _number(w) in _DIGITS for w in words):
        return [_WORDS.get(c.casefold()) or _DIGITS[float(c)] for c in cells], None
    if all(number is not None for number in numbers):
        return list(numbers), None
    spelled = [cell if number is None else level_text(number) for cell, number in zip(cells, numbers, strict=True)]
    preferred = {text.casefold(): text for value in declared or () if (text := declared_text(value))}
    for text, _ in sorted(Counter(spelled).items(), key=lambda item: (-item[1], item[0])):
        preferred.setdefault(text.casefold(), text)
    merged = sorted({text for text in spelled if preferred[text.casefold()] != text})
    remark = f"{', '.join(merged)} taken for {', '.join(preferred[m.casefold()] for m in merged)}" if merged else None
    return [preferred[text.casefold()] for text in spelled], remark


def declared_text(value: Any) -> str:
    """Return a level of params.yaml as the text that `parse_levels` uses for it; null is "null"."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return level_text(float(value))
    return "null" if value is None else cell_text(value) or ""


def make_factor(
    name: str,
    levels: Iterable[Any],
    declared: Sequence[Any] | None = None,
    scale: Scale | None = None,
    reference: str | None = None,
) -> Factor:
    """Decide how a factor enters the model.

    Args:
        name: its name.
        levels: what `parse_levels` made of its cells, one for each run.
        declared: its levels in the order of the sweep, whose first one is then the reference of a category. Without
            it the reference is the level none, null, off, default or baseline, in this order, if there is one; else a
            level 1.5 times as frequent as any other (the baseline, in plans that change one thing at a time), else
            the first in alphabetical order. For truth values it is always false.
        scale: replaces the automatic choice. That puts numbers on a log scale if all are positive, the largest is at
            least 3 times the smallest (10 times if there are only two), and they are spread more evenly there.
        reference: replaces the automatic choice of the reference.

    Raises:
        MaskwrightError: the scale does not fit the levels, or no run has the reference.
    """
    counts = Counter(levels)
    numeric = all(isinstance(level, float) for level in counts)
    if scale in ("linear", "log") and not (numeric and (scale == "linear" or min(counts) > 0)):
        kind = "a number" if scale == "linear" else "a number above 0"
        odd = next(x for x in counts if not isinstance(x, float) or x <= 0)
        raise MaskwrightError(f"factor {name}: {level_text(odd)!r} is not {kind}; give it the scale category")
    if numeric and scale != "category" and reference is None:
        numbers = tuple(sorted(counts))
        scale = scale or _number_scale(np.array(numbers))
        return Factor(name, scale, numbers, _log_step(np.array(numbers)) if scale == "log" else 0)
    if numeric:
        order = [level_text(number) for number in sorted(counts)]
    elif counts.keys() <= {"false", "true"}:
        order = sorted(counts)
    else:
        order = [text for text in map(declared_text, declared or ()) if text in counts]
        order += sorted(counts.keys() - set(order))
        (first, most), (_, second), *_ = counts.most_common()
        plain = [text for word in _PLAIN for text in order if text.casefold() == word]
        if not declared and (plain or most >= _BASELINE * second):
            order.sort(key=lambda text: text != (plain or [first])[0])
    if reference is not None:
        wanted = [text for text in order if _same(text, reference)]
        if not wanted:
            raise MaskwrightError(f"factor {name}: no run has the level {reference!r}; there is {', '.join(order)}")
        order.sort(key=lambda text: text != wanted[0])
    return Factor(name, "category", tuple(order))


def named_values(texts: Iterable[str], option: str) -> dict[str, str]:
    """Turn "FACTOR=VALUE" texts of an option into a dictionary; a name may contain "=", a value may not.

    Raises:
        MaskwrightError: a text is not of this form.
    """
    pairs = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.rpartition("="))
        if not (name and equals and value):
            raise MaskwrightError(f"{option} {text!r}: write FACTOR=VALUE")
        pairs[name] = value
    return pairs


def parse_scales(texts: Iterable[str]) -> dict[str, Scale]:
    """Turn "FACTOR=category", "FACTOR=linear" and "FACTOR=log" texts into a dictionary.

    Raises:
        MaskwrightError: a text is not of this form.
    """
    scales: dict[str, Scale] = {}
    for name, value in named_values(texts, "--scale").items():
        if value not in get_args(Scale):
            raise MaskwrightError(f"--scale {name}={value}: the scale is {', '.join(get_args(Scale))}")
        scales[name] = value  # pyright: ignore[reportArgumentType]
    return scales


def check_known(asked: Mapping[str, Any], factors: Iterable[str], what: str) -> None:
    """Raise MaskwrightError if something is asked for a name that is not a factor."""
    names = list(factors)
    for name in asked:
        if name not in names:
            raise MaskwrightError(f"{what} {name}: not a factor; there is {', '.join(names)}")


def _number(cell: str) -> float | None:
    try:
        number = float(cell)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _same(one: str, other: str) -> bool:
    number = _number(one)
    return one.casefold() == other.casefold() or (number is not None and number == _number(other))


def _number_scale(numbers: np.ndarray) -> Scale:
    if numbers[0] <= 0 or numbers[-1] / numbers[0] < (_LEAST_RATIO if len(numbers) > 2 else 10.0):
        return "linear"

    def unevenness(values: np.ndarray) -> float:
        return abs(float(np.mean((values - values[0]) / (values[-1] - values[0]))) - 0.5)

    return "log" if unevenness(np.log(numbers)) <= unevenness(numbers) + 1e-9 else "linear"


def _log_step(numbers: np.ndarray) -> int:
    doublings = np.log2(numbers / numbers[0])
    powers_of_two = np.allclose(doublings, np.rint(doublings), atol=1e-6)
    return 2 if powers_of_two or numbers[-1] / numbers[0] < 10 else 10
