from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maskwright.experiments.segmentation.report.inference import compiled, segment
from maskwright.experiments.segmentation.serve import as_served, serving_model
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


@pytest.mark.parametrize("size", [(64, 96), (20, 30), (33, 47)])
def test_agrees_with_segment(size):
    model = colour_model()
    served = as_served(model, (32, 48))
    rng = np.random.default_rng(2)
    coarse = [Image.fromarray(rng.integers(0, 256, (4, 5, 3)).astype(np.uint8)) for _ in range(2)]
    images = np.stack([np.asarray(image.resize(size[::-1], Image.Resampling.BICUBIC)) for image in coarse])
    masks = np.asarray(served(images))
    assert masks.shape == (2, *size)
    assert masks.dtype == np.uint8
    expected = np.stack(list(segment(compiled(model), list(images), (32, 48))))
    assert len(set(expected.ravel())) > 1
    assert (masks == expected).mean() > 0.98


def test_has_one_input_and_one_output():
    served = as_served(colour_model(), (32, 48))
    assert [(x.name, x.dtype, tuple(x.shape)) for x in served.inputs] == [("images", "uint8", (None, None, None, 3))]
    assert [(x.dtype, tuple(x.shape)) for x in served.outputs] == [("uint8", (None, None, None))]
