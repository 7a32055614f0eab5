"""The experiment with clusters, small enough for a test."""

from pathlib import Path

import numpy as np

from maskwright.experiments.clustering.generate import write_pictures
from maskwright.params import parse_params
from maskwright.shared.yaml_file import read_yaml

SHIPPED = Path(__file__).parents[2] / "params.yaml"


def shipped_clustering(**changes):
    """Return its section as shipped, with `changes`."""
    values = read_yaml(SHIPPED)
    values["clustering"] |= changes
    return parse_params(values).section("clustering")


def tiny_clustering(**changes):
    """Return its section with few clusters, heads, seeds and epochs, and with `changes`."""
    small = {
        "clusters": 3,
        "heads": 2,
        "over_heads": 1,
        "over_clusters": 5,
        "seeds": 2,
        "epochs": 3,
        "batch_size": 30,
        "precision": "float32",
    }
    return shipped_clustering(**{**small, **changes})


def write_data(root, train=90):
    """Write pictures of three kinds to `root`/data: a bar across, a bar down, and a square."""
    folder = root / "digits"
    folder.mkdir(parents=True)
    for number, (split, count) in enumerate({"train": train, "test": 30}.items()):
        rng = np.random.default_rng(number)
        labels = (np.arange(count) % 3).astype(np.uint8)
        images = rng.integers(0, 40, (count, 28, 28)).astype(np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[
                (slice(12, 16), slice(4, 24), slice(9, 19))[label], (slice(4, 24), slice(12, 16), slice(9, 19))[label]
            ] = 250
        np.savez(folder / f"{split}.npz", images=images, labels=labels)
    write_pictures(tiny_clustering(), folder, root / "data")
