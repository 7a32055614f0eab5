"""The photographs to predict, and what the predictions of all experiments have in common.

Photographs are found, checked and named before the work begins. Anything that could fail later is refused at this
point, before anything is written: damaged images, and outputs that would replace photographs, other files, or
corrections made by hand. This module imports no TensorFlow, so mistakes are reported at once.
"""

import csv
import json
import os
import shlex
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import TypeVar

import numpy as np
from rich.progress import track

from maskwright.photos.images import ImageError, image_size, read_image, resize_image
from maskwright.shared import terminal
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.parallel import parallel_map
from maskwright.via.locate import locate_image
from maskwright.via.model import ImageEntry, Region

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
"""What counts as a photograph in a folder; a file that is named itself may be of any kind that can be read."""

INDEX = "index.csv"
"""The list of the files in a prediction's folder, which marks it as such a folder."""

DETECTIONS = "detections.json"
"""The file of the boxes that were found, in the folder of a detection."""

_OVERLAY_SIDE = 2048

T = TypeVar("T")


@dataclass(frozen=True)
class Photograph:
    """A photograph to predict, and what its results are called.

    Attributes:
        path: as given.
        height: in pixels, as shown.
        width: in pixels, as shown.
        name: the name of its mask and overlay, without extensions.
        listed: its name in the VIA project; empty if no project is wanted.
    """

    path: Path
    height: int
    width: int
    name: str
    listed: str


def find_photographs(paths: Sequence[Path], *, out: Path, via: Path | None) -> list[Photograph]:
    """Find and check everything that could fail later, writing nothing.

    Args:
        paths: image files, and folders, which stand for the image files in them, sorted. A file named twice counts
            once.
        out: the folder that will be written.
        via: the VIA project that will be written, if any.

    Raises:
        MaskwrightError: images are missing or damaged (all of them are named); `out` holds files that would be lost,
            or an image; `via` is there already, or images lie outside its folder, where VIA could not name them.
    """
    images = list(_expanded(paths))
    _refuse_losses(images, out, via)
    sizes: list[tuple[int, int]] = []
    problems: list[str] = []
    for size in parallel_map(_size_or_problem, images, chunk=128):
        problems.append(size) if isinstance(size, str) else sizes.append(size)
    if problems:
        raise _nothing_written(problems, len(images))
    names = _unlike_names(images)
    listed = [""] * len(images) if via is None else _names_for_via(images, via)
    return [
        Photograph(path, height, width, name, entry)
        for path, (height, width), name, entry in zip(images, sizes, names, listed, strict=True)
    ]


def summary(
    photographs: Sequence[Photograph],
    out: Path,
    via: Path | None,
    *,
    files: str = "masks and overlays",
    regions: str = "polygons",
) -> str:
    """Say in one line what `predict` wrote: `files` into `out`, and `regions` into `via`."""
    renamed = sum(photograph.name != photograph.path.stem for photograph in photographs)
    return "".join(
        [
            f"{'1 image' if len(photographs) == 1 else f'{len(photographs):,} images'}: {files} in {out}",
            f" ({renamed:,} numbered, since another has the name: see {INDEX})" if renamed else "",
            f"; {regions} in {via}, which opens in VIA" if via is not None else "",
        ]
    )


def label_attribute(masks: Path | None) -> str:
    """Return the attribute that held the class in the training file; `class` if that is not known.

    Args:
        masks: the folder that `maskwright masks` wrote for the training.
    """
    try:
        report = json.loads(((masks or Path()) / "report.json").read_text(encoding="utf-8"))
        return report["train"]["label"] or "class"
    except (OSError, ValueError, KeyError, TypeError):
        return "class"


