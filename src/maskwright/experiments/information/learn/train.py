"""Mutual information: how well can it be estimated, and what do networks learn by maximising it?

    maskwright train information       with the default settings
    maskwright evaluate information

MINE (Belghazi et al. 2018, https://arxiv.org/abs/1801.04062) trains a network to give a lower bound on mutual
information. For pairs of Gaussian numbers, and for a parabola with noise, the exact value is known. The bound is
compared with it, and so are two estimates that need no training. Between the codes of two views of a digit, the bound
is also used to train the encoder. A linear classifier then shows what the codes tell about the labels, which no
encoder has seen.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from maskwright.experiments.information.learn import digits, pairs
from maskwright.experiments.information.learn.inputs import read_split
from maskwright.experiments.information.params import DIGITS, Information
from maskwright.learning.common.determinism import make_deterministic
from maskwright.learning.common.saved import save_model
from maskwright.learning.replicates.fitting import one_thread_an_operation
from maskwright.learning.replicates.tables import write_curves
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.outputs import replaced_folder
from maskwright.shared.parallel import available_cores

NAME = "information"


def train(settings: Information, *, data: Path, out: Path, history: Path) -> None:
    """Train every seed of every variant, and write the models and the history.

    Args:
        settings: the experiment's section of params.yaml.
        data: the folder that `maskwright generate digits` wrote.
        out: the folder that gets a folder for each variant, and one for the statistics of the digits' codes; replaced
            as a whole at the end.
        history: a CSV file; see `learning.replicates.tables.write_curves`. `information` is the bound in nats, on
            held-out pairs of numbers or on the training batches of digits. `loss` is the bound negated.

    Raises:
        MaskwrightError: the data are missing, or too few for a batch.
    """
    images = read_split(data, "train")[0]
    if settings.digits.batch_size > len(images):
        raise MaskwrightError(
            f"information.digits.batch_size: {settings.digits.batch_size:,} is more than the {len(images):,} "
            "training images; lower it"
        )
    one_thread_an_operation()
    make_deterministic(settings.seed)
    curves: dict[str, dict[str, np.ndarray]] = {}
    with replaced_folder(out) as new:
        with ThreadPoolExecutor(available_cores()) as pool:
            started = digits.start(pool, images, settings.digits, digits.digit_seeds(settings))
            # Meanwhile this thread trains the statistics of the pairs of numbers.
            statistics = pairs.fit_statistics(settings)
            reported = [one.reported.result() for one in started]
        curves[DIGITS] = _curves(np.stack([report["bound"] for report in reported], axis=1))
        about = {"experiment": NAME, "variant": DIGITS, "seeds": settings.digits.seeds}
        sizes = {"parameters_of_one": started[0].encoder.count_params()}
        encoders = digits.encoders_together([one.encoder for one in started])
        save_model(encoders, {**about, **sizes}, new / DIGITS)
        save_model(digits.statistics_together([one.statistic for one in started]), about, new / digits.STATISTICS)
        for variant, (model, bounds) in statistics.items():
            curves[variant] = _curves(bounds)
            about = {
                "experiment": NAME,
                "variant": variant,
                "seeds": settings.seeds,
                "parameters_of_one": model.count_params() // settings.seeds,
            }
            save_model(model, about, new / variant)
    write_curves(history, curves)


def _curves(bounds: np.ndarray) -> dict[str, np.ndarray]:
    return {"loss": -bounds, "information": bounds}
