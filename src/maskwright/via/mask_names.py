"""Names for the masks of one split: one for each image, whatever the images are called."""

import hashlib
from collections import Counter
from pathlib import PurePosixPath

from maskwright.photos.splits import MASKS
from maskwright.via.values import normal_name

NO_MASK = f"{MASKS}/_.png"
"""The name for the mask of an image that will be refused."""

_LONGEST_FILENAME = 4096
_LONGEST_NAME = 255  # bytes of one name in a folder, which Linux, macOS and Windows allow


class MaskNames:
    """Chooses `masks/IMAGE.png`, keeping the image's suffix if another image already has that name.

    Names are compared without regard to case, as some file systems do. A name that leads out of the folder is cut to
    one that does not; its image will be refused.
    """

    def __init__(self) -> None:
        self._files: set[str] = set()
        self._folders: set[str] = set()
        # Where the count goes on for each name: thousands of names that differ only in case share one.
        self._next: Counter[str] = Counter()

    def choose(self, filename: str) -> str:
        """Return the path of an image's mask below the split's folder; it differs from all those returned before."""
        if len(filename) > _LONGEST_FILENAME:  # an embedded image, to be refused
            return NO_MASK
        parts = [part for part in normal_name(filename).split("/") if part not in ("", ".", "..")]
        image = PurePosixPath(MASKS, *(parts or ["_"]))
        if any(str(folder).casefold() in self._files for folder in image.parents):
            # The mask of an image called `a` is the file `a.png`, so the masks of a folder `a.png` go elsewhere.
            image = PurePosixPath(MASKS, f"{_digest(str(image.parent))}-{image.name}")
        name = _named(image, image.with_suffix(".png").name)
        while name.casefold() in self._files or name.casefold() in self._folders:
            key = str(image).casefold()
            number = self._next[key]
            self._next[key] += 1
            name = _named(image, f"{image.name}{number or ''}.png")
        self._files.add(name.casefold())
        self._folders.update(str(folder).casefold() for folder in PurePosixPath(name).parents)
        return name


def _named(image: PurePosixPath, name: str) -> str:
    if len(name.encode("utf-8", "surrogatepass")) > _LONGEST_NAME:
        name = f"{name[:40]}-{_digest(name)}.png"
    return str(image.with_name(name))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
