"""XOR among noise: can a network use a mask that marks which of its inputs are signal?

    maskwright train xor       about 11 seconds on 2 cores with the default settings
    maskwright evaluate xor    about 17 seconds

The source reports, of one training each and one batch at its end, a sum of squares of 5.7e-4 with the mask and of
0.81 with a random one. Here every possible input is scored, for many seeds.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from maskwright.data.xor import CASES, POSITIONS, best_accuracy, read_xor
from maskwright.metrics.intervals import mean_interval, share_interval
from maskwright.nn.determinism import make_deterministic
from maskwright.nn.replicates import Replicate, ReplicatedDense, fit_replicates
from maskwright.nn.saved import load_model, save_model
from maskwright.outputs import replaced_folder, write_json
from maskwright.parallel import available_cores
from maskwright.params import Params, Xor
from maskwright.pipeline import hash_run
from maskwright.plots.figure import save_figure
from maskwright.plots.replicates import loss_curves, seed_dots
from maskwright.plots.xor import example_rows
from maskwright.replicates import read_history, write_history, write_replicates

NAME = "xor"

EPOCH_STEPS = 50
"""The history has a row for each so many steps."""


def dataset(params: Params, data: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return for each trained variant every possible input (N, 4, C) and its one-hot label (N, 2), float32."""
    return {variant: read_xor(data, variant) for variant in trained_variants(params.xor)}


def trained_variants(params: Xor) -> list[str]:
    """Return the variants to train: the chosen one, and those to compare it with."""
    return list(dict.fromkeys([params.mask, *params.variants]))


def build(params: Xor, variant: str) -> keras.Model:
    """Return all seeds' networks as one: (B, 4, C) -> (B, R, 2) float32 probabilities of XOR 0 and 1.

    Each is flatten -> `hidden` sigmoids -> 2 softmax, all weights and biases drawn from U(`initial`).
    """
    seeds = range(params.seed, params.seed + params.seeds)
    initial = keras.initializers.RandomUniform(*params.initial)
    weights = {"kernel_initializer": initial, "bias_initializer": initial}
    rows = keras.Input((POSITIONS, 1 if variant == "none" else 2), name="rows")
    x = Replicate(params.seeds, name="replicate")(keras.layers.Flatten()(rows))
    x = ReplicatedDense(params.hidden, seeds, name="hidden", activation="sigmoid", **weights)(x)
    x = ReplicatedDense(2, seeds, name="output", activation="softmax", **weights)(x)
    return keras.Model(rows, x, name=f"xor_{variant}")


def train(params: Params, *, data: Path, out: Path, history: Path) -> None:
    """Train every variant, all its seeds together, and write the models and the history.

    Args:
        params: all parameters; `xor` matters.
        data: the folder that `maskwright generate xor` wrote.
        out: gets a folder for each variant; replaced whole at the end.
        history: a CSV, see `replicates.write_history`.
    """
    settings = params.xor
    make_deterministic(settings.seed)
    tables = dataset(params, data)
    models = {variant: build(settings, variant) for variant in tables}
    # Most of the time goes to compiling, which takes one core. Threads do: neither it nor a step holds Python's lock.
    with ThreadPoolExecutor(available_cores()) as pool:
        jobs = {variant: pool.submit(_fit, models[variant], settings, *table) for variant, table in tables.items()}
        curves = {variant: job.result() for variant, job in jobs.items()}
    with replaced_folder(out) as new:
        for variant, model in models.items():
            about = {
                "experiment": NAME,
                "variant": variant,
                "seeds": settings.seeds,
                "parameters_of_one": model.count_params() // settings.seeds,
            }
            save_model(model, about, new / variant)
    write_history(history, curves)


def trial(params: Params, data: Path) -> dict[str, float]:
    """Train one network of the chosen variant, with the seed `params.xor.seed`, and score it on every possible input.

    Returns:
        `accuracy`, `loss` and `solved` (1 or 0), as `evaluate` has them.
    """
    settings = params.xor.model_copy(update={"seeds": 1, "variants": []})
    make_deterministic(settings.seed)
    ((variant, (inputs, labels)),) = dataset(params.model_copy(update={"xor": settings}), data).items()
    model: Any = build(settings, variant)
    _fit(model, settings, inputs, labels)
    accuracy, loss = _scores(np.asarray(model(inputs)), labels)
    return {"accuracy": float(accuracy[0]), "loss": float(loss[0]), "solved": float(accuracy[0] == 1)}


