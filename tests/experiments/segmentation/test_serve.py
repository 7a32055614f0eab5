from pathlib import Path

import numpy as np
from PIL import Image

from maskwright.experiments.segmentation.report.inference import compiled, segment
from maskwright.experiments.segmentation.serve import serving_model
from maskwright.learning.common.saved import save_model
from support.colour_model import colour_model


def test_serves_masks_of_images_of_any_size(tmp_path: Path):
    save_model(colour_model(), {"classes": ["background", "cup", "can"], "size": [24, 32]}, tmp_path / "model")
    served = serving_model(tmp_path / "model")
    colours = Image.fromarray(np.random.default_rng(1).integers(0, 256, (3, 4, 3)).astype(np.uint8))
    image = np.asarray(colours.resize((60, 40), Image.Resampling.NEAREST))
    masks = np.asarray(served(image[None]))
    assert masks.shape == (1, 40, 60)
    assert masks.dtype == np.uint8
    expected = next(segment(compiled(colour_model()), [image], (24, 32)))
    assert len(np.unique(expected)) > 1
    assert (masks[0] == expected).mean() > 0.95
