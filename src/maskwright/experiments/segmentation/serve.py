"""A trained segmentation network as a model for serving, from photographs of any size to class masks."""

from pathlib import Path

import keras

from maskwright.experiments.segmentation.report.inference import as_served, load_trained


def serving_model(folder: Path) -> keras.Model:
    """Load a trained model as one that takes (B, H, W, 3) uint8 images and returns (B, H, W) uint8 class masks."""
    trained = load_trained(folder)
    return as_served(trained.network, trained.size)
