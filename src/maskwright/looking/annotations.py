"""A look at one annotation file, before there are masks."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from maskwright.looking.look import look
from maskwright.photos.images import MEGAPIXELS
from maskwright.shared.settings import Auto
from maskwright.via.convert import convert_file


def look_at_file(
    path: Path,
    out: Path,
    *,
    size: tuple[int, int] | Auto,
    most: int,
    label: str | None = None,
    classes: Sequence[str] | None = None,
    images: Path | None = None,
    megapixels: float = MEGAPIXELS,
    workers: int | None = None,
) -> list[str]:
    """Make masks for a while, leaving out and reporting what would be refused, and look at these.

    Args:
        path: the annotation file.
        out, size, most, workers: as for `look`.
        label, classes, images, megapixels: as for `convert_file`.

    Raises:
        MaskwrightError: the file cannot be read, or none of its photographs can be used.
    """
    # On the disk of the results, since the system's own folder for such files may be too small.
    there = next(parent for parent in out.absolute().parents if parent.is_dir())
    with tempfile.TemporaryDirectory(dir=there, prefix=".masks-") as folder:
        masks = Path(folder) / "masks"
        convert_file(
            path,
            masks,
            label=label,
            classes=classes,
            images=images,
            on_error="skip",
            megapixels=megapixels,
            workers=workers,
        )
        return look(masks, out, size=size, title=path.name, most=most, workers=workers)
