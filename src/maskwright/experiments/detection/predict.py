"""Objects in new photographs, found by a trained detector.

    maskwright predict detection photos --via photos/predicted.json

    out/index.csv              image (as given), overlay (in out), height, width, number of objects
    out/detections.json        all objects, as COCO: `bbox` in the photograph's own pixels, as shown, and `score`
    out/<name>_overlay.jpg     the photograph with its boxes, to look at: 2,048 pixels at most

Only one photograph at a time is held at full resolution, along with a batch of scaled-down ones. TensorFlow is
imported only when `predict` needs it, so that mistakes in the arguments are reported at once.
"""

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from maskwright.experiments.detection.learn.boxes import Found
from maskwright.photos.images import class_palette
from maskwright.predictions.photographs import (
    DETECTIONS,
    INDEX,
    Photograph,
    label_attribute,
    predicted_with_images,
    tracked,
    via_entry,
)
from maskwright.shared.outputs import replaced_folder
from maskwright.via.model import ImageEntry, Region
from maskwright.via.write import CocoWriter, write_via_project

SCORE = "score"
"""The region attribute that holds a rectangle's probability."""


def predict(
    photographs: Sequence[Photograph],
    *,
    model: Path,
    out: Path,
    via: Path | None = None,
    masks: Path | None = None,
    least_score: float = 0.5,
) -> None:
    """Write the boxes and drawings of photographs, and the VIA project. Either all files are written, or none.

    Args:
        photographs: the result of `predictions.photographs.find_photographs` with the same `out` and `via`.
        model: the folder of the trained model, which also stores the kind of NMS to use.
        out: the output folder, which is replaced.
        via: a new file with a rectangle for each object, its class, and its score as text.
        masks: the folder that `maskwright masks` wrote for the training. Regions in `via` then have their class in
            the attribute that was used there, so that they can be added to the training file. Without `masks` the
            attribute is `class`.
        least_score: less probable objects are left out; from 0.01 to 1.

    Raises:
        MaskwrightError: the model is missing or incomplete, or a photograph can no longer be read.
    """
    from maskwright.experiments.detection.report.inference import detect_objects, detector, load_detector
    from maskwright.experiments.detection.report.plots import draw_boxes

    network, about = load_detector(model)
    classes, scheme = about.classes, about.scheme
    run = detector(network, scheme, [about.nms], least_score)
    palette = class_palette(len(classes))

    def detected(images: Iterator[np.ndarray]) -> Iterator[Found]:
        return (found for (found,) in detect_objects(run, images, scheme.size))

    with replaced_folder(out) as folder:
        attribute = label_attribute(masks)
        entries: list[ImageEntry] = []
        with (
            (folder / INDEX).open("w", newline="", encoding="utf-8", errors="surrogateescape") as file,
            CocoWriter(folder / DETECTIONS, classes[1:]) as coco,
        ):
            index = csv.writer(file, lineterminator="\n")
            index.writerow(["image", "overlay", "height", "width", "objects"])
            predicted = predicted_with_images(photographs, detected)
            for photograph, image, found in tracked(predicted, len(photographs), "boxes"):
                overlay = f"{photograph.name}_overlay.jpg"
                size = photograph.height, photograph.width
                scale = np.tile([image.shape[1] / size[1], image.shape[0] / size[0]], 2)
                drawn = draw_boxes(image, found._replace(boxes=found.boxes * scale), classes, palette)
                Image.fromarray(drawn).save(folder / overlay, quality=90)
                index.writerow([photograph.path, overlay, *size, len(found.boxes)])
                coco.add(str(photograph.path), *size, coco_detections(found))
                if via is not None:
                    entries.append(via_entry(photograph, rectangles(found, classes, attribute=attribute)))
        if via is not None:
            name = f"predictions of {about.network}"
            write_via_project(via, entries, classes=classes[1:], attribute=attribute, texts=[SCORE], name=name)


def coco_detections(found: Found) -> list[str]:
    """Return each object as a COCO annotation with its `score`, as JSON text without ids."""
    annotations = []
    for box, score, label in zip(found.boxes.tolist(), found.scores.tolist(), found.classes.tolist(), strict=True):
        left, top, right, bottom = (round(value, 2) for value in box)
        width, height = round(right - left, 2), round(bottom - top, 2)
        annotation = {
            "category_id": label,
            "segmentation": [[left, top, right, top, right, bottom, left, bottom]],
            "area": round(width * height, 2),
            "bbox": [left, top, width, height],
            "iscrowd": 0,
            "score": round(score, 4),
        }
        annotations.append(json.dumps(annotation))
    return annotations


def rectangles(found: Found, classes: Sequence[str], *, attribute: str = "class") -> list[Region]:
    """Return the detections as VIA rectangles, to be corrected by hand. They are rounded to a tenth of a pixel.

    Args:
        found: detections with boxes in the photograph's pixels.
        classes: class names, background first.
        attribute: the region attribute that holds the class; `score` holds the score.
    """
    regions = []
    for number, (box, score, label) in enumerate(zip(found.boxes.tolist(), found.scores, found.classes, strict=True)):
        left, top, right, bottom = (round(value, 1) for value in box)
        geometry = {"x": left, "y": top, "width": round(right - left, 1), "height": round(bottom - top, 1)}
        if geometry["width"] > 0 and geometry["height"] > 0:
            attributes = {attribute: classes[label], SCORE: f"{score:.2f}"}
            regions.append(Region(number, "rect", geometry, attributes))
    return regions
