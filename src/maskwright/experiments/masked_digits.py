"""Masked digits: how does a network use a mask, as large as the image, that was computed beforehand?

    maskwright train masked_digits       about 55 seconds on 2 cores with the default settings
    maskwright evaluate masked_digits    about 28 seconds

Four digits stand in an image; the mask marks the one to be named. Six ways for the mask to enter (two of which are
controls that tell the network nothing) are compared with the same network on single digits.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from maskwright.data.digit_grids import (
    DIGITS,
    GRID,
    GRID_CORNERS,
    PLACES,
    MaskedImages,
    guessing_ceiling,
    read_masked_digits,
    shifted,
    square_masks,
    training_grids,
)
from maskwright.data.digits import read_digits
from maskwright.data.idx import CLASSES, SIDE
from maskwright.metrics.intervals import mean_interval, paired_difference
from maskwright.nn.determinism import layer_seed, make_deterministic
from maskwright.nn.fitting import Arrays, Epoch, Loss, Recipe, one_thread_an_operation, start_fitting
from maskwright.nn.masking import AppendMaskConv2D, MapConv2D, MaskedMaxPooling, ScaleByMask, SplitMask
from maskwright.nn.saved import load_model, save_model
from maskwright.outputs import replaced_folder, write_json
from maskwright.parallel import available_cores
from maskwright.params import MaskedDigits, Params
from maskwright.pipeline import hash_run
from maskwright.plots.figure import save_figure
from maskwright.plots.masked_digits import accuracy_bars, example_images, predicted_images
from maskwright.plots.replicates import loss_curves
from maskwright.replicates import read_history, write_history, write_replicates

NAME = "masked_digits"

SINGLE = "single"
"""The variant that is shown one digit and a mask that is 1 everywhere: the upper bound of the others."""

KINDS = {"grid": "accuracy", "canvas": "canvas_accuracy"}
"""The composed images, and what the share is called that is named right in them."""

CONVOLUTIONS = ((7, 4, 16), (4, 2, 24), (3, 1, 48))
"""Kernel size, stride and filters of each."""

_EVALUATION_BATCH = 250


def trained_variants(params: MaskedDigits) -> list[str]:
    """Return the variants to train: the chosen one, those to compare it with, and the bound."""
    return list(dict.fromkeys([params.mask, *params.variants, SINGLE]))


def dataset(params: Params, data: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return the test sets: inputs (N, H, W, 2) uint8 and labels (N,).

    The channels are the image, 0 to 255, and the mask, 0 or 255. The sets are `single`, `grid` and `canvas`;
    and, with masks that say nothing, `random_grid` and `random_canvas`.
    """
    del params
    return _evaluated(data, "test")


