"""Which photographs belong together, by their files; see `annotations.group`."""

from pathlib import Path

from maskwright.photos.splits import read_split
from maskwright.via.groups import groups_of
from maskwright.via.lint import merged_entries
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
    sources = {source.file.path: source for source in split_sources(annotations)}
    groups, _ = groups_of([source.file for source in sources.values()], annotations.group)
    found: dict[Path, str] = {}
    for source in sources.values():
        for entry in merged_entries(source.file):
            path, problem, _ = source.locate(entry)
            if problem is None and entry.filename in groups:
                # A mark keeps a group's name apart from the path of a photograph that is by itself.
                found[path.resolve()] = f"group {groups[entry.filename]}"
    return found
