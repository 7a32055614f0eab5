"""Show what a served segmentation model returns. `show` is copied into the example beside an exported model."""

import numpy as np
from PIL import Image

OUTPUT: str = "for each pixel of the photographs its class, as an index into classes"


def show(output: np.ndarray, image: np.ndarray, classes: list[str], stem: str) -> None:
    """Print each class's share of the photograph, and save its mask, coloured, as STEM_mask.png.

    Args:
        output: (1, H, W) uint8.
        image: (H, W, 3) uint8.
        classes: the names, background first.
        stem: the photograph's name.
    """
    mask = output[0]
    for index, name in enumerate(classes):
        print(f"{stem}: {name} {np.mean(mask == index):.1%}")
    colours = np.random.default_rng(0).integers(64, 256, (256, 3))
    colours[0] = 0
    painted = Image.fromarray(mask)  # the pixels stay class numbers; the palette colours them
    painted.putpalette(colours.astype(np.uint8).tobytes())
    painted.save(f"{stem}_mask.png")
