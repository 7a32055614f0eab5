"""Making images with labels on two levels. Imports no TensorFlow.

`conditional.source` is what they are made from:

- `digits`: the fine class is the digit, and a mapping gives the coarse class of each digit;
- `regions`: each annotated region, cut out of its photograph as a square. The fine class is the attribute
  `conditional.fine`. The coarse class is another attribute, or a mapping gives it for each fine class.

The images are squares of `conditional.side` pixels.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from maskwright.digits.dataset import SPLITS
from maskwright.experiments.conditional.data import CLASSES_FILE, ClassNames, TwoLevels
from maskwright.experiments.conditional.params import Conditional
from maskwright.photos.images import IGNORE, read_image, resize_image
from maskwright.shared.datasets import DIGIT_CLASSES, read_images
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.outputs import replaced_folder, write_arrays, write_json
from maskwright.via.labels import LabelRule, class_of, find_label_rule
from maskwright.via.lint import check_image, merged_entries
from maskwright.via.model import ImageEntry, LabelledRegion
from maskwright.via.params import Annotations
from maskwright.via.rasterise import bounding_boxes
from maskwright.via.splits import Source, split_sources

SURROUNDINGS = 0.1
"""The margin of a crop on each side of its region's box, as a share of the box's longer side."""

CROP_SIDE = 64
"""The side of a crop in pixels, unless `conditional.side` gives another."""

_WHERE = "conditional.coarse"


def write_hierarchy(settings: Conditional, annotations: Annotations, digits: Path, out: Path) -> None:
    """Write `out`/train.npz, validation.npz and test.npz (see `TwoLevels`), and the names of the classes.

    Args:
        settings: the section `conditional` of params.yaml, which describes the images.
        annotations: the section `annotations`; used only if the images are regions.
        digits: the folder that `maskwright generate digits` wrote; used only if the images are digits.
        out: the output folder, replaced as a whole.

    Raises:
        MaskwrightError: the mapping does not fit the classes; a split has no image; the digits are missing, or the
            annotations cannot be read; a region cannot be used or has no coarse class, and `annotations.on_error` is
            "fail".
    """
    made = _digits(settings, digits) if settings.source == "digits" else _regions(settings, annotations)
    names, splits = made
    with replaced_folder(out) as new:
        write_json(new / CLASSES_FILE, {"coarse": names.coarse, "fine": names.fine})
        for split, drawn in splits:
            if not len(drawn.images):
                raise MaskwrightError(f"conditional.source: the {split} split has no image; add some to it")
            write_arrays(new / f"{split}.npz", images=drawn.images, coarse=drawn.coarse, fine=drawn.fine)


def coarse_of_fine(mapping: Mapping[str, list[str]], fine: tuple[str, ...]) -> np.ndarray:
    """Return the index of each fine class's coarse class, (F,).

    Args:
        mapping: the fine classes of each coarse class.
        fine: all fine classes.

    Raises:
        MaskwrightError: a fine class is in no coarse class or in several, or the mapping names an unknown class.
    """
    homes: dict[str, int] = {}
    for index, (coarse, members) in enumerate(mapping.items()):
        for name in members:
            if name not in fine:
                raise MaskwrightError(f"{_WHERE}: {coarse}: no class {name!r}; choose from {', '.join(fine)}")
            if homes.setdefault(name, index) != index:
                raise MaskwrightError(f"{_WHERE}: {name!r} is in several coarse classes; leave it in one")
    missing = [name for name in fine if name not in homes]
    if missing:
        raise MaskwrightError(f"{_WHERE}: {', '.join(missing)} not in any coarse class; put each in one")
    return np.array([homes[name] for name in fine])


_Made = tuple[ClassNames, Iterator[tuple[str, TwoLevels]]]


def _digits(settings: Conditional, digits: Path) -> _Made:
    mapping = settings.coarse
    if not isinstance(mapping, dict):
        raise MaskwrightError(f"{_WHERE}: digits have no attributes; give each coarse class a list of digits")
    fine = tuple(map(str, range(DIGIT_CLASSES)))
    homes = coarse_of_fine(mapping, fine)

    def splits() -> Iterator[tuple[str, TwoLevels]]:
        for split in SPLITS:
            images, labels = read_images(digits, split, "digits")
            if settings.side is not None:
                images = np.stack([resize_image(image, (settings.side, settings.side)) for image in images])
            yield split, TwoLevels(images[..., None], homes[labels].astype(np.uint8), labels)

    return ClassNames(tuple(mapping), fine), splits()


def _regions(settings: Conditional, annotations: Annotations) -> _Made:
    if settings.fine is not None:
        annotations = annotations.model_copy(update={"label": settings.fine, "classes": None})
    sources = split_sources(annotations)
    fine = sources[0].rule.classes
    if isinstance(settings.coarse, dict):
        names = ClassNames(tuple(settings.coarse), fine)
        homes = coarse_of_fine(settings.coarse, fine)
        rules: list[LabelRule] = []
    else:
        first = find_label_rule(sources[0].file, label=settings.coarse, classes=None)
        rules = [find_label_rule(s.file, label=first.attribute, classes=first.classes) for s in sources]
        names, homes = ClassNames(first.classes, fine), None
    if len(names.coarse) < 2:
        raise MaskwrightError(f"{_WHERE}: one coarse class leaves nothing to switch; name at least two")

    def splits() -> Iterator[tuple[str, TwoLevels]]:
        for number, source in enumerate(sources):
            left_out: list[str] = []
            crops = list(
                _crops(
                    source,
                    settings.side or CROP_SIDE,
                    homes,
                    rules[number] if rules else None,
                    left_out,
                    megapixels=annotations.megapixels,
                )
            )
            if left_out and annotations.on_error == "fail":
                raise MaskwrightError(
                    f"{source.file.path}: {left_out[0]} cannot be used, or has no coarse class ({len(left_out):,} in "
                    "all); correct it, see `maskwright lint`, or set annotations.on_error: skip"
                )
            images = [crop for crop, _, _ in crops]
            levels = np.array([(coarse, index) for _, coarse, index in crops], np.uint8).reshape(-1, 2)
            yield source.split, TwoLevels(np.array(images, np.uint8), levels[:, 0], levels[:, 1])

    return names, splits()


def _crops(
    source: Source,
    side: int,
    homes: np.ndarray | None,
    rule: LabelRule | None,
    left_out: list[str],
    *,
    megapixels: float,
) -> Iterator[tuple[np.ndarray, int, int]]:
    """Yield the crop (side, side, 3) of each usable region, with the indices of its coarse and fine class.

    The place of each image or region that cannot be used, or whose coarse class is unknown, is added to `left_out`.
    """
    path = source.file.path
    for entry in merged_entries(source.file):
        if source.names is not None and entry.filename not in source.names:
            continue
        checked = check_image(entry, file=path, folder=path.parent, rule=source.rule, megapixels=megapixels)
        left_out += [_place(entry, problem.region) for problem in checked.problems if problem.severity == "refused"]
        regions = [region for region in checked.regions if region.class_index != IGNORE]
        image = read_image(checked.path) if regions else np.empty((0, 0, 3), np.uint8)
        drawn = {region.number: region for region in entry.regions}
        for region in regions:
            fine = region.class_index - 1
            coarse = class_of(drawn[region.number], rule)[0] if rule is not None else None
            if homes is not None:
                coarse = int(homes[fine]) + 1
            crop = _square_crop(image, region, side)
            if coarse is None:
                left_out.append(_place(entry, region.number))
            elif crop is not None:
                yield crop, coarse - 1, fine


def _place(entry: ImageEntry, region: int | None) -> str:
    return entry.filename if region is None else f"{entry.filename}, region {region}"


def _square_crop(image: np.ndarray, region: LabelledRegion, side: int) -> np.ndarray | None:
    """Cut out the square around a region's box; outside the image, its border pixels are repeated."""
    height, width = image.shape[:2]
    x, y, across, down = bounding_boxes([region], height, width)[0]
    if across < 1 or down < 1:
        return None
    length = max(across, down) * (1 + 2 * SURROUNDINGS)
    size = max(1, round(length))
    left, top = round(x + across / 2 - length / 2), round(y + down / 2 - length / 2)
    rows = np.clip(np.arange(top, top + size), 0, height - 1)
    columns = np.clip(np.arange(left, left + size), 0, width - 1)
    return resize_image(image[np.ix_(rows, columns)], (side, side))
