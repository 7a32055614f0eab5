"""Small VIA 2 files and the photographs that they name."""

import json
from pathlib import Path

from PIL import Image


def photo(path: Path, size: tuple[int, int] = (30, 20), *, shade: int = 90) -> int:
    """Write a grey photograph of (width, height) pixels; return its size in bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (shade, shade, shade)).save(path)
    return path.stat().st_size


def rect(x: int = 0, **attributes: object) -> dict:
    """A rectangle of 5 x 5 pixels with these region attributes."""
    shape = {"name": "rect", "x": x, "y": 0, "width": 5, "height": 5}
    return {"shape_attributes": shape, "region_attributes": attributes}


def image(filename: str, *regions: dict, size: int = -1, **file_attributes: str) -> dict:
    """An image as VIA 2 lists it."""
    return {"filename": filename, "size": size, "regions": list(regions), "file_attributes": file_attributes}


def annotations(path: Path, *images: dict) -> Path:
    """Write images as a VIA 2 annotations file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({str(number): listed for number, listed in enumerate(images)}))
    return path


def project(path: Path, *images: dict, core: dict | None = None, options: dict | None = None) -> Path:
    """Write images as a VIA 2 project with these core settings and region attributes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    contents = {
        "_via_settings": {"ui": {}, "core": core or {}, "project": {"name": "p"}},
        "_via_img_metadata": {str(number): listed for number, listed in enumerate(images)},
        "_via_attributes": {"region": options or {}, "file": {}},
    }
    path.write_text(json.dumps(contents))
    return path
