"""Read YAML files by the same rules as DVC, in bounded time and memory.

DVC uses ruamel.yaml, which follows YAML 1.2: `5e-05` is a number, `yes` and `no` are texts, `010` is ten. A reader
that follows YAML 1.1, such as PyYAML, reads the same file differently.

A file may come from somebody else. So its events, which cost little and are not nested, are looked at before anything
is built of them: the parser builds by recursion in C, which ends the process where lists are nested deeply enough,
and a few hundred bytes of aliases can stand for billions of values.
"""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from maskwright.shared.errors import MaskwrightError

_MOST_BYTES = 1_000_000
_MOST_VALUES = 50_000
_MOST_CHARACTERS = 4_000_000
"""Of all values, each counted as often as aliases repeat it."""
_DEEPEST = 50


def read_yaml(path: Path) -> Any:
    """Return the content of a YAML file.

    Raises:
        MaskwrightError: the file is missing, cannot be read, is not YAML, or has more in it than a file written by
            hand; the message names the line where that is known.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        raise MaskwrightError(f"{path}: no such file; run the command in the folder that holds params.yaml") from None
    except OSError as error:
        raise MaskwrightError(f"{path}: cannot be read: {error.strerror}") from None
    if len(content) > _MOST_BYTES:
        raise MaskwrightError(f"{path}: more than {_MOST_BYTES // 10**6} MB; is it the right file?")
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise MaskwrightError(f"{path}: not text in UTF-8; save it as such") from None
    return parse_yaml(text, path)


def parse_yaml(text: str, path: Path) -> Any:
    """Return what a text in YAML holds. Errors name `path`, and are those of `read_yaml`."""
    try:
        _check_extent(text, path)
        return YAML(typ="safe").load(text)
    except MaskwrightError:
        raise
    except DuplicateKeyError as error:
        raise MaskwrightError(f"{path}{_place(error)}: the same key occurs twice; remove one") from None
    except MarkedYAMLError as error:
        raise MaskwrightError(
            f"{path}{_place(error)}: not YAML: {_one_line(error.problem or error.context)}"
        ) from None
    # A value such as `0b_`, `2020-13-45` or `!!int foo` looks like a number or a date, but is not one. What is raised
    # then is left to the functions that read numbers and dates, and may be anything.
    except Exception as error:
        raise MaskwrightError(f"{path}: not YAML: {_one_line(error)}; put texts in quotes") from None


def _check_extent(text: str, path: Path) -> None:
    """Refuse what is nested too deeply, or is too long once each alias is replaced by what it stands for."""
    # Values and characters of each anchor, and of what is open: the document, and the collections around this place.
    anchors: dict[str, tuple[int, int]] = {}
    opened: list[tuple[str | None, int, int]] = [(None, 0, 0)]
    for event in YAML(typ="safe").parse(text):
        line = event.start_mark.line + 1
        if isinstance(event, MappingStartEvent | SequenceStartEvent):
            anchors.pop(event.anchor, None)
            opened.append((event.anchor, 1, 0))
            if len(opened) > _DEEPEST:
                raise MaskwrightError(f"{path}, line {line}: more than {_DEEPEST} levels of nesting; remove some")
            continue
        if isinstance(event, AliasEvent):
            if event.anchor not in anchors and any(event.anchor == anchor for anchor, _, _ in opened):
                raise MaskwrightError(f"{path}, line {line}: *{event.anchor} stands within itself; remove it")
            # One that is not known is for the parser to name.
            values, characters = anchors.get(event.anchor, (1, 0))
        elif isinstance(event, ScalarEvent):
            values, characters = 1, len(event.value)
            if event.anchor:
                anchors[event.anchor] = values, characters
        elif isinstance(event, MappingEndEvent | SequenceEndEvent):
            anchor, values, characters = opened.pop()
            if anchor:
                anchors[anchor] = values, characters
        else:
            continue
        anchor, before, length = opened[-1]
        opened[-1] = anchor, before + values, length + characters
        if before + values > _MOST_VALUES or length + characters > _MOST_CHARACTERS:
            raise MaskwrightError(
                f"{path}, line {line}: more than {_MOST_VALUES:,} values, or {_MOST_CHARACTERS:,} characters in "
                "them, with what aliases repeat; shorten it"
            )


def _place(error: MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    return "" if mark is None else f", line {mark.line + 1}"


def _one_line(error: object) -> str:
    text = " ".join(str(error).split())
    # Python's own advice is how to raise its limit.
    return "a number with thousands of digits" if "set_int_max_str_digits" in text else text[:200]
