"""YOLO, for segmentation or boxes: a text file for each image, in `labels` where the image is in `images`.

Each line is an object: its class, from 0, and then either the outline x1 y1 x2 y2 ... or the box's centre, width and
height; all as shares of the image's width and height. The classes' names are in a YAML file (`names`), or one a line
in `classes.txt`. The folder's own splits are read together.
"""

from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from maskwright.formats.foreign import ATTRIBUTE, Foreign, ForeignImage, file_size
from maskwright.photos.images import SUFFIXES, ImageError, image_size
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.yaml_file import read_yaml
from maskwright.via.model import Geometry, ImageEntry, Region

VARIANT = "YOLO"

IMAGES, LABELS, NAMES = "images", "labels", "classes.txt"
"""The folders of photographs and of label files, and the list of the classes where no YAML file has it."""

_BOX = 4


def names_file(folder: Path) -> Path | None:
    """Return the file in a folder that names YOLO's classes; None if there is none."""
    for path in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]):
        content = read_yaml(path)
        if isinstance(content, dict) and "names" in content:
            return path
    listed = folder / NAMES
    # A list of classes alone may be that of index masks.
    return listed if listed.is_file() and any(path.name != NAMES for path in folder.rglob("*.txt")) else None


def read(path: Path, classes: Sequence[str] | None) -> Foreign:
    """Read the label files of a folder and below.

    Args:
        path: the folder, or the YAML file in it.
        classes: the names, if the folder does not have them.

    Raises:
        MaskwrightError: there are no names, or not as a list or by number.
    """
    folder = path if path.is_dir() else path.parent
    listed = names_file(folder) if path.is_dir() else path
    names = _names(listed) if listed is not None else tuple(classes or ())
    if not names:
        raise MaskwrightError(f"{path}: no names of classes; add `names` to its YAML file, or give --classes")
    return Foreign(path, VARIANT, folder, names, _images(folder, names))


def _names(path: Path) -> tuple[str, ...]:
    if path.name == NAMES:
        return tuple(line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
    content = read_yaml(path)
    names: Any = content.get("names") if isinstance(content, dict) else None
    if isinstance(names, dict) and sorted(names) == list(range(len(names))):
        names = [names[number] for number in range(len(names))]
    if not isinstance(names, list) or not names:
        raise MaskwrightError(f"{path}: names is not a list of classes, nor numbered from 0; correct it")
    return tuple(map(str, names))


def _images(folder: Path, names: tuple[str, ...]) -> Iterator[ForeignImage]:
    photographs = [p for p in sorted(folder.rglob("*")) if p.suffix.lower() in SUFFIXES and p.is_file()]
    unseen = {p for p in folder.rglob("*.txt") if p.name != NAMES and _is_label(p, folder)}
    for photograph in photographs:
        label = _label_of(photograph, folder)
        unseen.discard(label)
        yield ForeignImage(_entry(photograph, label, folder, names))
    for label in sorted(unseen):
        # Its photograph is missing: an entry with the name that it would have, which is then reported.
        parts = [IMAGES if part == LABELS else part for part in label.relative_to(folder).parts]
        yield ForeignImage(_entry(folder.joinpath(*parts).with_suffix(".jpg"), label, folder, names))


def _is_label(path: Path, folder: Path) -> bool:
    """Say whether a text file holds labels; lists of images and remarks, which begin with a word, do not."""
    if LABELS in path.relative_to(folder).parts:
        return True
    first = path.read_text(encoding="utf-8", errors="replace").split(maxsplit=1)
    return bool(first) and _number(first[0]) is not None


def _label_of(photograph: Path, folder: Path) -> Path:
    """Return where a photograph's labels are: the last `images` of its path is `labels` there."""
    parts = list(photograph.relative_to(folder).parts[:-1])
    for place in reversed(range(len(parts))):
        if parts[place] == IMAGES:
            parts[place] = LABELS
            break
    return folder.joinpath(*parts, photograph.name).with_suffix(".txt")


def _entry(photograph: Path, label: Path, folder: Path, names: tuple[str, ...]) -> ImageEntry:
    try:
        height, width = image_size(photograph)
    except ImageError:
        height = width = 1  # the image cannot be used, which is reported with the number of its regions
    try:
        lines = label.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        lines = []  # nothing to be seen there
    except (OSError, UnicodeDecodeError) as error:
        raise MaskwrightError(f"{label}: cannot be read as text ({' '.join(str(error).split())})") from None
    numbers = count()
    regions = [_region(next(numbers), line.split(), height, width, names) for line in lines if line.strip()]
    name = photograph.relative_to(folder).as_posix()
    size = file_size(photograph)
    return ImageEntry(f"{name}{size}", name, size, tuple(regions))


def _region(number: int, words: list[str], height: int, width: int, names: tuple[str, ...]) -> Region:
    values = [_number(word) for word in words]
    index, shares = values[0], values[1:]
    if index is None or not index.is_integer() or None in shares:
        return Region(number, "", {})  # cannot be read, as is then reported
    known = 0 <= index < len(names)
    attributes = {ATTRIBUTE: names[int(index)] if known else f"class {int(index)}"}
    xy = [_pixels(share, (width, height)[place % 2]) for place, share in enumerate(shares) if share is not None]
    if len(xy) == _BOX:
        x, y, w, h = xy
        box: Geometry = {"x": _short(x - w / 2), "y": _short(y - h / 2), "width": w, "height": h}
        return Region(number, "rect", box, attributes)
    if len(xy) % 2:
        return Region(number, "", {}, attributes)
    outline = {"all_points_x": tuple(xy[::2]), "all_points_y": tuple(xy[1::2])}
    return Region(number, "polygon", outline, attributes)


def _pixels(share: float, side: int) -> float | int:
    return _short(share * side)


def _short(value: float) -> float | int:
    """Round to 1/10,000 pixel, which a share of nine digits still tells apart, with whole numbers as integers."""
    value = round(value, 4)
    return int(value) if value.is_integer() else value


def _number(word: str) -> float | None:
    try:
        return float(word)
    except ValueError:
        return None
