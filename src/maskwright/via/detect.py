"""Recognise the kind of an annotation file by its content, reading the file once from start to end."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from maskwright.via import csv_read, via3_read
from maskwright.via.hints import NO_HINTS, CommonFolder, Hints, add_source, via2_prefixes, via3_sources
from maskwright.via.source import AnnotationError, JsonStream, opened_text, printable
from maskwright.via.values import normal_name, option_labels

_HEAD = 4096
_BINARY = {
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"BM": "a BMP image",
    b"%PDF": "a PDF",
    b"PK\x03\x04": "a ZIP archive (or a spreadsheet)",
    b"\x1f\x8b": "a gzip archive",
}
_WANTED = "expected a VIA 1, 2 or 3 file (JSON or CSV) or COCO JSON"


@dataclass(frozen=True)
class AnnotationFile:
    """An annotation file that has been read once to its end: its kind is known and it is well-formed.

    Attributes:
        path: as given.
        variant: `VIA 1 JSON`, `VIA 2 annotations JSON`, `VIA 2 project JSON`, `VIA 1 CSV`, `VIA 2 CSV`,
            `VIA 3 project`, `COCO from VIA` or `COCO`.
        options: attribute -> option id -> label, where the file defines them (VIA 2 project).
        repeated: file names (see `values.normal_name`) that occur again later in the file.
        hints: where it says that its photographs are.
    """

    path: Path
    variant: str
    options: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    repeated: frozenset[str] = frozenset()
    hints: Hints = NO_HINTS


def open_annotations(path: Path) -> AnnotationFile:
    """Recognise an annotation file and check that all of it can be read.

    Raises:
        AnnotationError: the file is missing, empty, not UTF-8, neither JSON nor CSV (with line and column), cut
            off, without any image, or holds something other than VIA or COCO; the message says what it looks like.
    """
    path = Path(path)
    _refuse_binary(path)
    with opened_text(path) as text:
        head = text.read(_HEAD).lstrip()
        text.seek(0)
        if not head:
            raise AnnotationError(f"{path}: the file is empty")
        if head[0] == "{":
            return _inspect_json(path, JsonStream(path, text))
        if head[0] == "<":
            kind = "HTML" if "<html" in head.lower() or "<!doctype" in head.lower() else "XML (Pascal VOC or CVAT?)"
            raise AnnotationError(f"{path}: looks like {kind}; {_WANTED}")
        if head[0] == "[":
            stream = JsonStream(path, text)
            stream.value()
            raise AnnotationError(f"{path}: a JSON list, and not an object of images; {_WANTED}")
        variant, repeated = csv_read.inspect(path, text)
        text.seek(0)
        common = CommonFolder()
        for entry in csv_read.images(path, text, frozenset()):
            common.add(entry.filename)
            if not common.depth:
                break
        return AnnotationFile(path, variant, {}, repeated, Hints(common=common.depth))


def _refuse_binary(path: Path) -> None:
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except (OSError, ValueError):
        return  # opening it as text raises the error
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise AnnotationError(f"{path}: UTF-16 text; save it as UTF-8")
    kind = next((name for magic, name in _BINARY.items() if head.startswith(magic)), "not text")
    if b"\0" in head or not (kind == "not text" or head.isascii()):
        raise AnnotationError(f"{path}: {kind}; {_WANTED}")


class _Names:
    """File names seen, and file names seen more than once; and what they say about where the files are."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.again: set[str] = set()
        self.common = CommonFolder()
        self.sources: dict[str, str] = {}

    def add(self, entry: Any, key: str = "filename") -> None:
        filename = entry.get(key) if isinstance(entry, dict) else None
        if isinstance(filename, str) and (name := normal_name(filename)):
            (self.again if name in self.seen else self.seen).add(name)
            self.common.add(filename)
            if entry.get("fileref"):
                add_source(self.sources, filename, entry["fileref"])


