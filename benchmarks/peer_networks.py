"""Networks of segmentation_models_pytorch with the weights and the contract of ours, for peers.py. No program.

It imports PyTorch and not TensorFlow, except for `check_encoder`. Both at once would have threads side by side.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import segmentation_models_pytorch
import torch

from maskwright.photos.images import IGNORE

ENCODER = "tu-tf_efficientnet_lite0"
RATE = 2e-3
"""The highest learning rate, but for the encoder."""
ENCODER_RATE = 0.2
"""That of the encoder, as a share of it."""
AGREE = 1e-3
"""The greatest difference between two encoders' values, as a share of the largest value."""

_STAGES = (1, 2, 2, 3, 3, 4, 1)
"""Blocks in each stage of lite0."""
_FIRST = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_OTHERS = {
    **{"_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2"},
    **{"_project_conv": "conv_pwl", "_bn2": "bn3"},
}
"""timm's names of the parts of a block by those in the file. The first block expands nothing."""


def network(name: str, classes: int, weights: Path) -> Any:
    """Return the network with this name there, its encoder with the weights of our file."""
    made = getattr(segmentation_models_pytorch, name)(ENCODER, encoder_weights=None, classes=classes)
    stored = torch.load(weights, map_location="cpu", weights_only=True)
    # Without the head, which the encoder leaves out. Strict: none of its weights may lack, and none may be left over.
    encoder = {f"model.{timm_name(key)}": value for key, value in stored.items() if not _is_of_the_head(key)}
    made.encoder.load_state_dict(encoder, strict=True)
    return made.to(memory_format=torch.channels_last)


def _is_of_the_head(name: str) -> bool:
    return name.startswith(("_conv_head.", "_bn1.", "_fc."))


def timm_name(name: str) -> str:
    """Return timm's name of a weight of the file: `_blocks.1._bn0.bias` is `blocks.1.0.bn1.bias` there.

    In the file the blocks are counted through; timm counts them within their stage.
    """
    place, _, weight = name.rpartition(".")
    if not place.startswith("_blocks."):
        stem = {"_conv_stem": "conv_stem", "_bn0": "bn1"}
        return f"{stem[place]}.{weight}"
    _, number, part = place.split(".")
    stage, block = next(islice(_blocks(), int(number), None))
    parts = _OTHERS if stage else _FIRST
    return f"blocks.{stage}.{block}.{parts[part]}.{weight}"


def _blocks() -> Iterator[tuple[int, int]]:
    for stage, count in enumerate(_STAGES):
        yield from ((stage, block) for block in range(count))


def scaled(images: torch.Tensor) -> torch.Tensor:
    """Turn (B, H, W, 3) pixels in [0, 255] into (B, 3, H, W), channels last in memory, scaled as in our network."""
    return images.permute(0, 3, 1, 2).float().sub(127).div(128)


def training_step(made: Any, weight_decay: float, share: Callable[[int], float]) -> Callable[[Any, Any], float]:
    """Return what trains a network for a step on (B, H, W, 3) images and (B, H, W) masks, and returns the loss.

    Args:
        made: the result of `network`, in training mode.
        weight_decay: that of the kernels. Other weights do not decay, as in our training.
        share: of the highest learning rate, by the number of the step.
    """
    parts = (made.encoder, ENCODER_RATE), (made.decoder, 1.0), (made.segmentation_head, 1.0)
    groups = [
        {
            "params": [weight for weight in part.parameters() if (weight.ndim > 1) == decays],
            "lr": RATE * factor,
            "weight_decay": weight_decay if decays else 0.0,
        }
        for part, factor in parts
        for decays in (True, False)
    ]
    assert sum(len(group["params"]) for group in groups) == len(list(made.parameters()))
    optimizer = torch.optim.AdamW(groups, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, share)

    def step(images: Any, masks: Any) -> float:
        optimizer.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(made(scaled(images)), masks, ignore_index=IGNORE)
        loss.backward()
        optimizer.step()
        schedule.step()
        return loss.item()

    return step


def probabilities(made: Any) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function (B, h, w, 3) uint8 -> (B, h, w, C) float32 that `report.inference.compiled` makes of ours.

    The network has to be in evaluation mode when it is called.
    """

    def forward(images: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            found = made(scaled(torch.from_numpy(images))).softmax(1)
            return found.permute(0, 2, 3, 1).contiguous().numpy()

    return forward


def check_encoder(encoder: Any, picture: np.ndarray) -> float:
    """Check that an encoder's maps of a (1, H, W, 3) picture are those of ours.

    Returns:
        The greatest difference, as a share of the largest value of its map.

    Raises:
        SystemExit: it is more than `AGREE`.
    """
    import keras

    from maskwright.photos.pretrained import lite_network, load_imagenet

    ours = lite_network("lite0", momentum=0.9)
    load_imagenet(ours, section="segmentation")
    # The last block before each stride, and the last one of all; theirs has no head after it.
    ends = ("stage1_block1_project_bn", "stage2_block2_add", "stage3_block2_add", "stage5_block3_add")
    outputs = [ours.get_layer(name).output for name in (*ends, "stage7_block1_project_bn")]
    encoder.eval()
    with torch.inference_mode():
        theirs = encoder(scaled(torch.from_numpy(picture)))[1:]  # the first one is the picture itself
    largest = 0.0
    for expected, found in zip(keras.Model(ours.input, outputs)(picture, training=False), theirs, strict=True):
        expected, found = np.asarray(expected), found.permute(0, 2, 3, 1).numpy()
        largest = max(largest, float(np.abs(found - expected).max() / np.abs(expected).max()))
    if largest > AGREE:
        raise SystemExit(f"{ENCODER}: its maps are not those of our lite0; they differ by {largest:.2g}")
    return largest
