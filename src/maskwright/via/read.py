"""Read VIA annotation files of every kind, recognised by their content, never by their names.

    file = open_annotations(Path("train/via_project.json"))
    for image in entries(file):
        ...

Reading is lenient: anything odd is kept for `lint` to explain. The only exception is AnnotationError, for a file that
as a whole cannot be understood.
"""

from collections.abc import Iterator

from maskwright.via import coco_read, csv_read, via3_read
from maskwright.via.detect import AnnotationFile, open_annotations
from maskwright.via.model import ImageEntry
from maskwright.via.source import AnnotationError, JsonStream, opened_text
from maskwright.via.values import to_image

__all__ = ["AnnotationError", "AnnotationFile", "entries", "open_annotations"]


def entries(file: AnnotationFile) -> Iterator[ImageEntry]:
    """Yield the images in the file's order; each call reads the file again.

    VIA JSON and CSV are read piece by piece, so memory does not grow with the number of images. COCO and VIA 3 store
    regions separately from their images, so the regions' numbers are held in packed form until all are read.

    A key or a file name that occurs twice in JSON is yielded twice. The rows of one image in a CSV form one entry,
    wherever they are.

    Raises:
        AnnotationError: the file has changed since it was opened, and can no longer be read.
    """
    with opened_text(file.path) as text:
        if file.variant.endswith("CSV"):
            yield from csv_read.images(file.path, text, file.repeated)
            return
        stream = JsonStream(file.path, text)
        if file.variant.startswith("COCO"):
            yield from coco_read.images(stream)
        elif file.variant == "VIA 3 project":
            yield from via3_read.images(stream)
        else:
            yield from _images(stream, file)


def _images(stream: JsonStream, file: AnnotationFile) -> Iterator[ImageEntry]:
    in_project = file.variant == "VIA 2 project JSON"
    for key in stream.members():
        if not in_project:
            yield to_image(key, stream.value(), file.options)
        elif key == "_via_img_metadata":
            for name in stream.members():
                yield to_image(name, stream.value(), file.options)
        else:
            stream.value()
    stream.end()