def _evaluated(data: Path, split: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    digits, labels = read_digits(data / DIGITS, split)
    sets = {SINGLE: (_with_mask(digits, np.ones_like(digits)), labels)}
    for kind in KINDS:
        drawn = read_masked_digits(data, kind, split)
        sets[kind] = (_with_mask(drawn.images, drawn.masks), drawn.labels)
        sets[f"random_{kind}"] = (_with_mask(drawn.images, drawn.random_masks), drawn.labels)
    return sets


def _with_mask(images: np.ndarray, masks: np.ndarray) -> np.ndarray:
    return np.stack([images, masks * np.uint8(255)], axis=-1)


def build(params: MaskedDigits, variant: str) -> keras.Model:
    """Return all seeds' networks as one: image and mask (B, H, W, 2), from 0 to 1, any size -> (B, R, 10) logits."""
    return _together([network(variant, params.seed + number) for number in range(params.seeds)], variant)


def network(variant: str, seed: int) -> keras.Model:
    """Return one seed's network, which takes several masks for an image.

    Three convolutions with ReLU, global max pooling, layer normalisation, and a dense layer. The variant says where
    the mask enters:

    - `channel`, `random`, `single`: appended to the image;
    - `multiply`: the image is multiplied by it;
    - `attention`: the feature maps after each convolution are multiplied by it, averaged to their size;
    - `pool`: the same once, before the pooling;
    - `none`: nowhere.

    Inputs: images (B, 1, H, W, 1) and masks (B or 1, M, H, W, 1), from 0 to 1. Output: (B, M, 10) logits, float32;
    (B, 1, 10) for `none`.
    """
    images = keras.Input((1, None, None, 1), name="images")
    masks = keras.Input((None, None, None, 1), name="masks")
    x: Any = ScaleByMask(name="multiply")([images, masks]) if variant == "multiply" else images
    total = 1
    for place, (kernel, stride, filters) in enumerate(CONVOLUTIONS, start=1):
        appended = place == 1 and variant in ("channel", "random", SINGLE)
        layer = (AppendMaskConv2D if appended else MapConv2D)(
            filters,
            kernel,
            strides=stride,
            activation="relu",
            kernel_initializer=keras.initializers.HeNormal(layer_seed(seed, place)),
            name=f"convolution_{place}",
        )
        x = layer([x, masks] if appended else x)
        total *= stride
        if variant == "attention":
            x = ScaleByMask(total, name=f"attention_{place}")([x, masks])
    x = MaskedMaxPooling(total, name="pool")([x, masks] if variant == "pool" else [x])
    # Pooled features are far from 0 and much alike in all images, which alone takes epochs to unlearn.
    x = keras.layers.LayerNormalization(name="normalisation")(x)
    initial: Any = keras.initializers.GlorotUniform(layer_seed(seed, 0))
    x = keras.layers.Dense(CLASSES, kernel_initializer=initial, dtype="float32", name="logits")(x)
    return keras.Model([images, masks], x, name=f"seed_{seed}")


def _together(networks: list[keras.Model], variant: str) -> keras.Model:
    inputs = keras.Input((None, None, 2), name="image_and_mask")
    image, mask = SplitMask(name="split")(inputs)
    outputs = [network([image, mask]) for network in networks]
    return keras.Model(inputs, keras.layers.Concatenate(axis=1, name="seeds")(outputs), name=f"{NAME}_{variant}")


def train(params: Params, *, data: Path, out: Path, history: Path) -> None:
    """Train every seed of every variant, and write the models and the history.

    Args:
        params: all parameters; `masked_digits` matters.
        data: the folder that `maskwright generate masked_digits` wrote.
        out: gets a folder for each variant; replaced whole at the end.
        history: a CSV, see `replicates.write_history`.

    Raises:
        MaskwrightError: the data are missing.
    """
    settings = params.masked_digits
    digits = read_digits(data / DIGITS, "train")
    validation = _evaluated(data, "validation")
    one_thread_an_operation()
    make_deterministic(settings.seed)
    seeds = range(settings.seed, settings.seed + settings.seeds)
    curves: dict[str, dict[str, np.ndarray]] = {}
    with replaced_folder(out) as new, ThreadPoolExecutor(available_cores()) as pool:
        started = {}
        for variant in trained_variants(settings):
            networks: list[Any] = [network(variant, seed) for seed in seeds]
            epochs = [_shown(variant, seed, digits, settings.shift) for seed in seeds]
            masks = np.ones((1, SIDE, SIDE), np.uint8) if variant == SINGLE else square_masks(GRID_CORNERS, GRID)
            images_a_step = settings.batch_size // len(masks)
            recipe = Recipe(settings.epochs, images_a_step, settings.learning_rate, settings.weight_decay)
            started[variant] = networks, start_fitting(pool, networks, epochs, _loss(masks), recipe)
        for variant, (networks, futures) in started.items():
            curves[variant] = {"loss": np.stack([future.result()["loss"] for future in futures], axis=1)}
            model = _together(networks, variant)
            outputs, labels = _outputs(model, validation, _set_of(variant, "grid"))
            about = {
                "experiment": NAME,
                "variant": variant,
                "seeds": settings.seeds,
                "parameters_of_one": model.count_params() // settings.seeds,
                "validation_accuracy": [round(float(right), 4) for right in _right(outputs, labels).mean(axis=0)],
            }
            save_model(model, about, new / variant)
    write_history(history, curves)


def _shown(variant: str, seed: int, digits: tuple[np.ndarray, np.ndarray], shift: int) -> Epoch:
    """Return what a network is shown in an epoch: the same grids to all variants of a seed, and labels for each.

    The labels are what share each class has among those that a mask may stand for: (N, M, classes), one-hot where the
    mask is certain. Where it says nothing, the label may be any of the four, whatever is marked. Trained on all four
    in equal shares, a network learns from every random mask and every label at once.
    """
    images, labels = digits
    one_hot = np.eye(CLASSES, dtype=np.float32)

    def epoch(number: int) -> Arrays:
        rng = np.random.default_rng([seed % 2**64, 1, number])
        if variant == SINGLE:
            order = rng.permutation(len(images))
            return shifted(images[order], shift, rng), one_hot[labels[order]][:, None]
        grids, quarters = training_grids(images, labels, shift, rng)
        targets = one_hot[quarters]  # (N, 4, 10)
        if variant in ("none", "random"):
            masks = 1 if variant == "none" else PLACES
            targets = np.repeat(targets.mean(axis=1, keepdims=True), masks, axis=1)
        return grids, targets

    return epoch


def _loss(masks: np.ndarray) -> Loss:
    """Return the cross-entropy of what networks say of images with each of some masks, (M, H, W)."""
    all_masks = tf.constant(masks[None, ..., None], tf.float32)

    def loss(forward: Any, batch: tuple[Any, ...]) -> tuple[Any, dict[str, Any]]:
        images, targets = batch
        logits = forward([(tf.cast(images, tf.float32) * (1 / 255))[:, None, ..., None], all_masks])
        return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(targets, logits)), {}

    return loss


