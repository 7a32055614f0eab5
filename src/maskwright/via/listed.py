"""The photographs that the annotation files of params.yaml list, and where they are."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from maskwright.via.lint import merged_entries
from maskwright.via.model import ImageEntry
from maskwright.via.splits import split_sources

if TYPE_CHECKING:
    from maskwright.via.params import Annotations


def listed_photographs(annotations: "Annotations") -> Iterator[tuple[ImageEntry, Path]]:
    """Yield each entry of the files whose photograph is there, with its path, links resolved.

    Raises:
        MaskwrightError: as `split_sources`.
    """
    sources = {source.file.path: source for source in split_sources(annotations)}
    for source in sources.values():
        for entry in merged_entries(source.file):
            path, problem, _ = source.locate(entry)
            if problem is None:
                yield entry, path.resolve()