def overlay_size(image: np.ndarray) -> tuple[int, int]:
    """Return the size at which a photograph is shown with its predictions: each side has at most 2,048 pixels."""
    height, width = image.shape[:2]
    scale = min(1.0, _OVERLAY_SIDE / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def predicted_with_images(
    photographs: Sequence[Photograph], predict: Callable[[Iterator[np.ndarray]], Iterable[T]]
) -> Iterator[tuple[Photograph, np.ndarray, T]]:
    """Yield each photograph, as an image of its `overlay_size`, with what is predicted for it.

    Args:
        photographs: read one after another.
        predict: takes their (H, W, 3) uint8 images and returns a prediction for each, in order. It may read ahead.

    Raises:
        ImageError: a photograph can no longer be read.
    """
    shown: deque[np.ndarray] = deque()  # images that `predict` has read ahead, scaled down

    def images() -> Iterator[np.ndarray]:
        for photograph in photographs:
            image = read_image(photograph.path)
            shown.append(resize_image(image, overlay_size(image)))
            yield image

    for photograph, prediction in zip(photographs, predict(images()), strict=True):
        yield photograph, shown.popleft(), prediction


def via_entry(photograph: Photograph, regions: Iterable[Region]) -> ImageEntry:
    """Return a photograph and its regions as VIA lists them."""
    size = photograph.path.stat().st_size
    return ImageEntry(f"{photograph.listed}{size}", photograph.listed, size, tuple(regions))


def tracked(items: Iterable[T], total: int, what: str) -> Iterable[T]:
    """Show the progress of the work on a terminal."""
    console = terminal.console(stderr=True)
    return track(items, what, total, console=console, transient=True, disable=not console.is_terminal)


def _expanded(paths: Sequence[Path]) -> Iterator[Path]:
    seen: set[Path] = set()
    for path in paths:
        inside = [path]
        if path.is_dir():
            inside = sorted(
                item
                for item in path.iterdir()
                # Hidden files are not photographs: macOS leaves a "._a.jpg" beside each "a.jpg" on foreign disks.
                if item.suffix.lower() in SUFFIXES and not item.name.startswith(".") and item.is_file()
            )
            if not inside:
                raise MaskwrightError(f"{path}: no image in it ({', '.join(SUFFIXES)}); folders in it do not count")
        for item in inside:
            if item.resolve() not in seen:
                seen.add(item.resolve())
                yield item


def _size_or_problem(path: Path) -> tuple[int, int] | str:
    try:
        return image_size(path, verify=True)
    except ImageError as error:
        return str(error)


def _nothing_written(problems: list[str], images: int) -> MaskwrightError:
    if len(problems) == 1:
        return MaskwrightError(f"{problems[0]}; nothing was written: replace the image or leave it out")
    message = f"{len(problems):,} of {images:,} images cannot be used; replace them or leave them out:"
    return MaskwrightError(message, problems)


def _refuse_losses(images: Sequence[Path], out: Path, via: Path | None) -> None:
    """Raise an error if writing `out` and `via` would delete or replace anything but an earlier prediction."""
    target = out.resolve()
    if out.exists() and not out.is_dir():
        raise MaskwrightError(f"{out}: a file, not a folder; name a new folder in --out")
    inside = next((image for image in images if image.resolve().is_relative_to(target)), None)
    if inside is not None:
        raise MaskwrightError(f"{inside}: lies in {out}, which would be replaced; name a new folder in --out")
    foreign = sorted(_names_in(out) - _written_before(out))
    if foreign:
        raise MaskwrightError(
            f"{out}: holds {foreign[0]!r}, which is not an earlier prediction and would be deleted; "
            "name a new folder in --out"
        )
    if via is None:
        return
    if via.resolve().is_relative_to(target):
        raise MaskwrightError(f"{via}: lies in {out}, which is replaced; put it beside the photographs")
    if via.exists():
        raise MaskwrightError(f"{via}: is there already, and may hold corrections; delete it or name another file")


def _names_in(folder: Path) -> set[str]:
    left_by_file_browsers = {".DS_Store", "Thumbs.db"}
    return {item.name for item in folder.iterdir()} - left_by_file_browsers if folder.exists() else set()


def _written_before(folder: Path) -> set[str]:
    try:
        with (folder / INDEX).open(newline="", encoding="utf-8", errors="surrogateescape") as file:
            rows = csv.DictReader(file)
            kinds = {"mask", "overlay"}.intersection(rows.fieldnames or ())
            return {INDEX, DETECTIONS}.union(*([row[kind] for kind in kinds] for row in rows)) if kinds else set()
    except (FileNotFoundError, csv.Error):
        return set()


def _unlike_names(images: Sequence[Path]) -> list[str]:
    """Name each image's results after it; if the name is taken, they get a number, in the order given.

    Names are compared without regard to case, as some file systems do.
    """
    stems = Counter(image.stem.casefold() for image in images)
    taken: set[str] = set()
    names = []
    for image in images:
        # A numbered name must not be one that another image has without a number.
        numbered = (f"{image.stem}_{number}" for number in count(2))
        free = (name for name in numbered if name.casefold() not in stems)
        name = next(name for name in chain([image.stem], free) if name.casefold() not in taken)
        taken.add(name.casefold())
        names.append(name)
    return names


def _names_for_via(images: Sequence[Path], via: Path) -> list[str]:
    """Return each image's path from the folder of `via`, as given or, where only that works, with links resolved."""
    if not via.parent.is_dir():
        raise MaskwrightError(f"{via.parent}: no such folder; put {via.name} beside the photographs")
    names = []
    for image in images:
        paths = (os.path.relpath(image, via.parent), os.path.relpath(image.resolve(), via.parent.resolve()))
        below = (Path(path).as_posix() for path in paths if ".." not in Path(path).parts)
        name = next((path for path in below if locate_image(via.parent, path)[1] is None), None)
        if name is None:
            common = os.path.commonpath([other.resolve().parent for other in images])
            beside = os.path.join(os.path.relpath(common), via.name)  # noqa: PTH118  Path has no way up before 3.12
            raise MaskwrightError(
                f"{via}: {image} does not lie in its folder or below, and VIA finds photographs by their path from "
                f"there; put the file beside the photographs: --via {shlex.quote(beside)}"
            )
        names.append(name)
    return names
