"""The text of an annotation file, decoded as UTF-8 and, if it is JSON, one value at a time."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, TextIO

from maskwright.shared.errors import MaskwrightError
from maskwright.shared.terminal import visible

_CHUNK = 1 << 20
_BLANK = re.compile(r"[ \t\r\n]*")
# A number cut by the buffer's end may look complete: "12" of "12e+3" leaves up to two more characters.
_MARGIN = 4


class AnnotationError(MaskwrightError):
    """An annotation file cannot be read, or leaves open a choice that only its owner can make."""


class RepeatedKeys(dict[str, Any]):
    """A JSON object that has a key more than once: `pairs` holds every key and value."""

    pairs: list[tuple[str, Any]]


def members_of(value: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return the (key, value) pairs of a decoded object, including those of repeated keys."""
    return value.pairs if isinstance(value, RepeatedKeys) else list(value.items())


def printable(text: str, limit: int = 80) -> str:
    """Return `text` fit for a terminal: control characters are escaped, and a long text is cut in the middle."""
    if len(text) > limit:
        text = f"{text[: limit // 2]}...{text[-limit // 4 :]}"
    return visible(text)


@contextmanager
def opened_text(path: Path) -> Iterator[TextIO]:
    """Open a UTF-8 file (a byte order mark is skipped, line endings are kept).

    Raises:
        AnnotationError: the file is missing or cannot be read; and, while it is read, its bytes are not UTF-8.
    """
    try:
        text = path.open(encoding="utf-8-sig", newline="")
    except FileNotFoundError:
        what = f"a dead link, to {printable(str(path.readlink()))!r}" if path.is_symlink() else "no such file"
        raise AnnotationError(f"{path}: {what}") from None
    except IsADirectoryError:
        raise AnnotationError(f"{path}: a folder; name the VIA file in it") from None
    except (OSError, ValueError) as error:
        raise AnnotationError(f"{path}: cannot be read: {' '.join(str(error).split())}") from None
    with text:
        try:
            yield text
        except UnicodeDecodeError as error:
            byte = error.object[error.start]
            raise AnnotationError(f"{path}: not UTF-8 text (byte 0x{byte:02x}); save it as UTF-8") from None
        except OSError as error:
            raise AnnotationError(f"{path}: cannot be read: {' '.join(str(error).split())}") from None


class JsonStream:
    """Walks a JSON text without holding it: containers are entered member by member, other values decoded whole.

    Every method raises AnnotationError, with line and column, where the text is not JSON or ends too early.
    """

    def __init__(self, path: Path, text: TextIO) -> None:
        self._path = path
        self._text = text
        self._buffer = ""
        self._position = 0
        self._ended = False
        self._lines = 0  # newlines that have left the buffer, and characters after the last of them
        self._columns = 0
        self._decoder = json.JSONDecoder(object_pairs_hook=_object)

    def peek(self) -> str:
        """Return the next non-blank character; "" at the end."""
        while True:
            match = _BLANK.match(self._buffer, self._position)
            self._position = match.end() if match else self._position
            if self._position < len(self._buffer):
                return self._buffer[self._position]
            if self._ended:
                return ""
            self._fill(_CHUNK)

    def value(self) -> Any:
        """Decode the next value and step over it. An object that repeats a key is a `RepeatedKeys`."""
        if not self.peek():
            self._cut_off()
        wanted = _CHUNK
        while True:
            try:
                value, end = self._decoder.raw_decode(self._buffer, self._position)
            except json.JSONDecodeError as error:
                if self._ended:
                    self._explain(error)
            except RecursionError:
                self.fail("nested too deeply for a VIA file")
            except ValueError:
                self.fail("a number with thousands of digits")
            else:
                if self._ended or len(self._buffer) - end >= _MARGIN:
                    self._position = end
                    return value
            self._fill(wanted)
            wanted *= 2

    def members(self) -> Iterator[str]:
        """Enter an object and yield its keys, repeated ones too; the caller reads each value before the next key."""
        for _ in self._items("{", "}"):
            if self.peek() != '"':
                self._unexpected("a key in double quotes")
            key = self.value()
            if self.peek() != ":":
                self._unexpected("':' after a key")
            self._position += 1
            yield key

    def elements(self) -> Iterator[None]:
        """Enter a list and yield once before each element, which the caller reads."""
        return self._items("[", "]")

    def end(self) -> None:
        """Check that nothing follows."""
        if self.peek():
            self._unexpected("nothing after the end of the JSON")

    def fail(self, what: str) -> NoReturn:
        """Raise AnnotationError with the current line and column."""
        raise AnnotationError(f"{self._path}: {self._place(self._position)}: {what}")

    def _items(self, opening: str, closing: str) -> Iterator[None]:
        if self.peek() != opening:
            self._unexpected(f"'{opening}'")
        self._position += 1
        if self.peek() == closing:
            self._position += 1
            return
        while True:
            yield
            found = self.peek()
            if found not in (",", closing) or not found:
                self._unexpected(f"',' or '{closing}'")
            self._position += 1
            if found == closing:
                return

    def _fill(self, wanted: int) -> None:
        gone = self._buffer[: self._position]
        newlines = gone.count("\n")
        self._lines += newlines
        self._columns = len(gone) - gone.rfind("\n") - 1 if newlines else self._columns + len(gone)
        more = self._text.read(wanted)
        self._ended = not more
        self._buffer = self._buffer[self._position :] + more
        self._position = 0

    def _place(self, position: int) -> str:
        newlines = self._buffer.count("\n", 0, position)
        column = position - self._buffer.rfind("\n", 0, position) if newlines else self._columns + position + 1
        return f"line {self._lines + newlines + 1}, column {column}"

    def _explain(self, error: json.JSONDecodeError) -> NoReturn:
        rest = self._buffer[error.pos :].strip()
        cut_word = any(word.startswith(rest) for word in ("true", "false", "null", "-", "NaN", "Infinity"))
        cut_escape = "escape" in error.msg and len(rest) < 8
        if cut_word or cut_escape or error.msg.startswith("Unterminated"):
            self._position = error.pos
            self._cut_off()
        raise AnnotationError(f"{self._path}: {self._place(error.pos)}: not JSON: {error.msg}")

    def _unexpected(self, expected: str) -> NoReturn:
        if not self.peek():
            self._cut_off()
        self.fail(f"not JSON: expected {expected}")

    def _cut_off(self) -> NoReturn:
        self.fail("the JSON ends in the middle: the file is cut off; export or copy it again")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) == len(pairs):
        return value
    repeated = RepeatedKeys(value)
    repeated.pairs = pairs
    return repeated
