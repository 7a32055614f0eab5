"""A trial of a sweep."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from maskwright.experiments.xor.data import read_xor
from maskwright.experiments.xor.learn.network import build
from maskwright.experiments.xor.learn.train import start_networks
from maskwright.experiments.xor.params import Xor
from maskwright.experiments.xor.report.metrics import scores
from maskwright.learning.common.determinism import make_deterministic
from maskwright.shared.experiment import Tried


def trial(settings: Xor, data: Path) -> Tried:
    """Train one network of the chosen variant, with the seed `settings.seed`, and score it on every possible input.

    Returns:
        `accuracy`, `loss` and `solved` (1 or 0), as in `report.metrics.Scores`. No examples: the inputs are all
        that there are, not a sample.
    """
    # The section requires at least two seeds, but a copy is not checked again.
    settings = settings.model_copy(update={"seeds": 1})
    make_deterministic(settings.seed)
    inputs, labels = read_xor(data, settings.mask)
    model: Any = build(settings, settings.mask)
    with ThreadPoolExecutor(1) as pool:
        start_networks(pool, model, settings, inputs, labels).result()
    measured = scores(np.asarray(model(inputs)), labels)._asdict()
    return Tried({name: float(values[0]) for name, values in measured.items()}, {})
