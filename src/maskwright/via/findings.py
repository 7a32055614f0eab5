"""A finding about a region or an image, before its place in the file is known."""

from pathlib import Path
from typing import NamedTuple

from maskwright.via.model import Problem, Severity


class Finding(NamedTuple):
    """What was noticed and what to do; `at` makes it a `Problem`."""

    severity: Severity
    code: str
    message: str
    advice: str

    def at(
        self, file: str, image: str | None = None, region: int | None = None, *, path: Path | None = None
    ) -> Problem:
        """Return the finding with its place in the file, and with the photograph's path if that can be used."""
        place = None if path is None else str(path)
        return Problem(file, image, region, self.severity, self.code, self.message, self.advice, place)


def counted(number: int, noun: str, nouns: str = "") -> str:
    """Return a number with its noun in singular or plural: `1 image`, `2,000 images`."""
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"


def none_of(number: int, noun: str) -> str:
    """Return that none of these is meant: `no image`, `not even its only image`, `none of its 2,000 images`."""
    return (
        f"none of its {counted(number, noun)}"
        if number > 1
        else f"not even its only {noun}"
        if number
        else f"no {noun}"
    )
