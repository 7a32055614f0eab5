"""Where a missing photograph probably is, and what to do about it."""

import json
import os
import re
from collections import deque
from functools import lru_cache
from pathlib import Path

from maskwright.via.source import printable

_MOST_FILES = 20_000
_DEEPEST = 6
_SHOWN = 3
_PLAIN = re.compile(r"(?!(?:null|true|false)$)[A-Za-z_/.][\w/.-]*")


def advice_on_missing(
    path: Path, folder: Path, parts: tuple[str, ...], depth: int, *, root: Path | None, size: int
) -> str:
    """Say what to do about an image that was not found.

    A folder tree is searched for it: `root` (or `folder`), and what lies beside that; of at most 20,000 files.

    Args:
        path: where it should be by its name.
        folder: the annotation file's folder.
        parts: the name's folders and, last, its own name.
        depth: how many of the leading folders all names share, so that they may be left out.
        root: `annotations.root`, if known.
        size: in bytes; 0 or less if unknown.
    """
    names, stems = _listing(path.parent, _changed(path.parent))
    other = names.get(path.name.casefold())
    if other:
        return f"the folder has {printable(other)!r}, in other letter case; make the names equal"
    other = stems.get(path.stem.casefold())
    if other:
        return f"the folder has {printable(other)!r}; make the names equal"
    if path.parent != folder and (folder / path.name).is_file():
        return f"it is there without its folder, as {printable(path.name)!r}; give only that name"
    base = folder if root is None else root
    for tree in (base, _parent(base)):
        found = _folders_with(tree, parts, depth, size)
        if len(found) == 1:
            return _setting(found[0], base)
        if found:
            shown = ", ".join(repr(printable(os.path.relpath(place, base))) for place in found[:_SHOWN])
            more = ", ..." if len(found) > _SHOWN else ""
            return f"it is in several folders ({shown}{more}); set annotations.images to one of them"
    return "add the image, or delete its entry from the annotation file"


def _setting(place: Path, base: Path) -> str:
    """Say which line of params.yaml leads to the photographs in `place`."""
    images = Path(os.path.relpath(place, base))
    if ".." not in images.parts:
        shown = images.as_posix()
        line = f"images: {_yaml(shown)}"
        return f"it is in {printable(shown)!r}: put `{line}` under annotations in params.yaml, or give --images"
    # DVC watches annotations.root alone, so the photographs must lie in it.
    common = Path(os.path.commonpath([place.resolve(), base.resolve()]))
    root = common if base.is_absolute() else Path(os.path.relpath(common))
    inside = Path(os.path.relpath(place, common)).as_posix()
    return (
        f"it is in {printable((root / inside).as_posix())!r}: put `root: {_yaml(root.as_posix())}` and "
        f"`images: {_yaml(inside)}` under annotations in params.yaml (and name the annotation files from there), "
        "or give --images"
    )


def _yaml(text: str) -> str:
    """Write a text for YAML, in quotes where it could be read as something else."""
    return text if _PLAIN.fullmatch(text) else json.dumps(printable(text))


def _folders_with(tree: Path, parts: tuple[str, ...], depth: int, size: int) -> list[Path]:
    """Return the folders below `tree` from which the name leads to a file; if any has the size, only those."""
    places = _index(tree, _changed(tree)).get(parts[-1], ())
    for gone in range(depth + 1):
        ending = parts[gone:-1]
        found = [place for place in places if place[len(place) - len(ending) :] == ending]
        if found:
            folders = [tree.joinpath(*place[: len(place) - len(ending)]) for place in found]
            right = [folder for folder in folders if _size(folder.joinpath(*parts[gone:])) == size]
            return right or folders
    return []


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _parent(folder: Path) -> Path:
    """Return the folder above, in the same form: relative where `folder` is."""
    return folder.parent if folder.name not in ("", "..") else folder / ".."


def _changed(folder: Path) -> int:
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=4)  # many missing images share a folder; `changed` keeps an old listing from being used
def _listing(folder: Path, changed: int) -> tuple[dict[str, str], dict[str, str]]:
    names: dict[str, str] = {}
    stems: dict[str, str] = {}
    try:
        with os.scandir(folder) as found:
            for item in found:
                if not item.is_dir():
                    names[item.name.casefold()] = item.name
                    stems[Path(item.name).stem.casefold()] = item.name
    except OSError:
        pass
    return names, stems


@lru_cache(maxsize=4)
def _index(tree: Path, changed: int) -> dict[str, list[tuple[str, ...]]]:
    """Return file name -> the folders below `tree` that hold such a file. Hidden folders and links are left out."""
    index: dict[str, list[tuple[str, ...]]] = {}
    pending: deque[tuple[str, ...]] = deque([()])
    files = 0
    while pending and files < _MOST_FILES:
        place = pending.popleft()
        try:
            with os.scandir(tree.joinpath(*place)) as found:
                for item in sorted(found, key=lambda entry: entry.name):
                    if item.name.startswith("."):
                        continue
                    if item.is_dir(follow_symlinks=False):
                        if len(place) < _DEEPEST:
                            pending.append((*place, item.name))
                    elif item.is_file():
                        files += 1
                        index.setdefault(item.name, []).append(place)
        except OSError:
            continue
    return index
