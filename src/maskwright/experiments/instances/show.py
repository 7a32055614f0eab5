"""Show what a served model of instances returns. `show` is copied into the example beside an exported model."""

import numpy as np
from PIL import Image

OUTPUT: str = (
    "for each pixel of the photographs its class, as an index into classes, and the number of its object, from 1, "
    "those of the highest score first; 0 is none"
)


def show(output: np.ndarray, image: np.ndarray, classes: list[str], stem: str) -> None:
    """Print each object's number, class, pixels and box, and save STEM_mask.png and STEM_objects.png.

    The first is the mask of the classes, coloured; the second holds the objects' numbers, in 16 bits.

    Args:
        output: (1, H, W, 2) int32.
        image: (H, W, 3) uint8.
        classes: the names, background first.
        stem: the photograph's name.
    """
    mask, numbers = output[0, ..., 0].astype(np.uint8), output[0, ..., 1].astype(np.uint16)
    print(f"{stem}: {numbers.max()} objects")
    for number in range(1, int(numbers.max()) + 1):
        rows, columns = np.nonzero(numbers == number)
        box = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1  # x_min, y_min, x_max, y_max
        print(f"{stem}: {number} {classes[mask[rows[0], columns[0]]]}, {len(rows)} pixels, at", *box)
    colours = np.random.default_rng(0).integers(64, 256, (256, 3))
    colours[0] = 0
    painted = Image.fromarray(mask)  # the pixels stay class numbers; the palette colours them
    painted.putpalette(colours.astype(np.uint8).tobytes())
    painted.save(f"{stem}_mask.png")
    Image.fromarray(numbers).save(f"{stem}_objects.png")
