"""Reading and checking params.yaml. An unknown key or a wrong value is an error that gives the key's path.

Each experiment defines its own section, and so do the annotations, the generated data and the sweeps.
"""

from collections.abc import Iterable, Iterator
from datetime import date
from itertools import islice
from pathlib import Path
from reprlib import Repr
from typing import Any

from pydantic import ValidationError, create_model

from maskwright.catalogue import EXPERIMENTS
from maskwright.digits.params import Digits
from maskwright.drinks.params import Drinks
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.settings import Section
from maskwright.shared.sweep_settings import Sweeps
from maskwright.shared.terminal import visible
from maskwright.shared.yaml_file import read_yaml
from maskwright.via.params import Annotations

_MOST_ERRORS = 20
_LONGEST = 60
"""Characters that an error shows of a key or a value."""
_LONGEST_MESSAGE = 1000
_MOST_BITS = 63


class _Short(Repr):
    def repr_int(self, x: int, level: int) -> str:
        # Python itself refuses to write numbers of thousands of digits.
        return super().repr_int(x, level) if x.bit_length() <= _MOST_BITS else f"a number of {x.bit_length():,} bits"


class Params(Section):
    """The whole of params.yaml. Each experiment in the catalogue has a section; see `section`."""

    annotations: Annotations
    drinks: Drinks
    digits: Digits
    sweeps: Sweeps

    def section(self, name: str) -> Any:
        """Return the section with this name, as the type that its experiment defines."""
        return getattr(self, name)


_sections: dict[str, Any] = {name: (about.settings, ...) for name, about in EXPERIMENTS.items()}
_Whole = create_model("Params", __base__=Params, **_sections)


def load_params(path: Path = Path("params.yaml")) -> Params:
    """Read and check a params file.

    Raises:
        MaskwrightError: the file is missing, is not YAML, or has an unknown key, a wrong type or a wrong value;
            the message names the file and every offending key.
    """
    return parse_params(read_yaml(path), path)


def parse_params(values: Any, path: Path = Path("params.yaml")) -> Params:
    """Check the content of a params file. Errors name `path`, and are those of `load_params`."""
    if not isinstance(values, dict):
        raise MaskwrightError(f"{path}: must hold sections such as annotations and segmentation")
    unfit = list(islice(_unfit(values, ()), _MOST_ERRORS + 1))
    if unfit:
        raise MaskwrightError(_joined([f"{path}: {problem}" for problem in unfit]))
    try:
        return _Whole.model_validate(values)
    except ValidationError as error:
        raise MaskwrightError(_joined([_describe(path, item) for item in error.errors()])) from None


def _unfit(value: Any, place: tuple[object, ...]) -> Iterator[str]:
    """Yield what no setting can be, whatever its key: YAML knows more than settings do, and some keys take anything.

    The nesting is not deep: `read_yaml` has seen to that.
    """
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                yield f"{_key((*place, _shown(key)))}: a key must be text; put it in quotes"
            elif not _is_writable(key):
                yield f"{_key((*place, _shown(key)))}: holds a character that no text may have; remove it"
            else:
                yield from _unfit(inner, (*place, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _unfit(inner, (*place, number))
    elif isinstance(value, int) and not isinstance(value, bool):
        if value.bit_length() > _MOST_BITS:
            yield f"{_key(place)}: the number is too large; it must be below 2^{_MOST_BITS}"
    elif isinstance(value, str):
        if not _is_writable(value):
            yield f"{_key(place)}: holds a character that no text may have (got {_shown(value)}); remove it"
    elif value is not None and not isinstance(value, bool | float | date):
        yield f"{_key(place)}: {type(value).__name__} is no kind of setting; write text, numbers, lists and mappings"


def _is_writable(text: str) -> bool:
    """Return whether a text can be a file's name, and be written to a file in UTF-8."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _describe(path: Path, item: Any) -> str:
    key = _key(item["loc"])
    message = {"extra_forbidden": "unknown key; remove it or correct its spelling", "missing": "missing"}.get(
        item["type"], _cut(visible(item["msg"].removeprefix("Value error, ")), _LONGEST_MESSAGE)
    )
    if item["type"] in ("missing", "extra_forbidden", "value_error"):
        return f"{path}: {key}: {message}"
    hint = "; put it in quotes" if item["type"] == "string_type" and _is_bare(item["input"]) else ""
    return f"{path}: {key}: {message} (got {_shown(item['input'])}){hint}"


def _is_bare(value: Any) -> bool:
    """Return whether YAML may have produced this value from text that should have been quoted."""
    return isinstance(value, bool | int | float | date)


def _joined(problems: list[str]) -> str:
    more = f"; and {len(problems) - _MOST_ERRORS:,} more" if len(problems) > _MOST_ERRORS else ""
    return "; ".join(problems[:_MOST_ERRORS]) + more


def _key(place: Iterable[object]) -> str:
    return ".".join(_cut(visible(str(part))) for part in place)


def _shown(value: Any) -> str:
    return str(value) if isinstance(value, date) else _short(value)


def _short(value: Any) -> str:
    short = _Short()
    short.maxstring = short.maxother = _LONGEST
    return short.repr(value)


def _cut(text: str, longest: int = _LONGEST) -> str:
    return text if len(text) <= longest else f"{text[:longest]}..."
