"""Which regions are one object, and each object's pixels as COCO has them.

An object is a region, or all regions of a photograph that have one class and one value of the attribute
`annotations.object`. Objects are numbered from 1 in the order of their first regions. Where two overlap, a pixel
belongs to the later region's. An object that others hide altogether keeps its number and has no pixel.
"""

import json
from collections.abc import Container, Sequence

import numpy as np

from maskwright.photos.images import IGNORE
from maskwright.photos.objects import UNKNOWN_OBJECT, box_of, run_lengths, runs_of
from maskwright.via.findings import Finding
from maskwright.via.model import LabelledRegion
from maskwright.via.source import printable
from maskwright.via.write import coco_outlines


def object_numbers(regions: Sequence[LabelledRegion]) -> np.ndarray:
    """Return the number of the object that each region of a photograph belongs to.

    Returns:
        (n,) int64, from 1 without gaps; `UNKNOWN_OBJECT` for regions of unknown class, which are not counted.
    """
    numbers: dict[object, int] = {}
    found = []
    for place, region in enumerate(regions):
        if region.class_index == IGNORE:
            found.append(UNKNOWN_OBJECT)
        else:
            key = (region.class_index, region.thing) if region.thing else place
            found.append(numbers.setdefault(key, len(numbers) + 1))
    return np.array(found, np.int64)


def number_of_objects(regions: Sequence[LabelledRegion]) -> int:
    """Return how many objects the regions of a photograph are."""
    known = [region for region in regions if region.class_index != IGNORE]
    return int(object_numbers(known).max(initial=0))


def object_findings(regions: Sequence[LabelledRegion], classes: Sequence[str]) -> list[tuple[int, Finding]]:
    """Return a finding, with a region's number, for each region that shares its object's name but not its class."""
    first: dict[str, LabelledRegion] = {}
    found = []
    for region in regions:
        if region.thing and region.class_index != IGNORE:
            other = first.setdefault(region.thing, region)
            if other.class_index != region.class_index:
                names = [printable(classes[each.class_index - 1], 40) for each in (other, region)]
                message = (
                    f"of the same object {printable(region.thing, 40)!r} as region {other.number}, but {names[1]!r} "
                    f"and not {names[0]!r}: they count as two objects"
                )
                advice = "correct the class, or give them different values of annotations.object"
                found.append((region.number, Finding("warning", "object-of-two-classes", message, advice)))
    return found


def coco_objects(
    objects: np.ndarray, regions: Sequence[LabelledRegion], numbers: np.ndarray, *, crossing: Container[int] = ()
) -> list[str]:
    """Return each object that has a pixel as a COCO annotation in JSON, without ids, in the order of their numbers.

    `segmentation` is the run lengths (RLE) of its pixels, `area` their number, and `bbox` the box around them. Two
    keys are not part of COCO: `number`, and `polygons`, the outlines of its regions as drawn, cut off at the image's
    borders, hidden parts included.

    Args:
        objects: (H, W) the numbers of a photograph's pixels.
        regions: its n regions.
        numbers: (n,) from `object_numbers`.
        crossing: as for `write.coco_annotations`.
    """
    height, width = objects.shape
    outlines: dict[int, list[list[float]]] = {}
    class_of: dict[int, int] = {}
    drawn = coco_outlines(regions, height, width, crossing=crossing)
    for region, number, outline in zip(regions, numbers.tolist(), drawn, strict=True):
        class_of[number] = region.class_index
        outlines.setdefault(number, [])
        if outline:
            outlines[number].append(outline)
    annotations = []
    for number, runs in runs_of(objects).items():
        if number != UNKNOWN_OBJECT:
            annotation = {
                "category_id": class_of[number],
                "segmentation": run_lengths(runs, height, width),
                "area": int((runs[:, 1] - runs[:, 0]).sum()),
                "bbox": box_of(runs, height),
                "iscrowd": 0,
                "number": number,
                "polygons": outlines[number],
            }
            annotations.append(json.dumps(annotation, ensure_ascii=False))
    return annotations
