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
from functools import partial
from itertools import chain, count
from pathlib import Path
from typing import TypeVar

import numpy as np
from rich.progress import track

from maskwright.photos.images import (
    MEGAPIXELS,
    SUFFIXES,
    ImageError,
    Verified,
    read_image,
    resize_image,
    verify_image,
)
from maskwright.shared import terminal
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.parallel import parallel_map
from maskwright.via.locate import locate_image
from maskwright.via.model import ImageEntry, Region
from maskwright.via.source import printable

INDEX = "index.csv"
"""The list of the files in a prediction's folder, which marks it as such a folder."""

DETECTIONS = "detections.json"
"""The file of the boxes that were found, in the folder of a detection."""

OBJECTS = "objects.csv"
"""The file of the objects that were found, in the folder of instances."""

_OVERLAY_SIDE = 2048
# Photographs that are not read, which their owner may not know.
_OTHER_KINDS = {".arw", ".avif", ".cr2", ".cr3", ".dng", ".heic", ".heif", ".jp2", ".jxl", ".nef", ".psd", ".raf"}

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
        scaled: how its values were scaled to 8 bits, in words; empty if they were not.
    """

    path: Path
    height: int
    width: int
    name: str
    listed: str
    scaled: str = ""


def find_photographs(
    paths: Sequence[Path],
    *,
    out: Path,
    via: Path | None,
    recursive: bool = False,
    megapixels: float = MEGAPIXELS,
) -> list[Photograph]:
    """Find and check everything that could fail later, writing nothing.

    Args:
        paths: image files, and folders, which stand for the image files in them, sorted. A file named twice counts
            once.
        out: the folder that will be written.
        via: the VIA project that will be written, if any.
        recursive: folders stand for the image files in their folders too, at any depth.
        megapixels: the size of the largest photograph that is used.

    Raises:
        MaskwrightError: images are missing or damaged (all of them are named); `out` holds files that would be lost,
            or an image; `via` is there already, or images lie outside its folder, where VIA could not name them.
    """
    images = list(expanded(paths, out=out, recursive=recursive))
    refuse_losses(images, out, via)
    verified: list[Verified] = []
    problems: list[str] = []
    for found in parallel_map(partial(verified_or_problem, megapixels=megapixels), images, chunk=128):
        problems.append(found) if isinstance(found, str) else verified.append(found)
    if problems:
        raise _nothing_written(problems, len(images))
    names = _unlike_names(images)
    listed = [""] * len(images) if via is None else _names_for_via(images, via)
    return [
        Photograph(path, height, width, name, entry, scaled)
        for path, (height, width, scaled), name, entry in zip(images, verified, names, listed, strict=True)
    ]


def passed_over(paths: Sequence[Path], *, out: Path, recursive: bool = False) -> list[str]:
    """Say in a line for each folder which files and folders in it `find_photographs` passes over.

    Args, except for `via`: as for `find_photographs`. Hidden files are not mentioned.
    """
    lines = []
    for path in paths:
        if path.is_dir():
            for folder in _folders(path, out=out) if recursive else [path]:
                _, others, folders = _sorted_out(folder, out)
                passed, advice = [], []
                if others:
                    passed.append(_counted(others, "file"))
                    if _OTHER_KINDS.intersection(map(_kind, others)):
                        advice.append("export photographs of other kinds as JPEG")
                if folders and not recursive:
                    passed.append(_counted(folders, "folder"))
                    advice.append("--recursive takes the photographs in folders")
                if passed:
                    told = f"{printable(str(folder), 200)}: passed over {' and '.join(passed)}"
                    lines.append("; ".join([told, *advice]))
    return lines


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
    scaled = [photograph for photograph in photographs if photograph.scaled]
    return "".join(
        [
            f"{'1 image' if len(photographs) == 1 else f'{len(photographs):,} images'}: {files} in {out}",
            f" ({renamed:,} numbered, since another has the name: see {INDEX})" if renamed else "",
            f"; {len(scaled):,} had {scaled[0].scaled}" if scaled else "",
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


def expanded(paths: Sequence[Path], *, out: Path, recursive: bool) -> Iterator[Path]:
    """Yield image files and those in folders, sorted, each once; see `find_photographs`.

    Raises:
        MaskwrightError: a folder holds none.
    """
    seen: set[Path] = set()
    for path in paths:
        inside = [path]
        if path.is_dir():
            folders = _folders(path, out=out) if recursive else [path]
            inside = [image for folder in folders for image in _sorted_out(folder, out)[0]]
            if not inside:
                further = "" if recursive else "; --recursive takes those in its folders"
                raise MaskwrightError(f"{path}: no image in it ({', '.join(SUFFIXES)}){further}")
        for item in inside:
            if item.resolve() not in seen:
                seen.add(item.resolve())
                yield item


def _folders(path: Path, *, out: Path) -> Iterator[Path]:
    """Yield a folder and the folders in it, at any depth, each once although links may lead in a circle."""
    seen: set[Path] = set()
    pending = [path]
    while pending:
        folder = pending.pop()
        if folder.resolve() not in seen:
            seen.add(folder.resolve())
            yield folder
            pending.extend(reversed(_sorted_out(folder, out)[2]))


def _sorted_out(folder: Path, out: Path) -> tuple[list[Path], list[Path], list[Path]]:
    """Return the images in a folder, the other files, and the folders, each sorted; without `out`."""
    images, others, folders = [], [], []
    for item in sorted(folder.iterdir()):
        # Hidden files are not photographs: macOS leaves a "._a.jpg" beside each "a.jpg" on foreign disks.
        if item.name.startswith("."):
            continue
        if item.is_dir():
            if item.resolve() != out.resolve():  # an earlier prediction
                folders.append(item)
        else:
            (images if _kind(item) in SUFFIXES and item.is_file() else others).append(item)
    return images, others, folders


def _counted(paths: Sequence[Path], what: str) -> str:
    """Count files or folders, and name four of them: of files, one of each kind first."""
    firsts = list({_kind(path): path for path in reversed(paths)}.values())[::-1]
    named = [*firsts, *(path for path in paths if path not in firsts)][:4]
    more = len(paths) - len(named)
    names = [*(printable(path.name, 40) for path in named), *([f"{more:,} more"] if more else [])]
    return f"{len(paths):,} {what}{'' if len(paths) == 1 else 's'} ({', '.join(names)})"


def _kind(path: Path) -> str:
    return path.suffix.lower()


def verified_or_problem(path: Path, *, megapixels: float) -> Verified | str:
    """Return what is known of an image file that can be used, or what is wrong with it."""
    try:
        return verify_image(path, megapixels=megapixels)
    except ImageError as error:
        return str(error)


def _nothing_written(problems: list[str], images: int) -> MaskwrightError:
    if len(problems) == 1:
        return MaskwrightError(f"{problems[0]}; nothing was written: replace the image or leave it out")
    message = f"{len(problems):,} of {images:,} images cannot be used; replace them or leave them out:"
    return MaskwrightError(message, problems)


def refuse_losses(images: Sequence[Path], out: Path, via: Path | None) -> None:
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
            kinds = {"mask", "numbers", "overlay"}.intersection(rows.fieldnames or ())
            named = ([row[kind] for kind in kinds] for row in rows)
            return {INDEX, DETECTIONS, OBJECTS}.union(*named) if kinds else set()
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
