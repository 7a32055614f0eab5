"""What an annotation file itself says about where its photographs are, beyond their names."""

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from maskwright.via.values import normal_name

_DRIVE = re.compile(r"[A-Za-z]:/")
_MOST_PREFIXES = 20


@dataclass(frozen=True)
class Hints:
    """Where an annotation file says that its photographs are. Nothing here is trusted: see `locate_image`.

    Attributes:
        prefixes: what VIA 2 puts before each name: its default path, then its list of search paths.
        sources: normal name -> path, where the file gives a photograph one of its own (VIA 1 and 3).
        common: how many leading folders all names share, such as 2 for `/home/a.jpg` and `/home/b/c.jpg`.
    """

    prefixes: tuple[str, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)
    common: int = 0


NO_HINTS = Hints()


class CommonFolder:
    """Counts the leading folders that all added names share."""

    def __init__(self) -> None:
        self._folders: tuple[str, ...] | None = None

    def add(self, filename: str) -> None:
        """Take one more name into account."""
        folders = name_parts(filename)[:-1]
        if self._folders is None:
            self._folders = folders
        elif folders[: len(self._folders)] != self._folders:
            pairs = zip(self._folders, folders, strict=False)
            same = next((n for n, (one, other) in enumerate(pairs) if one != other), len(folders))
            self._folders = self._folders[:same]

    @property
    def depth(self) -> int:
        """The number of shared folders; 0 without names."""
        return len(self._folders or ())


def plain_path(filename: str) -> str:
    """Return a name as a path with slashes, and without `file:`.

    `file:///C:/a.jpg`, `file://C:\\a.jpg` and `C:\\a.jpg` are `C:/a.jpg`; `file:.\\a.jpg` is `./a.jpg`.
    """
    path = filename.strip().replace("\\", "/")
    if path[:5].casefold() == "file:":
        path = unquote(path[5:], errors="surrogateescape")
        if path.startswith("//"):
            path = path[2:] if _DRIVE.match(path, 2) else "/" + path.lstrip("/")
        if path.startswith("/") and _DRIVE.match(path, 1):
            path = path[1:]
    return path


def is_absolute(path: str) -> bool:
    """Return whether a path with slashes is absolute, on this system or on Windows."""
    return path.startswith("/") or _DRIVE.match(path) is not None


def is_address(path: str) -> bool:
    """Return whether a path with slashes is a web address."""
    return "://" in path


def name_parts(filename: str) -> tuple[str, ...]:
    """Return a name's folders and, last, its own name; an absolute path begins with `/` or the drive."""
    path = plain_path(filename)
    normal = posixpath.normpath(path) if path else ""
    parts = tuple(part for part in normal.split("/") if part)
    return ("/", *parts) if normal.startswith("/") else parts


def via2_prefixes(settings: Any) -> tuple[str, ...]:
    """Return what a VIA 2 project's settings put before each name; "" and "./" say nothing, and are left out."""
    core = settings.get("core") if isinstance(settings, dict) else None
    if not isinstance(core, dict):
        return ()
    paths = core.get("filepath")
    listed = [core.get("default_filepath"), *(paths if isinstance(paths, dict) else ())]
    found = (plain_path(path) for path in listed if isinstance(path, str))
    return tuple(dict.fromkeys(path for path in found if path not in ("", ".", "./")))[:_MOST_PREFIXES]


def via3_sources(files: Any, config: Any) -> dict[str, str]:
    """Return normal name -> path of a VIA 3 project's photographs, where the path is not just the name."""
    about = config.get("file") if isinstance(config, dict) else None
    before = about.get("loc_prefix") if isinstance(about, dict) else None
    sources: dict[str, str] = {}
    for item in files.values() if isinstance(files, dict) else ():
        if isinstance(item, dict):
            place = before.get(str(item.get("loc"))) if isinstance(before, dict) else None
            add_source(sources, item.get("fname"), item.get("src"), before=place if isinstance(place, str) else "")
    return sources


def add_source(sources: dict[str, str], filename: Any, source: Any, *, before: str = "") -> None:
    """Add a photograph's own path to `sources`, unless it says no more than the name, or is no path."""
    if not isinstance(filename, str) or not isinstance(source, str) or not source or source.startswith("data:"):
        return
    path = plain_path(before + source)
    if not is_address(path) and normal_name(path) != normal_name(filename):
        sources.setdefault(normal_name(filename), path)
