"""Objects in new photographs, each with its pixels, found by a trained network.

    maskwright predict instances photos --via photos/predicted.json

    out/index.csv              image (as given), mask, numbers and overlay (in out), height, width, number of objects
    out/objects.csv            a row for each object: see `COLUMNS`
    out/detections.json        all objects, as COCO: their pixels as run lengths, and `score`
    out/<name>.png             (H, W) uint8 mask of the classes with a palette, in the photograph's own resolution
    out/<name>_objects.png     (H, W) uint16 object numbers, from 1, those of the highest score first; 0 is none
    out/<name>_overlay.jpg     the objects over the photograph, with their numbers and classes: 2,048 pixels at most

Only one photograph at a time is held at full resolution, along with a batch of scaled-down ones, so memory does not
grow with their number. TensorFlow is imported only when `predict` needs it, so that mistakes in the arguments are
reported at once.
"""

import csv
import json
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from skimage.measure import regionprops

from maskwright.experiments.instances.outlines import object_regions
from maskwright.photos.images import class_palette, write_mask
from maskwright.photos.objects import box_of, read_objects, resize_objects, run_lengths, runs_of, write_objects
from maskwright.predictions.photographs import (
    DETECTIONS,
    INDEX,
    OBJECTS,
    Photograph,
    label_attribute,
    predicted_with_images,
    tracked,
    via_entry,
)
from maskwright.shared.outputs import replaced_folder
from maskwright.shared.parallel import parallel_map
from maskwright.via.model import ImageEntry
from maskwright.via.write import CocoWriter, write_via_project

SCORE = "score"
"""The region attribute that holds an object's score."""

COLUMNS = (
    *("image", "object", "class", "score", "area", "x", "y", "width", "height"),
    *("centroid_x", "centroid_y", "perimeter"),
)
"""Of objects.csv, in pixels of the photograph as VIA counts them: the first pixel's middle is at (0.5, 0.5). `object`
is the number in the masks. Area, box, centroid and perimeter are those of scikit-image's `regionprops`; the box is x,
y, width and height."""


def predict(
    photographs: Sequence[Photograph],
    *,
    model: Path,
    out: Path,
    via: Path | None = None,
    masks: Path | None = None,
    least_score: float = 0.0,
) -> int:
    """Write the objects of photographs, and the VIA project. Either all files are written, or none.

    Args:
        photographs: the result of `predictions.photographs.find_photographs` with the same `out` and `via`.
        model: the folder of the trained model, which also stores how pixels are grouped.
        out: the output folder, which is replaced.
        via: a new file with a polygon for each object, its class, and its score as text.
        masks: the folder that `maskwright masks` wrote for the training. Regions in `via` then have their class in
            the attribute that was used there, so that they can be added to the training file. Without `masks` the
            attribute is `class`.
        least_score: objects with a lower score are left out, and their pixels are background.

    Returns:
        How many photographs have as many objects as the model can tell apart, and so perhaps more.

    Raises:
        MaskwrightError: the model is missing or incomplete, or a photograph can no longer be read.
    """
    from maskwright.experiments.instances.report.inference import compiled, finder, load_trained, look_at
    from maskwright.experiments.instances.report.plots import blend_objects, labels_of, write_labels

    network, about = load_trained(model)
    classes = about.classes
    forward, find = compiled(network), finder(about)
    palette = class_palette(len(classes))
    full = 0

    def found_in(images: Iterator[np.ndarray]) -> Iterator[Any]:
        return (at_least(find(seen), least_score) for seen in look_at(forward, images, about.size))

    with replaced_folder(out) as folder:
        attribute = label_attribute(masks)
        of_photographs: list[tuple[list[int], list[float]]] = []
        with (
            (folder / INDEX).open("w", newline="", encoding="utf-8", errors="surrogateescape") as file,
            (folder / OBJECTS).open("w", newline="", encoding="utf-8", errors="surrogateescape") as table,
            CocoWriter(folder / DETECTIONS, classes[1:]) as coco,
        ):
            index, objects = csv.writer(file, lineterminator="\n"), csv.writer(table, lineterminator="\n")
            index.writerow(["image", "mask", "numbers", "overlay", "height", "width", "objects"])
            objects.writerow(COLUMNS)
            predicted = predicted_with_images(photographs, found_in)
            for photograph, image, found in tracked(predicted, len(photographs), "objects"):
                size = photograph.height, photograph.width
                names = f"{photograph.name}.png", _numbers_name(photograph), f"{photograph.name}_overlay.jpg"
                write_mask(folder / names[0], found.mask, palette)
                write_objects(folder / names[1], found.numbers)
                shown = blend_objects(image, resize_objects(found.numbers, (image.shape[0], image.shape[1])))
                places = found.centres * [image.shape[0] / size[0], image.shape[1] / size[1]]
                labelled = write_labels(shown, places, labels_of(classes, found.classes))
                Image.fromarray(labelled).save(folder / names[2], quality=90)
                index.writerow([photograph.path, *names, *size, len(found.classes)])
                objects.writerows([photograph.path, *row] for row in measured(found, classes))
                coco.add(str(photograph.path), *size, coco_detections(found))
                full += len(found.classes) >= about.grouping.most
                if via is not None:
                    of_photographs.append((found.classes.tolist(), found.scores.tolist()))
        if via is not None:
            entry = partial(_entry, folder=folder, names=classes, attribute=attribute)
            given = zip(photographs, of_photographs, strict=True)
            entries = tracked(parallel_map(entry, given, chunk=4), len(photographs), "polygons")
            name = f"predictions of {about.network}"
            write_via_project(via, entries, classes=classes[1:], attribute=attribute, texts=[SCORE], name=name)
    return full


