"""A trial of a sweep: a training with one combination of settings."""

from pathlib import Path

from maskwright.experiments.autoencoder.data import read_split
from maskwright.experiments.autoencoder.learn.scores import code
from maskwright.experiments.autoencoder.learn.training import new_trainer
from maskwright.experiments.autoencoder.params import Autoencoder
from maskwright.experiments.autoencoder.report.metrics import means, scores
from maskwright.shared.experiment import Tried


def trial(settings: Autoencoder, data: Path) -> Tried:
    """Train in memory and return the same scores on the test split as `evaluate`. Write no files.

    The model has the weights after the last epoch. No epoch is chosen, so no validation split is needed. If the
    training diverged, the scores are not finite. The examples are the `bce` and, if the autoencoder is variational,
    the `kl` of each test digit.

    Args:
        settings: the experiment's section of params.yaml.
        data: the folder that `maskwright generate digits` wrote.

    Raises:
        MaskwrightError: the data are missing, or there are too few images.
    """
    training, test = (read_split(settings, data, split).images for split in ("train", "test"))
    trainer = new_trainer(settings, training)
    trainer.fit(0, [])
    measured = scores(test, code(trainer.model, test), settings.kl_weight)
    return Tried(means(measured), {name: measured[name] for name in ("bce", "kl") if name in measured})
