"""The experiments by name. To add one, write a package in `experiments/` and list it here. Imports no TensorFlow."""

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType

from maskwright.experiments import (
    autoencoder,
    clustering,
    conditional,
    corner,
    detection,
    information,
    instances,
    masked_digits,
    segmentation,
    xor,
)
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.experiment import Experiment

EXPERIMENTS: Mapping[str, Experiment] = MappingProxyType(
    {
        package.EXPERIMENT.name: package.EXPERIMENT
        for package in (
            segmentation,
            detection,
            instances,
            xor,
            corner,
            masked_digits,
            autoencoder,
            conditional,
            information,
            clustering,
        )
    }
)


def experiment(name: str) -> Experiment:
    """Return the experiment with this name.

    Raises:
        MaskwrightError: there is no such experiment.
    """
    if name not in EXPERIMENTS:
        raise MaskwrightError(f"{name}: no such experiment; choose from {', '.join(EXPERIMENTS)}")
    return EXPERIMENTS[name]


def sentence(name: str) -> str:
    """Return in a sentence what an experiment is: the first line of its package's docstring.

    Raises:
        MaskwrightError: there is no such experiment.
    """
    experiment(name)
    return (import_module(f"maskwright.experiments.{name}").__doc__ or name).partition("\n")[0]
