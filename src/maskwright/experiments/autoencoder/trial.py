"""A trial of a sweep: a training with one combination of settings."""

from pathlib import Path

import numpy as np

from maskwright.experiments.autoencoder.data import read_split
from maskwright.experiments.autoencoder.learn.scores import code
from maskwright.experiments.autoencoder.learn.training import new_trainer
from maskwright.experiments.autoencoder.params import Autoencoder
from maskwright.experiments.autoencoder.report.metrics import scores
from maskwright.shared.experiment import Tried


def trial(settings: Autoencoder, data: Path) -> Tried:
    """Train in memory and return the same scores on the test split as `evaluate`. Write no files.

    The examples are `bce`, and `kl` if the autoencoder is variational, of each test digit.

    The model has the weights after the last epoch. No epoch is chosen, so no validation split is needed. If the
    training diverged, the scores are not finite.

    Args:
        settings: the experiment's section of params.yaml.
        data: the folder that `maskwright generate digits` wrote.

    Raises:
        MaskwrightError: the data are missing, or there are too few images.
    """
    training, test = (read_split(settings, data, split).images for split in ("train", "test"))
    trainer = new_trainer(settings, training)
    trainer.fit(0, [])
    coded = code(trainer.model, test)
    logits = coded.logits.astype(np.float64)
    with np.errstate(invalid="ignore"):  # the training may have diverged
        examples = {"bce": np.mean(np.logaddexp(0.0, logits) - test * logits, axis=(1, 2, 3))}
    if coded.divergence is not None:
        examples["kl"] = coded.divergence
    return Tried(scores(test, coded, settings.kl_weight), examples)
