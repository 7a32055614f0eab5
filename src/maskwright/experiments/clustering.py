"""Clustering without labels: two views of an image should fall into one cluster, and the clusters be used evenly.

    maskwright generate clustering
    maskwright train clustering
    maskwright evaluate clustering

Invariant information clustering (Ji, Henriques, Vedaldi 2019, https://arxiv.org/abs/1807.06653): a network with a
softmax over K clusters is trained to maximise the mutual information between its answers to two views. The source
reports about 99 % on the 60,000 digits after 1,200 epochs.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from sklearn.cluster import KMeans

from maskwright.data.pictures import Pictures, read_names, read_pictures
from maskwright.data.views import middle_views, random_views, sample_views, view_margin
from maskwright.errors import MaskwrightError
from maskwright.metrics.clustering import best_assignment, clustering_scores
from maskwright.metrics.information import pair_counts
from maskwright.metrics.intervals import mean_interval
from maskwright.nn.determinism import layer_seed, make_deterministic
from maskwright.nn.encoders import encode, together
from maskwright.nn.fitting import Arrays, Epoch, Loss, Recipe, one_thread_an_operation, start_fitting
from maskwright.nn.mutual_information import joint_information, soft_joint
from maskwright.nn.saved import load_model, save_model
from maskwright.outputs import replaced_folder, write_json
from maskwright.parallel import available_cores
from maskwright.params import Params
from maskwright.params_digits import Clustering
from maskwright.pipeline import hash_run
from maskwright.plots.clustering import confusion_figure, galleries, heads_figure, joint_maps
from maskwright.plots.figure import save_figure
from maskwright.plots.replicates import loss_curves
from maskwright.replicates import read_history, write_history, write_replicates

NAME = "clustering"

IIC = "iic"
"""The variant, of which there is one."""

ENCODERS = {"fast": "vgg-f-quarter", "vgg-f": "vgg-f"}
"""The encoder of each preset, see `nn.encoders`."""

HEAD_GAIN = 3.0
"""Features are multiplied by it before the heads, which so begin with clusters that differ, and follow the features
faster than these move. Softer heads pull all features towards the coarsest differences between images, and digits
stay merged: with 1 in place of 3, accuracy on validation digits was 0.85 in place of 0.96."""

EARLY = 0.1
"""The share of the epochs after which P(Z, Z') is drawn, besides the first, half of them and all."""

HEADS_FILE = "heads.csv"

_PLACE = 100
"""Where the heads stand among the layers that take the same seed: behind all of an encoder."""

_BATCH = 500
_JOINTS = "joint.npz"
_SCORES = ("accuracy", "nmi", "ari")
_BOUNDS = {"ari": (-0.5, 1), "information": (0, np.inf)}
"""Between which values a measure lies, where that is not 0 and 1."""


def trained_variants(params: Clustering) -> list[str]:
    """Return the variants to train, of which there is one."""
    del params
    return [IIC]


def dataset(params: Params, data: Path) -> dict[str, Pictures]:
    """Return the pictures of each split."""
    del params
    return {split: read_pictures(data, split) for split in ("train", "test")}


def build(params: Clustering, shape: tuple[int, int, int]) -> keras.Model:
    """Return all seeds' networks as one: images (B, H, H, C), from 0 to 1 -> (B, R, heads K + over_heads L).

    The probabilities of each head's clusters, one head after the other, those of over-clustering heads last.
    """
    seeds = range(params.seed, params.seed + params.seeds)
    return together([network(params, shape, seed) for seed in seeds], shape, NAME)


def network(params: Clustering, shape: tuple[int, int, int], seed: int) -> keras.Model:
    """Return one seed's network: views (B, V, V, C), from 0 to 1 -> probabilities, see `build`; float32."""
    side = shape[0] - 2 * view_margin(shape[0])
    views = keras.Input((side, side, shape[2]), name="views")
    features: Any = encode(views, ENCODERS[params.preset], seed, params.precision)
    features = layers.Rescaling(HEAD_GAIN, dtype="float32", name="gain")(features)
    outputs = []
    for group, (heads, clusters) in enumerate(head_groups(params)):
        initial: Any = keras.initializers.HeNormal(layer_seed(seed, _PLACE + group))
        logits = layers.Dense(heads * clusters, kernel_initializer=initial, name=f"heads_{group}")(features)
        shares = layers.Softmax(name=f"clusters_{group}")(layers.Reshape((heads, clusters))(logits))
        outputs.append(layers.Flatten(name=f"flat_{group}")(shares))
    joined = layers.Concatenate(name="heads")(outputs) if len(outputs) > 1 else outputs[0]
    return keras.Model(views, joined, name=f"seed_{seed}")


def head_groups(params: Clustering) -> list[tuple[int, int]]:
    """Return how many heads there are, and clusters of each: those that are scored, then the over-clustering ones."""
    over = [(params.over_heads, params.over_clusters)] if params.over_heads else []
    return [(params.heads, params.clusters), *over]


def train(params: Params, *, data: Path, out: Path, history: Path) -> None:
    """Train every seed, and write the model and the history.

    Args:
        params: all parameters; `clustering` matters.
        data: the folder that `maskwright generate clustering` wrote.
        out: gets a folder for the variant; replaced whole at the end.
        history: a CSV, see `replicates.write_history`; `information` is that of the head with the largest at the
            end, in nats, and `loss` the mean over the heads, negated.

    Raises:
        MaskwrightError: the data are missing, too few for a batch, or fewer to test with than clusters.
    """
    settings = params.clustering
    pictures, test = (read_pictures(data, split) for split in ("train", "test"))
    if len(test.images) < settings.clusters:
        raise MaskwrightError(
            f"clustering.clusters: {settings.clusters:,} for {len(test.images):,} test images; lower it"
        )
    if settings.batch_size > len(pictures.images):
        raise MaskwrightError(
            f"clustering.batch_size: {settings.batch_size:,} for {len(pictures.images):,} training images; lower it"
        )
    one_thread_an_operation()
    make_deterministic(settings.seed)
    height, width, channels = pictures.images.shape[1:]
    seeds = range(settings.seed, settings.seed + settings.seeds)
    networks: list[Any] = [network(settings, (height, width, channels), seed) for seed in seeds]
    recipe = Recipe(settings.epochs, settings.batch_size, settings.learning_rate, settings.weight_decay)
    epochs = [_shown(pictures.images, seed) for seed in seeds]
    with ThreadPoolExecutor(available_cores()) as pool:
        futures = start_fitting(pool, networks, epochs, _loss(settings), recipe)
        reported = [future.result() for future in futures]
    informations = np.stack([report["information"][:, : settings.heads] for report in reported], axis=2)  # (E, H, R)
    best = informations[-1].argmax(axis=0)  # (R,): the least loss
    about = {
        "experiment": NAME,
        "variant": IIC,
        "seeds": settings.seeds,
        "parameters_of_one": networks[0].count_params(),
        "heads": [list(group) for group in head_groups(settings)],
        "best_head": best.tolist(),
        "information": [[round(float(value), 4) for value in heads] for heads in informations[-1].T],
        "drawn_epochs": _moments(settings.epochs),
    }
    with replaced_folder(out) as new:
        save_model(together(networks, (height, width, channels), NAME), about, new / IIC)
        first = reported[0]["joint"][:, best[0]]  # (E, K, K)
        np.savez_compressed(new / IIC / _JOINTS, joints=first[np.array(_moments(len(first))) - 1])
    curves = {
        "loss": np.stack([report["loss"] for report in reported], axis=1),
        "information": np.take_along_axis(informations, best[None, None], axis=1)[:, 0],
    }
    write_history(history, {IIC: curves})


def _moments(epochs: int) -> list[int]:
    """Return the epochs, from 1, whose joint distribution is drawn."""
    return sorted({1, max(1, round(EARLY * epochs)), max(1, epochs // 2), epochs})


def _shown(images: np.ndarray, seed: int) -> Epoch:
    """Return what a network is shown in an epoch: every image once, and the transform that makes its other view."""

    def epoch(number: int) -> Arrays:
        rng = np.random.default_rng([seed % 2**64, 1, number])
        return images[rng.permutation(len(images))], random_views(len(images), images.shape[1], rng)

    return epoch


def _loss(settings: Clustering) -> Loss:
    """Return the loss: the mean over the heads of -I(Z; Z'), from the symmetrised joint distribution of the batch."""
    groups = head_groups(settings)
    widths = [heads * clusters for heads, clusters in groups]

    def loss(forward: Any, batch: tuple[Any, ...]) -> tuple[Any, dict[str, Any]]:
        images = tf.cast(batch[0], tf.float32) / 255
        both = forward(tf.concat([middle_views(images), sample_views(images, batch[1])], axis=0))
        first, second = (tf.split(part, widths, axis=-1) for part in tf.split(both, 2))
        joints = [
            soft_joint(tf.reshape(one, (-1, *group)), tf.reshape(other, (-1, *group)))
            for group, one, other in zip(groups, first, second, strict=True)
        ]
        information = tf.concat([joint_information(joint) for joint in joints], axis=0)  # (heads + over_heads,)
        return -tf.reduce_mean(information), {"information": information, "joint": joints[0]}

    return loss


def evaluate(params: Params, *, data: Path, model: Path, results: Path) -> dict[str, Any]:
    """Score every seed's clusters against the classes.

    Of each seed the head with the least loss counts, which is chosen in training, without a look at labels. Which
    cluster is which class is decided by the training images, and the test images are scored with that.

    Writes the means over the seeds to `results/metrics.json`; and to `results/plots/` pictures, the numbers with
    their intervals (`variants.json`), those of each seed (`replicates.csv`) and those of each head (`heads.csv`):

    - `accuracy`, `nmi`, `ari`: of the test images, see `metrics.clustering`;
    - `source_accuracy`: as the source scores, with the assignment that suits the test images best;
    - `most_accurate`: the accuracy of the seed's head that has the largest;
    - `information`: of the chosen head in the last epoch, in nats, at most log K;
    - `k_means_accuracy`, `k_means_nmi`, `k_means_ari`: the same of k-means of the pixels, with as many clusters.

    Returns:
        What `metrics.json` holds, and under `variants` what `variants.json` does.
    """
    settings = params.clustering
    names = read_names(data)
    sets = [read_pictures(data, split) for split in ("train", "test")]
    sizes = settings.clusters, len(names)
    networks, about = load_model(model / IIC)
    outputs = [_probabilities(networks, drawn.images) for drawn in sets]  # (N, R, H K + ...)
    best = about["best_head"]
    heads = [
        [
            _scores([part.argmax(axis=1) for part in _head(outputs, row, head, settings)], sets, sizes)
            for head in range(settings.heads)
        ]
        for row in range(about["seeds"])
    ]
    chosen = [scores[head] for scores, head in zip(heads, best, strict=True)]
    k_means = [_k_means(sets, sizes, seed) for seed in range(settings.seed, settings.seed + settings.seeds)]
    measured = {
        **{name: np.array([scores[name] for scores in chosen]) for name in (*_SCORES, "source_accuracy")},
        "most_accurate": np.array([max(scores["accuracy"] for scores in row) for row in heads]),
        "information": np.array([row[head] for row, head in zip(about["information"], best, strict=True)]),
        **{f"k_means_{name}": np.array([scores[name] for scores in k_means]) for name in _SCORES},
    }
    variants: dict[str, Any] = {
        IIC: {
            **{name: mean_interval(values, _bounds(name))._asdict() for name, values in measured.items()},
            "seeds": settings.seeds,
            "best_head": best,
        }
    }
    metrics = {name: variants[IIC][name]["mean"] for name in measured}
    with replaced_folder(results / "plots") as plots:
        history = read_history(results / "training.csv")
        save_figure(loss_curves(history, "I(Z; Z') / nats", "information", log=False), plots / "information.png")
        accuracies = np.array([[scores["accuracy"] for scores in row] for row in heads])
        control = metrics["k_means_accuracy"]
        figure = heads_figure(np.array(about["information"]), accuracies, best, control)
        save_figure(figure, plots / "accuracy.png")
        with np.load(model / IIC / _JOINTS) as arrays:
            save_figure(joint_maps(arrays["joints"], about["drawn_epochs"]), plots / "joint.png")
        shares = _head(outputs, 0, best[0], settings)
        assignment = best_assignment(pair_counts(shares[0].argmax(axis=1), sets[0].labels, sizes))
        found = assignment[shares[1].argmax(axis=1)]
        counts = pair_counts(sets[1].labels, found, (len(names), len(names)))
        save_figure(confusion_figure(counts, names), plots / "confusion.png")
        titles = [names[label] for label in assignment]
        save_figure(galleries(sets[1].images, shares[1], titles), plots / "galleries.png")
        write_replicates(plots / "replicates.csv", {IIC: measured}, first_seed=settings.seed)
        write_replicates(plots / HEADS_FILE, _head_table(heads, about["information"]), first_seed=settings.seed)
        write_json(plots / "variants.json", variants)
    write_json(results / "metrics.json", metrics)
    return {**metrics, "variants": variants}


def _bounds(measure: str) -> tuple[float, float]:
    return _BOUNDS.get(measure.removeprefix("k_means_"), (0, 1))


def _head_table(
    heads: list[list[dict[str, float]]], information: list[list[float]]
) -> dict[str, dict[str, np.ndarray]]:
    """Return for each head its measures, (R,) each."""
    return {
        f"head {head}": {
            "information": np.array([row[head] for row in information]),
            **{name: np.array([row[head][name] for row in heads]) for name in heads[0][head]},
        }
        for head in range(len(heads[0]))
    }


def _probabilities(networks: Any, images: np.ndarray) -> np.ndarray:
    batches = (images[at : at + _BATCH].astype(np.float32) / 255 for at in range(0, len(images), _BATCH))
    return np.concatenate([networks(batch, training=False) for batch in batches])


def _head(outputs: list[np.ndarray], row: int, head: int, settings: Clustering) -> list[np.ndarray]:
    """Return one head's probabilities, (N, K), of one seed: for training and for test images."""
    clusters = slice(head * settings.clusters, (head + 1) * settings.clusters)
    return [part[:, row, clusters] for part in outputs]


def _scores(found: list[np.ndarray], sets: list[Pictures], sizes: tuple[int, int]) -> dict[str, float]:
    """Score the clusters of the test images, with the assignment of the training images and with one of their own."""
    honest, of_test = (
        best_assignment(pair_counts(clusters, drawn.labels, sizes))
        for clusters, drawn in zip(found, sets, strict=True)
    )
    scores = clustering_scores(found[1], sets[1].labels, honest)
    return {**scores, "source_accuracy": clustering_scores(found[1], sets[1].labels, of_test)["accuracy"]}


def _k_means(sets: list[Pictures], sizes: tuple[int, int], seed: int) -> dict[str, float]:
    pixels = [middle_views(drawn.images).reshape(len(drawn.images), -1) / np.float32(255) for drawn in sets]
    options: Any = {"n_init": 3, "random_state": seed % 2**32}
    fitted: Any = KMeans(sizes[0], **options).fit(pixels[0])
    return _scores([fitted.predict(part).astype(np.int64) for part in pixels], sets, sizes)


def serving_model(folder: Path) -> keras.Model:
    """Load the networks: images (B, H, H, C), from 0 to 1 -> probabilities, see `build`, of R seeds."""
    return load_model(folder)[0]


def run_keys(params: Params, data: Path) -> dict[str, str]:
    """Return for the variant a hash of all that determines its training: settings, data, libraries and code."""
    settings = params.clustering.model_dump(mode="json", exclude={"images", "side"})
    package = Path(__file__).parent.parent
    code = ("data/views.py", "nn/encoders.py", "nn/fitting.py", "nn/layers.py", "nn/mutual_information.py")
    files = [data / "train.npz", *(package / name for name in code), Path(__file__)]
    return {IIC: hash_run([IIC, settings], files)}