def _scores(outputs: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each network's accuracy, and the loss of a batch: (N, R, 2), (N, 2) -> (R,), (R,)."""
    right = outputs.argmax(-1) == labels.argmax(-1)[:, None]
    loss = np.square(outputs - labels[:, None]).sum(axis=(0, 2)) * (CASES / len(labels))
    return right.mean(axis=0), loss


def _fit(model: Any, settings: Xor, inputs: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    core: Any = keras.Model(model.get_layer("replicate").output, model.output)
    flat = inputs.reshape(len(inputs), -1)
    rows, truth = tf.constant(inputs), tf.constant(labels)[:, None]  # (N, 4, C), (N, 1, 2)

    def measure() -> dict[str, tf.Tensor]:
        outputs = model(rows, training=False)
        right = tf.argmax(outputs, -1) == tf.argmax(truth, -1)
        return {
            "loss": sum_of_squares(truth, outputs) * (CASES / len(inputs)),
            "accuracy": tf.reduce_mean(tf.cast(right, tf.float32), axis=0),
        }

    optimizer = keras.optimizers.SGD(settings.learning_rate)
    return fit_replicates(core, optimizer, sum_of_squares, (flat, labels), _order(settings, len(inputs)), measure)


def sum_of_squares(labels: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
    """Return the sum of squared errors over a batch and its outputs: (B, R, 2), (B, R, 2) -> (R,)."""
    return tf.reduce_sum(tf.square(labels - outputs), axis=(0, 2))


def _order(settings: Xor, rows: int) -> Iterator[np.ndarray]:
    """Yield the rows of each batch: at one random position, each of the four cases with noise of its own."""
    group = rows // ((POSITIONS - 1) * CASES)
    epochs = settings.steps // EPOCH_STEPS
    order = np.empty((epochs, EPOCH_STEPS, CASES, settings.seeds), np.int32)
    for replicate in range(settings.seeds):
        rng = np.random.default_rng([(settings.seed + replicate) % 2**64, 1])
        position = rng.integers(POSITIONS - 1, size=(epochs, EPOCH_STEPS, 1))
        noise = rng.integers(group, size=(epochs, EPOCH_STEPS, CASES))
        order[..., replicate] = (position * CASES + np.arange(CASES)) * group + noise
    yield order


def evaluate(params: Params, *, data: Path, model: Path, results: Path) -> dict[str, Any]:
    """Score every seed of every variant on every possible input.

    Writes the chosen variant's numbers to `results/metrics.json`; and to `results/plots/` pictures, all variants'
    numbers (`variants.json`) and those of each seed (`replicates.csv`). For each variant:

    - `accuracy`: share of all possible inputs that are right, mean over the seeds and its interval;
    - `loss`: sum of squares of a batch of the four cases, expected over all inputs;
    - `solved`: share of the seeds that get every input right, with Wilson's interval; `stuck`: number of the others;
    - `best_possible_accuracy`: that of the best of all functions of the input.

    Returns:
        What `metrics.json` holds, and under `variants` what `variants.json` does.
    """
    measured: dict[str, dict[str, np.ndarray]] = {}
    variants: dict[str, Any] = {}
    tables = dataset(params, data)
    for variant, (inputs, labels) in tables.items():
        network, about = load_model(model / variant)
        accuracy, loss = _scores(np.asarray(network(inputs)), labels)
        solved = int((accuracy == 1).sum())
        measured[variant] = {"accuracy": accuracy, "loss": loss, "solved": (accuracy == 1).astype(int)}
        variants[variant] = {
            "accuracy": mean_interval(accuracy, (0, 1))._asdict(),
            "loss": mean_interval(loss, (0, np.inf))._asdict(),
            "median_loss": float(np.median(loss)),
            "solved": share_interval(solved, about["seeds"])._asdict(),
            "stuck": about["seeds"] - solved,
            "seeds": about["seeds"],
            "inputs": len(inputs),
            "best_possible_accuracy": best_accuracy(inputs, labels),
        }
    chosen = variants[params.xor.mask]
    metrics = {
        "accuracy": chosen["accuracy"]["mean"],
        "loss": chosen["loss"]["mean"],
        "solved": chosen["solved"]["mean"],
    }
    with replaced_folder(results / "plots") as plots:
        history = read_history(results / "training.csv")
        steps = f"epoch of {EPOCH_STEPS} steps"
        save_figure(loss_curves(history, "sum of squares of a batch", epoch=steps), plots / "loss.png")
        accuracies = {variant: values["accuracy"] for variant, values in measured.items()}
        ceilings = {variant: values["best_possible_accuracy"] for variant, values in variants.items()}
        save_figure(seed_dots(accuracies, "accuracy over every possible input", ceilings), plots / "accuracy.png")
        save_figure(example_rows(tables), plots / "examples.png")
        write_replicates(plots / "replicates.csv", measured, first_seed=params.xor.seed)
        write_json(plots / "variants.json", variants)
    write_json(results / "metrics.json", metrics)
    return {**metrics, "variants": variants}


def serving_model(folder: Path) -> keras.Model:
    """Load the networks of a variant: (B, 4, C) rows -> (B, R, 2) probabilities, one network for each of R seeds."""
    return load_model(folder)[0]


def run_keys(params: Params, data: Path) -> dict[str, str]:
    """Return for each variant a hash of all that determines its training: settings, data, libraries and code."""
    settings = params.xor.model_dump(mode="json", exclude={"mask", "variants"})
    package = Path(__file__).parent.parent
    code = (package / "nn/replicates.py", package / "data/xor.py", Path(__file__))
    return {
        variant: hash_run([variant, settings], (data / f"{variant}.csv", *code))
        for variant in trained_variants(params.xor)
    }
