"""Show what a served detector returns. `show` is copied into the example beside an exported model."""

import numpy as np
from PIL import Image

OUTPUT: str = (
    "objects, best first, after suppression of overlapping ones: x_min, y_min, x_max, y_max in the photograph's "
    "pixels, score, class as an index into classes; rows of class 0 are empty"
)


def show(output: np.ndarray, image: np.ndarray, classes: list[str], stem: str) -> None:
    """Print the objects, and save the photograph with their boxes as STEM_boxes.png.

    Args:
        output: (1, D, 6) float32.
        image: (H, W, 3) uint8.
        classes: the names, background first.
        stem: the photograph's name.
    """
    from PIL import ImageDraw

    picture = Image.fromarray(image)
    draw = ImageDraw.Draw(picture)
    for *box, score, index in output[0].tolist():
        if index > 0:
            print(f"{stem}: {classes[int(index)]} {score:.2f} at", *(f"{side:.1f}" for side in box))
            draw.rectangle(box, outline="red")
    picture.save(f"{stem}_boxes.png")
