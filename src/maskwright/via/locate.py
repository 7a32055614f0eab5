"""Find the photograph that an annotation names, never outside the folders that the user named.

These are the annotation file's own folder, `annotations.root` and `annotations.images`. What the annotation file says
about other places only leads to a photograph that lies in one of them.
"""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from maskwright.via.findings import Finding
from maskwright.via.hints import Hints, is_absolute, is_address, name_parts, plain_path
from maskwright.via.lost import advice_on_missing
from maskwright.via.source import printable


@dataclass(frozen=True)
class Places:
    """Where photographs may be besides the annotation file's folder.

    Attributes:
        prefixes: see `Hints`.
        common: see `Hints`.
        root: `annotations.root`, if known.
        images: `annotations.images`, if set; it may be any folder.
    """

    prefixes: tuple[str, ...] = ()
    common: int = 0
    root: Path | None = None
    images: Path | None = None

    @classmethod
    def of(cls, hints: Hints, *, root: Path | None = None, images: Path | None = None) -> "Places":
        """Return the places that an annotation file and the settings name."""
        return cls(hints.prefixes, hints.common, root, images)

    def folders(self, own: Path) -> tuple[Path, ...]:
        """Return the folders that a photograph may be in, in the order in which they are searched."""
        return tuple(dict.fromkeys(folder for folder in (own, self.root, self.images) if folder is not None))


BESIDE = Places()
"""Nowhere but in the annotation file's folder."""


class Located(NamedTuple):
    """Where an image is.

    Attributes:
        path: the image file, if there is no `problem`.
        problem: why it cannot be used.
        remark: a warning on how it was found.
    """

    path: Path
    problem: Finding | None
    remark: Finding | None = None


def locate_image(
    folder: Path, filename: str, places: Places = BESIDE, *, size: int = -1, source: str = ""
) -> Located:
    """Return where an image is.

    It is searched for, in this order: where the annotation file says (`Hints`), then under its name in the file's
    folder, in `annotations.root` and in `annotations.images`; at last there without the leading folders that all
    names of the file share. Backslashes are read as slashes where that helps. Of several, the first one of `size`
    bytes counts, or else the first one.

    Args:
        folder: the annotation file's folder.
        filename: as annotated.
        places: where else to look.
        size: of the image file in bytes; 0 or less if unknown.
        source: where the annotation file says that this image is, if it says more than the name.
    """
    if not filename.strip():
        finding = Finding(
            "refused", "no-file-name", "this entry names no image file", "give it the image's file name, or delete it"
        )
        return Located(folder, finding)
    if filename.startswith("data:"):
        finding = Finding(
            "refused",
            "embedded-image",
            "the image is stored inside the annotation file as base64",
            "save it as a file beside the annotation file, and annotate that",
        )
        return Located(folder, finding)
    plain = plain_path(filename)
    if is_address(plain):
        return Located(folder, _outside(folder, plain, "is a web address"))
    try:
        search = _Search(tuple(place.resolve() for place in places.folders(folder)), size)
        path = search.best(_as_said(folder, filename, plain, places, source))
        if path is not None:
            return Located(path, None)
        path = search.best(_without_folders(folder, filename, places))
        if path is not None:
            return _found_shorter(path, size)
        return Located(folder / plain, _why_not(folder, filename, plain, places, search.dead, size))
    except (OSError, RuntimeError, ValueError):  # too long, a link to itself, a null character
        finding = Finding(
            "refused", "bad-file-name", "this is not a valid file name", "correct it in the annotation file"
        )
        return Located(folder, finding)


class _Search:
    """Tries one path after another; `dead` is the first dead link among them."""

    def __init__(self, inside: tuple[Path, ...], size: int) -> None:
        self.dead: Path | None = None
        self._inside = inside
        self._size = size

    def best(self, paths: Iterator[Path]) -> Path | None:
        """Return the first image inside one of the folders that has the size, or else the first image."""
        first = None
        for path in paths:
            resolved = path.resolve()
            if not resolved.is_file():
                if self.dead is None and path.is_symlink():
                    self.dead = path
            elif any(resolved.is_relative_to(folder) for folder in self._inside):
                if self._size <= 0 or resolved.stat().st_size == self._size:
                    return path
                first = first or path
        return first


def _as_said(folder: Path, filename: str, plain: str, places: Places, source: str) -> Iterator[Path]:
    if source:
        yield folder / source
    if not is_absolute(plain):
        for prefix in places.prefixes:
            # VIA joins the two as they are; users forget the slash between them.
            yield folder / (prefix + plain)
            yield folder / prefix / plain
    for base in places.folders(folder):
        for name in _spellings(filename, plain):
            yield base / name


def _without_folders(folder: Path, filename: str, places: Places) -> Iterator[Path]:
    parts = name_parts(filename)
    for base in places.folders(folder):
        for gone in range(1, min(places.common, len(parts) - 1) + 1):
            shorter = "/".join(parts[gone:])
            yield base / shorter
            yield base / unicodedata.normalize("NFC", shorter)
            yield base / unicodedata.normalize("NFD", shorter)


def _found_shorter(path: Path, size: int) -> Located:
    if size > 0 and path.stat().st_size == size:
        return Located(path, None)
    message = f"found as {printable(path.name)!r}, without the folders that all names begin with"
    return Located(path, None, Finding("warning", "other-folder", message, "none if it is the same photograph"))


def _spellings(filename: str, plain: str) -> Iterator[str]:
    # macOS stores accents separately from their letters, other systems do not; Windows writes backslashes.
    slashed = filename.replace("\\", "/")
    yield from dict.fromkeys(
        (
            filename,
            slashed,
            unicodedata.normalize("NFC", slashed),
            unicodedata.normalize("NFD", slashed),
            slashed.strip(),
            plain,
        )
    )


def _why_not(folder: Path, filename: str, plain: str, places: Places, dead: Path | None, size: int) -> Finding:
    if dead is not None:
        target = printable(str(dead.readlink()))
        advice = "put the photograph there, or in place of the link (a large-file store may have to fetch it)"
        return Finding("refused", "dead-link", f"a dead link: it leads to {target!r}, which does not exist", advice)
    depth = min(places.common, len(name_parts(filename)) - 1)
    if is_absolute(plain):
        return _outside(folder, plain, "is an absolute path")
    root = folder.resolve()
    for name in _spellings(filename, plain):
        if not (folder / name).resolve().is_relative_to(root):
            return _outside(folder, plain, "leads out of the annotation file's folder")
    path = folder / plain
    if path.exists():
        return Finding("refused", "not-a-file", "this is not a file", "name an image file")
    advice = advice_on_missing(path, folder, name_parts(filename), depth, root=places.root, size=size)
    return Finding("refused", "missing-image", "no such file", advice)


def _outside(folder: Path, plain: str, what: str) -> Finding:
    name = PurePosixPath(plain).name
    try:
        path = (folder / name).resolve()
        there = path.is_file() and path.is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):
        there = False
    shown = printable(name)
    advice = "copy the image beside the annotation file, and give only its file name there"
    if there:
        advice = f"give only the file name, {shown!r}: it is beside the annotation file"
    return Finding("refused", "outside-folder", f"the image's name {what}", advice)
