"""A condition inside a network: a first head names the coarse class, and its branch then names the fine class.

    maskwright generate conditional
    maskwright train conditional
    maskwright evaluate conditional

If-then is not differentiable, so the first head's probabilities multiply the features that each branch sees. This
soft switch is compared with a hard one, with the same network without a switch, with a network without branches, with
separate networks and an if-then between them, and with a network that is given the coarse class; see `variants`.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from maskwright.experiments.conditional.data import read_class_names, read_hierarchy
from maskwright.experiments.conditional.learn.examples import shown_images
from maskwright.experiments.conditional.learn.losses import two_level_loss
from maskwright.experiments.conditional.learn.variants import all_seeds, one_network, sizes, variant_sizes
from maskwright.experiments.conditional.params import Conditional
from maskwright.learning.common.determinism import make_deterministic
from maskwright.learning.common.saved import save_model
from maskwright.learning.replicates.fitting import (
    Rule,
    adam,
    adam_up_and_down,
    one_thread_an_operation,
    start_fitting,
)
from maskwright.learning.replicates.tables import write_curves
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.outputs import replaced_folder
from maskwright.shared.parallel import available_cores


def train(settings: Conditional, *, data: Path, out: Path, history: Path) -> None:
    """Train every seed of every variant, and write the models and the history.

    Args:
        settings: the experiment's section of params.yaml.
        data: the folder that `maskwright generate conditional` wrote.
        out: the folder that gets a folder for each variant; replaced as a whole at the end.
        history: a CSV file; see `learning.replicates.tables.write_curves`.

    Raises:
        MaskwrightError: the data are missing or too few for a batch, or the source's network does not fit them.
    """
    names = read_class_names(data, settings.second)
    training = read_hierarchy(data, "train", settings.second)
    if settings.batch_size > len(training.images):
        raise MaskwrightError(
            f"conditional.batch_size: {settings.batch_size:,} is more than the {len(training.images):,} training "
            "images; lower it"
        )
    classes = len(names.coarse), len(names.fine)
    shape = sizes(settings, training.images.shape[1], training.images.shape[3], classes[0])
    one_thread_an_operation()
    make_deterministic(settings.seed)
    seeds = range(settings.seed, settings.seed + settings.seeds)
    rule = _rule(settings, len(training.images))
    curves: dict[str, dict[str, np.ndarray]] = {}
    shown = shown_images(training, settings)
    with replaced_folder(out) as new, ThreadPoolExecutor(available_cores()) as pool:
        started = {}
        for variant in settings.trained_variants:
            own = variant_sizes(shape, variant, classes)
            networks: list[Any] = [one_network(settings, variant, own, classes, seed) for seed in seeds]
            epochs = [shown(seed) for seed in seeds]
            loss = two_level_loss(variant, classes, settings.loss_weights)
            started[variant] = networks, start_fitting(pool, networks, epochs, loss, rule)
        for variant, (networks, futures) in started.items():
            curves[variant] = {"loss": np.stack([future.result()["loss"] for future in futures], axis=1)}
            about = {
                "experiment": "conditional",
                "variant": variant,
                "seeds": settings.seeds,
                "parameters_of_one": networks[0].count_params(),
                "coarse": names.coarse,
                "fine": names.fine,
            }
            save_model(all_seeds(networks, variant, classes[0]), about, new / variant)
    write_curves(history, curves)


def _rule(settings: Conditional, examples: int) -> Rule:
    rate, decay = settings.learning_rate, settings.weight_decay
    if settings.schedule == "constant":
        steps = settings.epochs * (examples // settings.batch_size)
        return adam(np.full(steps, rate), beta_2=0.999, weight_decay=decay)
    return adam_up_and_down(rate, decay, epochs=settings.epochs, examples=examples, batch_size=settings.batch_size)
