"""Photographs of one's own, and their VIA file."""

import json

import numpy as np
from PIL import Image


def write_photographs(folder, annotations="via.json"):
    """Write eight small photographs, each with a bright square labelled yes or no, and their VIA 2 file."""
    folder.mkdir()
    rng, entries = np.random.default_rng(0), {}
    for number in range(8):
        pixels = rng.integers(0, 100, (40, 48, 3)).astype(np.uint8)
        left, top = 4 + 2 * number, 6 + number
        pixels[top : top + 16, left : left + 20, number % 2] = 255
        path = folder / f"{number}.png"
        Image.fromarray(pixels).save(path)
        size = path.stat().st_size
        shape = {"name": "rect", "x": left, "y": top, "width": 20, "height": 16}
        region = {"shape_attributes": shape, "region_attributes": {"kind": ["yes", "no"][number % 2]}}
        entries[f"{path.name}{size}"] = {
            "filename": path.name,
            "size": size,
            "regions": [region],
            "file_attributes": {},
        }
    (folder / annotations).write_text(json.dumps(entries))