def at_least(found: Any, least_score: float) -> Any:
    """Return the objects with at least this score; the pixels of the others become background."""
    count = int(np.count_nonzero(found.scores >= least_score))  # they are the first ones
    if count == len(found.scores):
        return found
    dropped = found.numbers > count
    return found._replace(
        mask=np.where(dropped, 0, found.mask).astype(np.uint8),
        numbers=np.where(dropped, 0, found.numbers).astype(found.numbers.dtype),
        classes=found.classes[:count],
        scores=found.scores[:count],
        centres=found.centres[:count],
    )


def measured(found: Any, classes: Sequence[str]) -> Iterator[list[Any]]:
    """Yield the row of each object that has a pixel, as in `COLUMNS`, without the image."""
    for region in regionprops(found.numbers.astype(np.int32)):
        top, left, bottom, right = region.bbox
        down, across = region.centroid
        yield [
            region.label,
            classes[found.classes[region.label - 1]],
            f"{found.scores[region.label - 1]:.4f}",
            int(region.area),
            *(left, top, right - left, bottom - top),
            f"{across + 0.5:.2f}",
            f"{down + 0.5:.2f}",
            f"{region.perimeter:.2f}",
        ]


def coco_detections(found: Any) -> list[str]:
    """Return each object as a COCO annotation with its `score`, as JSON text without ids; `number` is the masks'."""
    height, width = found.numbers.shape
    annotations = []
    for number, runs in runs_of(found.numbers).items():
        annotation = {
            "category_id": int(found.classes[number - 1]),
            "segmentation": run_lengths(runs, height, width),
            "area": int((runs[:, 1] - runs[:, 0]).sum()),
            "bbox": box_of(runs, height),
            "iscrowd": 0,
            "score": round(float(found.scores[number - 1]), 4),
            "number": number,
        }
        annotations.append(json.dumps(annotation))
    return annotations


def _entry(
    given: tuple[Photograph, tuple[list[int], list[float]]], *, folder: Path, names: Sequence[str], attribute: str
) -> ImageEntry:
    """Make a VIA entry from object numbers that have been written. This runs in a worker process."""
    photograph, (classes, scores) = given
    numbers = read_objects(folder / _numbers_name(photograph))
    return via_entry(photograph, object_regions(numbers, classes, scores, names, attribute=attribute))


def _numbers_name(photograph: Photograph) -> str:
    return f"{photograph.name}_objects.png"
