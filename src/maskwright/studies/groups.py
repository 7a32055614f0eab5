"""Which photographs belong together, by their files; see `annotations.group`."""

from pathlib import Path

from maskwright.photos.splits import read_split
from maskwright.via.groups import groups_of
from maskwright.via.listed import listed_photographs
from maskwright.via.params import Annotations
from maskwright.via.splits import split_sources


def group_of_each(annotations: Annotations, split: Path) -> list[str]:
    """Return the group of each photograph of a split, in order; of one that is by itself its path.

    Args:
        annotations: the section of params.yaml.
        split: a split's folder, such as data/masks/test.

    Raises:
        MaskwrightError: as `split_sources` and `read_split`.
    """
    known = _known(annotations)
    paths = [example.image.resolve() for example in read_split(split)]
    return [known.get(path, str(path)) for path in paths]


def _known(annotations: Annotations) -> dict[Path, str]:
    if annotations.group is None:
        return {}
    files = {source.file.path: source.file for source in split_sources(annotations)}
    groups, _ = groups_of(list(files.values()), annotations.group)
    # A mark keeps a group's name apart from the path of a photograph that is by itself.
    return {
        path: f"group {groups[entry.filename]}"
        for entry, path in listed_photographs(annotations)
        if entry.filename in groups
    }
