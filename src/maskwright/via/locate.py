"""Find the photograph that an annotation names, never outside the annotation file's folder."""

import os
import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path, PurePosixPath

from maskwright.via.findings import Finding
from maskwright.via.source import printable

_DRIVE = re.compile(r"[A-Za-z]:[/\\]")
_MOST_FOLDERS = 50


def locate_image(folder: Path, filename: str) -> tuple[Path, Finding | None]:
    """Return where an image is: `folder / filename`, with backslashes read as slashes where that helps.

    Returns:
        the path, and None if it is a file inside `folder` (links resolved), else the reason why it cannot be used.
    """
    if not filename.strip():
        return folder, Finding(
            "refused", "no-file-name", "this entry names no image file", "give it the image's file name, or delete it"
        )
    if filename.startswith("data:"):
        return folder, Finding(
            "refused",
            "embedded-image",
            "the image is stored inside the annotation file as base64",
            "save it as a file beside the annotation file, and annotate that",
        )
    slashed = filename.replace("\\", "/")
    if "://" in slashed or slashed.startswith("/") or _DRIVE.match(slashed):
        return folder, _outside(folder, slashed, "is a web address" if "://" in slashed else "is an absolute path")
    try:
        root = folder.resolve()
        left = False
        for name in _spellings(filename):
            path = folder / name
            resolved = path.resolve()
            if not resolved.is_relative_to(root):
                left = True
            elif resolved.is_file():
                return path, None
    except (OSError, RuntimeError, ValueError):  # too long, a link to itself, a null character
        return folder, Finding(
            "refused", "bad-file-name", "this is not a valid file name", "correct it in the annotation file"
        )
    if left:
        return folder, _outside(folder, slashed, "leads out of the annotation file's folder")
    path = folder / slashed
    if resolved.exists():
        return path, Finding("refused", "not-a-file", "this is not a file", "name an image file")
    return path, Finding("refused", "missing-image", "no such file", _advice_on_missing(path, folder))


def _spellings(filename: str) -> Iterator[str]:
    # macOS stores accents separately from their letters, other systems do not; Windows writes backslashes.
    slashed = filename.replace("\\", "/")
    yield from dict.fromkeys(
        (
            filename,
            slashed,
            unicodedata.normalize("NFC", slashed),
            unicodedata.normalize("NFD", slashed),
            slashed.strip(),
        )
    )


def _outside(folder: Path, slashed: str, what: str) -> Finding:
    name = PurePosixPath(slashed).name
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


def _advice_on_missing(path: Path, folder: Path) -> str:
    by_name, by_stem, folders = _listing(path.parent, _changed(path.parent))
    other = by_name.get(path.name.casefold())
    if other:
        return f"the folder has {printable(other)!r}, in other letter case; make the names equal"
    other = by_stem.get(path.stem.casefold())
    if other:
        return f"the folder has {printable(other)!r}; make the names equal"
    for inner in folders[:_MOST_FOLDERS]:
        if (path.parent / inner / path.name).is_file():
            return f"it is in {printable(inner)!r}; put the annotation file there, or the image here"
    if path.parent != folder and (folder / path.name).is_file():
        return f"it is there without its folder, as {printable(path.name)!r}; give only that name"
    return "add the image, or delete its entry from the annotation file"


def _changed(folder: Path) -> int:
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=4)  # many missing images share a folder; `changed` keeps an old listing from being used
def _listing(folder: Path, changed: int) -> tuple[dict[str, str], dict[str, str], list[str]]:
    names: dict[str, str] = {}
    stems: dict[str, str] = {}
    folders: list[str] = []
    try:
        with os.scandir(folder) as found:
            for item in found:
                if item.is_dir():
                    folders.append(item.name)
                else:
                    names[item.name.casefold()] = item.name
                    stems[Path(item.name).stem.casefold()] = item.name
    except OSError:
        pass
    return names, stems, sorted(folders)