def _set_of(variant: str, kind: str) -> str:
    if variant == SINGLE:
        return SINGLE
    return f"random_{kind}" if variant == "random" else kind


def _outputs(model: Any, sets: dict[str, tuple[np.ndarray, np.ndarray]], name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the logits (N, R, 10) for one of the sets, and its labels (N,)."""
    inputs, labels = sets[name]

    # Not compiled: that takes longer than so few batches.
    batches = (inputs[at : at + _EVALUATION_BATCH] for at in range(0, len(inputs), _EVALUATION_BATCH))
    return np.concatenate([model(batch.astype(np.float32) / 255, training=False) for batch in batches]), labels


def _right(outputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return outputs.argmax(axis=-1) == labels[:, None]


def evaluate(params: Params, *, data: Path, model: Path, results: Path) -> dict[str, Any]:
    """Score every seed of every variant on the test digits, each of which is the real one in one grid and one canvas.

    Writes the chosen variant's numbers to `results/metrics.json`; and to `results/plots/` pictures, all variants'
    numbers (`variants.json`) and those of each seed (`replicates.csv`). For each variant, as mean over the seeds with
    its interval:

    - `accuracy`: share of the test digits that are named right, in grids (of `single`: alone);
    - `canvas_accuracy`: the same on canvases, which no network was trained on (not of `single`);
    - `below_bound`: accuracy of `single` minus `accuracy`, seed by seed; `canvas_below_bound` likewise.

    `guessing_ceiling` and `canvas_guessing_ceiling` are the best accuracies without knowing which digit is the real
    one, see `digit_grids.guessing_ceiling`.

    Returns:
        What `metrics.json` holds, and under `variants` what `variants.json` does.
    """
    settings = params.masked_digits
    sets = dataset(params, data)
    drawn = {kind: read_masked_digits(data, kind, "test") for kind in KINDS}
    networks = {variant: load_model(model / variant)[0] for variant in trained_variants(settings)}
    # Side by side, since operations as small as these keep one core busy.
    with ThreadPoolExecutor(available_cores()) as pool:
        jobs = {
            (variant, kind): pool.submit(_outputs, network, sets, _set_of(variant, kind))
            for variant, network in networks.items()
            for kind in KINDS
            if variant != SINGLE or kind == "grid"  # there is no canvas with one digit
        }
        outputs = {key: job.result() for key, job in jobs.items()}
    measured = {
        variant: {
            measure: _right(*outputs[variant, kind]).mean(axis=0)
            if (variant, kind) in outputs
            else np.full(settings.seeds, np.nan)
            for kind, measure in KINDS.items()
        }
        for variant in networks
    }
    variants = _summary(measured)
    metrics = {
        "accuracy": variants[settings.mask]["accuracy"]["mean"],
        "canvas_accuracy": variants[settings.mask]["canvas_accuracy"]["mean"],
        "below_bound": variants[settings.mask]["below_bound"]["mean"],
        "bound": variants[SINGLE]["accuracy"]["mean"],
        "guessing_ceiling": guessing_ceiling(drawn["grid"].digits),
        "canvas_guessing_ceiling": guessing_ceiling(drawn["canvas"].digits),
    }
    with replaced_folder(results / "plots") as plots:
        history = read_history(results / "training.csv")
        save_figure(loss_curves(history, "cross-entropy of the training digits", log=False), plots / "loss.png")
        save_figure(accuracy_bars(measured, SINGLE, metrics), plots / "accuracy.png")
        save_figure(example_images(drawn), plots / "examples.png")
        shown = {kind: _seen(drawn[kind], settings.mask) for kind in KINDS}
        logits = {kind: outputs[settings.mask, kind][0] for kind in KINDS}
        save_figure(predicted_images(shown, logits, settings.mask), plots / "predictions.png")
        write_replicates(plots / "replicates.csv", measured, first_seed=settings.seed)
        write_json(plots / "variants.json", variants)
    write_json(results / "metrics.json", metrics)
    return {**metrics, "variants": variants}


def _summary(measured: dict[str, dict[str, np.ndarray]]) -> dict[str, Any]:
    bound = measured[SINGLE]["accuracy"]
    variants: dict[str, Any] = {}
    for variant, measures in measured.items():
        values: dict[str, Any] = {"accuracy": mean_interval(measures["accuracy"], (0, 1))._asdict()}
        if variant != SINGLE:
            values["canvas_accuracy"] = mean_interval(measures["canvas_accuracy"], (0, 1))._asdict()
            values["below_bound"] = paired_difference(bound, measures["accuracy"])._asdict()
            values["canvas_below_bound"] = paired_difference(bound, measures["canvas_accuracy"])._asdict()
        variants[variant] = {**values, "seeds": len(bound)}
    return variants


def _seen(drawn: MaskedImages, variant: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return images, the masks that the variant gets, and labels."""
    return drawn.images, drawn.random_masks if variant == "random" else drawn.masks, drawn.labels


def serving_model(folder: Path) -> keras.Model:
    """Load the networks of a variant: image and mask (B, H, W, 2), from 0 to 1 -> (B, R, 10) logits, R seeds."""
    return load_model(folder)[0]


def run_keys(params: Params, data: Path) -> dict[str, str]:
    """Return for each variant a hash of all that determines its training: settings, data, libraries and code."""
    settings = params.masked_digits.model_dump(mode="json", exclude={"mask", "variants", "canvas"})
    package = Path(__file__).parent.parent
    code = ("nn/masking.py", "data/digit_grids.py", "data/digits.py", "nn/fitting.py")
    tables = (f"{DIGITS}/train.npz", f"{DIGITS}/validation.npz", "grid_validation.npz")
    files = [*(data / name for name in tables), *(package / name for name in code), Path(__file__)]
    return {variant: hash_run([variant, settings], files) for variant in trained_variants(params.masked_digits)}