def _inspect_json(path: Path, stream: JsonStream) -> AnnotationFile:
    small: dict[str, Any] = {}  # the first few members, to say what the file looks like
    walked: set[str] = set()
    names = _Names()
    images, via, first_version = 0, 0, False
    options: dict[str, dict[str, str]] = {}
    prefixes: tuple[str, ...] = ()
    for key in stream.members():
        opening = stream.peek()
        if key == "_via_img_metadata" and opening == "{":
            walked.add(key)
            for _ in stream.members():
                names.add(stream.value())
                images += 1
        elif key in ("images", "annotations") and opening == "[":
            walked.add(key)
            for _ in stream.elements():
                value = stream.value()
                if key == "images":
                    names.add(value, "file_name")
                    images += 1
        elif key == "metadata" and opening == "{":
            walked.add(key)
            for _ in stream.members():
                stream.value()
        else:
            value = stream.value()
            if isinstance(value, dict) and ("regions" in value or "filename" in value):
                names.add(value)
                via += 1
                first_version |= "fileref" in value or isinstance(value.get("regions"), dict)
            if key == "_via_attributes":
                options = option_labels(value.get("region") if isinstance(value, dict) else None)
            elif key == "_via_settings":
                prefixes = via2_prefixes(value)
                small[key] = {}
            elif len(small) < 40 or key in ("project", "file", "info", "config"):
                small[key] = value
    stream.end()
    repeated = frozenset(names.again)
    hints = Hints(prefixes, names.sources, names.common.depth)
    if "_via_img_metadata" in walked:
        _require(path, images, "VIA 2 project")
        return AnnotationFile(path, "VIA 2 project JSON", options, repeated, hints)
    if walked >= {"images", "annotations"}:
        _require(path, images, "COCO")
        variant = "COCO from VIA" if _by_via(small.get("info")) else "COCO"
        return AnnotationFile(path, variant, {}, repeated, hints)
    if "metadata" in walked and {"project", "file"} <= small.keys():
        images, repeated = via3_read.inspect(path, small["file"])
        _require(path, images, "VIA 3 project")
        hints = Hints(sources=via3_sources(small["file"], small.get("config")), common=_common(small["file"]))
        return AnnotationFile(path, "VIA 3 project", {}, repeated, hints)
    if via:
        variant = "VIA 1 JSON" if first_version else "VIA 2 annotations JSON"
        return AnnotationFile(path, variant, {}, repeated, hints)
    if not small and not walked:
        raise AnnotationError(f"{path}: an empty JSON object, without any image; {_WANTED}")
    raise AnnotationError(f"{path}: {_looks_like(small, walked)}; {_WANTED}")


def _common(files: Any) -> int:
    common = CommonFolder()
    for item in files.values():
        name = item.get("fname") if isinstance(item, dict) else None
        if isinstance(name, str):
            common.add(name)
    return common.depth


def _require(path: Path, images: int, kind: str) -> None:
    if not images:
        raise AnnotationError(f"{path}: a {kind} file that lists no image; add the photographs and save it again")


def _by_via(info: Any) -> bool:
    if not isinstance(info, dict):
        return False
    said = " ".join(str(info.get(key, "")) for key in ("description", "url", "contributor"))
    return "VGG Image Annotator" in said or "software/via" in said


def _looks_like(small: dict[str, Any], walked: set[str]) -> str:
    keys = small.keys() | walked
    if "shapes" in keys:
        return "looks like LabelMe, with one image per file; `maskwright convert` makes a VIA file of it"
    if "features" in keys or small.get("type") in ("FeatureCollection", "Feature", "Topology"):
        return "looks like GeoJSON"
    if any(key.startswith("_via_") for key in keys):
        return "a VIA 2 project without _via_img_metadata, which holds the images"
    if {"objects", "size"} <= keys or {"objects", "tags"} <= keys:
        return "looks like Supervisely, with one image per file"
    if "cells" in keys and "nbformat" in keys:
        return "looks like a Jupyter notebook"
    if walked:
        missing = "annotations" if "images" in walked else "images"
        return f"looks like COCO without its list of {missing}"
    named = ", ".join(printable(key, 30) for key in list(small)[:4])
    return f"JSON, but not VIA: its keys are {named}" + (", ..." if len(small) > 4 else "")
