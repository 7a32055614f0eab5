"""Clustering without labels: two views of an image should share a cluster, and all clusters be used evenly.

    maskwright generate clustering
    maskwright train clustering
    maskwright evaluate clustering

This is invariant information clustering (Ji, Henriques, Vedaldi 2019, https://arxiv.org/abs/1807.06653). A network
with a softmax over K clusters is trained to maximise the mutual information between its outputs for two views. The
code of the source trains 1,200 epochs on 60,000 digits, for an accuracy of about 99 %.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from maskwright.experiments.clustering.learn.losses import information_loss
from maskwright.experiments.clustering.learn.network import head_groups, network, networks_together
from maskwright.experiments.clustering.learn.pictures import read_pictures
from maskwright.experiments.clustering.params import IIC, Clustering
from maskwright.learning.common.determinism import make_deterministic
from maskwright.learning.common.saved import save_model
from maskwright.learning.replicates.fitting import (
    Arrays,
    adam_up_and_down,
    in_batches,
    one_thread_an_operation,
    start_fitting,
)
from maskwright.learning.replicates.tables import write_curves
from maskwright.learning.views.sampling import random_views
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.outputs import replaced_folder, write_arrays
from maskwright.shared.parallel import available_cores

EARLY = 0.1
"""P(Z, Z') is stored after this share of the epochs, after the first epoch, after half of them, and after all."""

JOINTS_FILE = "joint.npz"
"""The file, in the model's folder, of the joint distributions P(Z, Z') of the first seed's best head.

They are the array "joints", (M, K, K).
"""


def train(settings: Clustering, *, data: Path, out: Path, history: Path) -> None:
    """Train every seed, and write the model and the history.

    Args:
        settings: the experiment's section of params.yaml.
        data: the folder that `maskwright generate clustering` wrote.
        out: the folder that gets a folder for the variant; replaced as a whole at the end.
        history: a CSV file; see `learning.replicates.tables.write_curves`. `information`, in nats, is that of the
            head that has the most at the end. `loss` is the mean information over the heads, negated.

    Raises:
        MaskwrightError: the data are missing, too few for a batch, or have fewer test images than clusters.
    """
    pictures, test = (read_pictures(data, split) for split in ("train", "test"))
    if len(test.images) < settings.clusters:
        raise MaskwrightError(
            f"clustering.clusters: {settings.clusters:,} is more than the {len(test.images):,} test images; lower it"
        )
    if settings.batch_size > len(pictures.images):
        raise MaskwrightError(
            f"clustering.batch_size: {settings.batch_size:,} is more than the {len(pictures.images):,} training "
            "images; lower it"
        )
    one_thread_an_operation()
    make_deterministic(settings.seed)
    height, width, channels = pictures.images.shape[1:]
    seeds = range(settings.seed, settings.seed + settings.seeds)
    networks: list[Any] = [network(settings, (height, width, channels), seed) for seed in seeds]
    rule = adam_up_and_down(
        settings.learning_rate,
        settings.weight_decay,
        epochs=settings.epochs,
        examples=len(pictures.images),
        batch_size=settings.batch_size,
    )
    epochs = [shown_pictures(pictures.images, settings, seed) for seed in seeds]
    with ThreadPoolExecutor(available_cores()) as pool:
        futures = start_fitting(pool, networks, epochs, information_loss(settings), rule)
        reported = [future.result() for future in futures]
    informations = np.stack([report["information"][:, : settings.heads] for report in reported], axis=2)  # (E, H, R)
    best = informations[-1].argmax(axis=0)  # (R,): the least loss
    drawn_epochs = _drawn_epochs(settings.epochs)
    about = {
        "experiment": "clustering",
        "variant": IIC,
        "seeds": settings.seeds,
        "parameters_of_one": networks[0].count_params(),
        "heads": [list(group) for group in head_groups(settings)],
        "best_head": best.tolist(),
        "information": [[round(float(value), 4) for value in heads] for heads in informations[-1].T],
        "drawn_epochs": drawn_epochs,
    }
    with replaced_folder(out) as new:
        save_model(networks_together(networks, (height, width, channels)), about, new / IIC)
        first = reported[0]["joint"][:, best[0]]  # (E, K, K)
        write_arrays(new / IIC / JOINTS_FILE, joints=first[np.array(drawn_epochs) - 1])
    curves = {
        "loss": np.stack([report["loss"] for report in reported], axis=1),
        "information": np.take_along_axis(informations, best[None, None], axis=1)[:, 0],
    }
    write_curves(history, {IIC: curves})


def _drawn_epochs(epochs: int) -> list[int]:
    """Return the epochs, from 1, whose joint distribution is stored so that it can be drawn."""
    return sorted({1, max(1, round(EARLY * epochs)), max(1, epochs // 2), epochs})


def shown_pictures(images: np.ndarray, settings: Clustering, seed: int) -> Iterator[Arrays]:
    """Yield a network's training data for each epoch: every image, and how its second view is distorted."""
    for number in range(settings.epochs):
        rng = np.random.default_rng([seed % 2**64, 1, number])
        order = rng.permutation(len(images))
        drawn = random_views(len(images), images.shape[1], settings.views, rng)
        yield in_batches((images[order], *drawn), settings.batch_size)
