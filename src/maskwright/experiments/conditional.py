"""A condition inside a network: a first head names the coarse class, and that class's branch names the fine one.

    maskwright generate conditional
    maskwright train conditional
    maskwright evaluate conditional

If-then is not differentiable, so the first head's probabilities multiply the features that each branch sees. Compared
are this soft switch, a hard one, the shortcut of separate networks with an if-then between them, the same network
without a switch, and one that is told the coarse class.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from maskwright.data.hierarchy import CLASSES_FILE, TwoLevels, read_class_names, read_hierarchy
from maskwright.errors import MaskwrightError
from maskwright.metrics.intervals import mean_interval, paired_difference
from maskwright.nn.conditional import (
    Sizes,
    chosen_logits,
    multiply_adds,
    network,
    routed_network,
    second_logits,
)
from maskwright.nn.determinism import make_deterministic
from maskwright.nn.fitting import Arrays, Epoch, Loss, Recipe, one_thread_an_operation, stacked, start_fitting
from maskwright.nn.saved import load_model, save_model
from maskwright.nn.switch import SwitchGate
from maskwright.outputs import replaced_folder, write_json
from maskwright.parallel import available_cores
from maskwright.params import Params
from maskwright.params_digits import Conditional
from maskwright.pipeline import hash_run
from maskwright.plots.conditional import accuracy_bars, gate_maps, uncertainty_curve
from maskwright.plots.figure import save_figure
from maskwright.plots.replicates import loss_curves
from maskwright.replicates import read_history, write_history, write_replicates

NAME = "conditional"

ORACLE = "oracle"
"""The variant whose gate is the true coarse class: the upper bound of the others."""

UNCERTAIN = 0.1
"""The share of the test images whose gate has the largest entropy, which count as uncertain."""

PRESETS: dict[str, tuple[tuple[int, ...], int, int]] = {
    "fast": ((8, 16, 24), 24, 32),
    "branch-heavy": ((8, 16), 64, 64),
    "source": ((6, 9, 12, 15), 15, 32),
}
"""Filters of the trunk's convolutions, filters of a branch's, and the features that a branch ends in."""

MEASURES = ("accuracy", "coarse_accuracy", "flipped_accuracy", "uncertain_accuracy", "uncertain_hard_accuracy")

_VALUES = 1 << 20
"""So many numbers of images are evaluated at a time."""


def trained_variants(params: Conditional) -> list[str]:
    """Return the variants to train: the chosen one, those to compare it with, and the bound."""
    return list(dict.fromkeys([params.variant, *params.variants, ORACLE]))


def dataset(params: Params, data: Path) -> dict[str, TwoLevels]:
    """Return the images of each split with their labels on both levels."""
    del params
    return {split: read_hierarchy(data, split) for split in ("train", "validation", "test")}


def sizes(params: Conditional, side: int, channels: int) -> Sizes:
    """Return how large the networks are for images of that side and of so many channels."""
    trunk, branch, units = PRESETS[params.preset]
    return Sizes(side, channels, tuple(params.trunk or trunk), params.branch or branch, units)


def build(params: Conditional, variant: str, shape: Sizes, classes: tuple[int, int]) -> keras.Model:
    """Return all seeds' networks as one: images (B, H, H, C), from 0 to 1 -> (B, R, K + F) logits.

    Args:
        params: the experiment's settings.
        variant: its name; `oracle` takes images and the one-hot coarse class (B, K).
        shape: sizes of the networks.
        classes: K and F, the numbers of coarse and of fine classes.
    """
    seeds = range(params.seed, params.seed + params.seeds)
    return _together([one_network(params, variant, shape, classes, seed) for seed in seeds], variant, classes[0])


def one_network(params: Conditional, variant: str, shape: Sizes, classes: tuple[int, int], seed: int) -> keras.Model:
    """Return the network of one seed as it is trained, see `nn.conditional`."""
    if variant == "routed":
        return routed_network(shape, *classes, seed=seed)
    gate = {"hard": "gumbel" if params.gumbel else "hard", ORACLE: "given"}.get(variant, variant)
    return network(shape, *classes, gate=gate, temperature=params.temperature, seed=seed)


def _together(networks: list[Any], variant: str, coarse: int) -> keras.Model:
    shapes = networks[0].input_shape if variant == ORACLE else [networks[0].input_shape]
    names = ("images", "coarse")[: len(shapes)]
    inputs = [keras.Input(shape[1:], name=name) for shape, name in zip(shapes, names, strict=True)]
    given = inputs if variant == ORACLE else inputs[0]
    outputs = [one(given) for one in networks]
    if variant == "routed":
        outputs = [chosen_logits(output, coarse) for output in outputs]
    return keras.Model(given, stacked(outputs), name=f"{NAME}_{variant}")


def train(params: Params, *, data: Path, out: Path, history: Path) -> None:
    """Train every seed of every variant, and write the models and the history.

    Args:
        params: all parameters; `conditional` matters.
        data: the folder that `maskwright generate conditional` wrote.
        out: gets a folder for each variant; replaced whole at the end.
        history: a CSV, see `replicates.write_history`.

    Raises:
        MaskwrightError: the data are missing, or too few for a batch.
    """
    settings = params.conditional
    names = read_class_names(data)
    training = read_hierarchy(data, "train")
    if settings.batch_size > len(training.images):
        raise MaskwrightError(
            f"conditional.batch_size: {settings.batch_size:,} for {len(training.images):,} training images; lower it"
        )
    one_thread_an_operation()
    make_deterministic(settings.seed)
    classes = len(names.coarse), len(names.fine)
    shape = sizes(settings, training.images.shape[1], training.images.shape[3])
    seeds = range(settings.seed, settings.seed + settings.seeds)
    recipe = Recipe(settings.epochs, settings.batch_size, settings.learning_rate, settings.weight_decay)
    curves: dict[str, dict[str, np.ndarray]] = {}
    shown = _shown(training, settings.shift)
    with replaced_folder(out) as new, ThreadPoolExecutor(available_cores()) as pool:
        started = {}
        for variant in trained_variants(settings):
            networks: list[Any] = [one_network(settings, variant, shape, classes, seed) for seed in seeds]
            epochs = [shown(seed) for seed in seeds]
            loss = _loss(variant, classes, settings.coarse_weight)
            started[variant] = networks, start_fitting(pool, networks, epochs, loss, recipe)
        for variant, (networks, futures) in started.items():
            curves[variant] = {"loss": np.stack([future.result()["loss"] for future in futures], axis=1)}
            about = {
                "experiment": NAME,
                "variant": variant,
                "seeds": settings.seeds,
                "parameters_of_one": networks[0].count_params(),
                "coarse": names.coarse,
                "fine": names.fine,
            }
            save_model(_together(networks, variant, classes[0]), about, new / variant)
    write_history(history, curves)


def _shown(training: TwoLevels, shift: int) -> Callable[[int], Epoch]:
    """Return for a seed what a network is shown in an epoch: every image once, moved a little.

    It is the same for all variants. The border is repeated: around a digit it is black anyway.
    """
    side = training.images.shape[1]
    padded = np.pad(training.images, ((0, 0), (shift, shift), (shift, shift), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side), axis=(1, 2))  # (N, s, s, C, H, H)

    def of_seed(seed: int) -> Epoch:
        def epoch(number: int) -> Arrays:
            rng = np.random.default_rng([seed % 2**64, 1, number])
            order = rng.permutation(len(padded))
            down, across = rng.integers(0, 2 * shift + 1, (2, len(padded)))
            images = np.moveaxis(windows[order, down, across], 1, -1)
            return images, training.coarse[order].astype(np.int32), training.fine[order].astype(np.int32)

        return epoch

    return of_seed


def _loss(variant: str, classes: tuple[int, int], coarse_weight: float) -> Loss:
    """Return the loss: the second head's cross-entropy, and the first one's by its weight."""
    coarse_classes, fine_classes = classes

    def loss(forward: Any, batch: tuple[Any, ...]) -> tuple[Any, dict[str, Any]]:
        images, coarse, fine = tf.cast(batch[0], tf.float32) / 255, batch[1], batch[2]
        truth = tf.one_hot(coarse, coarse_classes)
        logits = forward([images, truth] if variant == ORACLE else images)
        second = logits[:, coarse_classes:]
        if variant == "routed":
            # Each specialist learns from the images of its own coarse class, and from nothing else.
            specialists = tf.reshape(second, (-1, coarse_classes, fine_classes))
            second = tf.reduce_sum(truth[..., None] * specialists, axis=1)
        of_first = tf.nn.sparse_softmax_cross_entropy_with_logits(coarse, logits[:, :coarse_classes])
        of_second = tf.nn.sparse_softmax_cross_entropy_with_logits(fine, second)
        return tf.reduce_mean(of_second) + coarse_weight * tf.reduce_mean(of_first), {}

    return loss


def evaluate(params: Params, *, data: Path, model: Path, results: Path) -> dict[str, Any]:
    """Score every seed of every variant on the test images.

    Writes the chosen variant's numbers to `results/metrics.json`; and to `results/plots/` pictures, all variants'
    numbers (`variants.json`) and those of each seed (`replicates.csv`). For each variant, as mean over the seeds with
    its interval:

    - `accuracy`: share of the test images whose fine class is named right;
    - `coarse_accuracy`: the same of the coarse class, by the first head;
    - `flipped_accuracy`: as `accuracy`, with each share of the gate given to the next branch (not of `none`);
    - `uncertain_accuracy`: as `accuracy`, of the tenth of the images whose first head has the largest entropy;
      `uncertain_hard_accuracy`: the same with the gate made hard (of `soft` alone);
    - `below_oracle`: accuracy of `oracle` minus `accuracy`, seed by seed; `above_none`: `accuracy` minus that of
      `none`, where that was trained; `fall`: `accuracy` minus `flipped_accuracy`.

    Also `gate`, the mean share of each branch (columns) for each coarse class (rows; null for one without a test
    image); `parameters`, of one network; `multiply_adds` of one image, see `nn.conditional.multiply_adds`; and
    `multiply_adds_run`, where only the chosen branch is run.

    Returns:
        What `metrics.json` holds, and under `variants` what `variants.json` does.
    """
    settings = params.conditional
    names = read_class_names(data)
    test = read_hierarchy(data, "test")
    measured: dict[str, dict[str, np.ndarray]] = {}
    gates: dict[str, np.ndarray] = {}
    facts: dict[str, dict[str, Any]] = {}
    certainty: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for variant in trained_variants(settings):
        whole, about = load_model(model / variant)
        networks = [whole.get_layer(f"seed_{settings.seed + row}") for row in range(about["seeds"])]
        answers = [_answers(one, variant, settings, test, len(names.coarse)) for one in networks]
        scores = [_measure(answer, test) for answer in answers]
        measured[variant] = {name: np.array([score.get(name, np.nan) for score in scores]) for name in MEASURES}
        entropy, right = (np.stack([a[name] for a in answers]) for name in ("entropy", "right"))
        certainty[variant] = entropy, right
        gates[variant] = np.mean([a["gate"] for a in answers], axis=0)  # (N, K)
        facts[variant] = {
            "gate": [_mean_share(gates[variant][test.coarse == k]) for k in range(len(names.coarse))],
            "parameters": about["parameters_of_one"],
            **_costs(networks[0], variant, len(names.coarse)),
        }
    variants = {variant: {**_summary(measured, variant), **facts[variant]} for variant in measured}
    chosen = variants[settings.variant]
    metrics = {
        "accuracy": chosen["accuracy"]["mean"],
        "coarse_accuracy": chosen["coarse_accuracy"]["mean"],
        "oracle_accuracy": variants[ORACLE]["accuracy"]["mean"],
        "parameters": chosen["parameters"],
        "multiply_adds": chosen["multiply_adds"],
        "multiply_adds_run": chosen["multiply_adds_run"],
    }
    with replaced_folder(results / "plots") as plots:
        history = read_history(results / "training.csv")
        save_figure(loss_curves(history, "loss of the training images", log=False), plots / "loss.png")
        save_figure(accuracy_bars(measured, ORACLE), plots / "accuracy.png")
        shown = {variant: gate for variant, gate in gates.items() if variant != "none"}
        save_figure(gate_maps(shown, test.fine, names), plots / "gates.png")
        curves = {variant: values for variant, values in certainty.items() if variant != ORACLE}
        save_figure(uncertainty_curve(curves), plots / "uncertainty.png")
        write_replicates(plots / "replicates.csv", measured, first_seed=settings.seed)
        write_json(plots / "variants.json", variants)
    write_json(results / "metrics.json", metrics)
    return {**metrics, "variants": variants}


def _mean_share(gates: np.ndarray) -> list[float] | None:
    return gates.mean(axis=0).tolist() if len(gates) else None


def _answers(one: Any, variant: str, settings: Conditional, test: TwoLevels, coarse: int) -> dict[str, np.ndarray]:
    """Return what a network says of the test images.

    Returns:
        `first`, `second`, `flipped` and `hard`: the class that is named, (N,), the last two with the gate flipped or
        made hard, where that makes another one; `gate`: (N, K); `entropy`: of the first head, (N,) nats; `right`:
        whether `second` is, (N,).
    """
    parts: dict[str, list[np.ndarray]] = {}
    batch = max(1, _VALUES // test.images[0].size)
    for at in range(0, len(test.images), batch):
        rows = slice(at, at + batch)
        images = test.images[rows].astype(np.float32) / 255
        truth = np.eye(coarse, dtype=np.float32)[test.coarse[rows]]
        answer = (
            _routed(one, images, coarse) if variant == "routed" else _gated(one, variant, settings, images, truth)
        )
        for name, values in answer.items():
            parts.setdefault(name, []).append(np.asarray(values))
    joined = {name: np.concatenate(values) for name, values in parts.items()}
    return {**joined, "right": joined["second"] == test.fine}


def _gated(one: Any, variant: str, settings: Conditional, images: Any, truth: np.ndarray) -> dict[str, Any]:
    middle, last, first = one.get_layer("trunk")(images, training=False)
    probabilities = tf.nn.softmax(first)
    hard = SwitchGate("hard")(probabilities)
    gate: Any = {
        "soft": SwitchGate("soft", settings.temperature)(probabilities),
        "hard": hard,
        "none": tf.ones_like(probabilities),
        ORACLE: truth,
    }[variant]
    gates = {"second": gate}
    if variant != "none":
        gates["flipped"] = tf.roll(gate, 1, axis=1)
    if variant == "soft":
        gates["hard"] = hard
    answers = {name: tf.argmax(second_logits(one, middle, last, each), -1) for name, each in gates.items()}
    return {**answers, "first": tf.argmax(first, -1), "gate": gate, "entropy": _entropy(probabilities)}


def _routed(one: Any, images: Any, coarse: int) -> dict[str, Any]:
    logits = one(images, training=False)
    first = logits[:, :coarse]
    specialists = tf.argmax(tf.reshape(logits[:, coarse:], (len(images), coarse, -1)), axis=-1)  # (B, K)
    chosen = tf.one_hot(tf.argmax(first, -1), coarse, dtype=specialists.dtype)
    second, flipped = (tf.reduce_sum(gate * specialists, axis=1) for gate in (chosen, tf.roll(chosen, 1, axis=1)))
    return {
        "second": second,
        "flipped": flipped,
        "first": tf.argmax(first, -1),
        "gate": tf.cast(chosen, tf.float32),
        "entropy": _entropy(tf.nn.softmax(first)),
    }


def _entropy(probabilities: Any) -> Any:
    return -tf.reduce_sum(tf.math.xlogy(probabilities, probabilities), axis=-1)


def _measure(answers: dict[str, np.ndarray], test: TwoLevels) -> dict[str, float]:
    count = max(1, round(UNCERTAIN * len(test.fine)))
    uncertain = np.argsort(-answers["entropy"], kind="stable")[:count]
    scores = {
        "accuracy": answers["right"].mean(),
        "coarse_accuracy": (answers["first"] == test.coarse).mean(),
        "uncertain_accuracy": answers["right"][uncertain].mean(),
    }
    if "flipped" in answers:
        scores["flipped_accuracy"] = (answers["flipped"] == test.fine).mean()
    if "hard" in answers:
        scores["uncertain_hard_accuracy"] = (answers["hard"] == test.fine)[uncertain].mean()
    return scores


def _costs(one: Any, variant: str, coarse: int) -> dict[str, int]:
    total = multiply_adds(one)
    if variant == "routed":
        # The network that names the coarse class, and one specialist in place of all; a trunk names it too, unused.
        specialists = [
            multiply_adds(one.get_layer(f"{part}_{number}"))
            for part in ("trunk", "branch")
            for number in range(coarse)
        ]
        heads = sum(int(np.prod(one.get_layer(f"second_{number}").kernel.shape)) for number in range(coarse))
        return {
            "multiply_adds": total,
            "multiply_adds_run": total - (sum(specialists) + heads) * (coarse - 1) // coarse,
        }
    branches = sum(multiply_adds(one.get_layer(f"branch_{number}")) for number in range(coarse))
    skipped = branches * (coarse - 1) // coarse if variant in ("hard", ORACLE) else 0
    return {"multiply_adds": total, "multiply_adds_run": total - skipped}


def _summary(measured: dict[str, dict[str, np.ndarray]], variant: str) -> dict[str, Any]:
    values = measured[variant]
    summary: dict[str, Any] = {
        name: mean_interval(shares, (0, 1))._asdict() for name, shares in values.items() if not np.isnan(shares).any()
    }
    if variant != ORACLE:
        summary["below_oracle"] = paired_difference(measured[ORACLE]["accuracy"], values["accuracy"])._asdict()
    if variant != "none" and "none" in measured:
        summary["above_none"] = paired_difference(values["accuracy"], measured["none"]["accuracy"])._asdict()
    if variant != "none":
        summary["fall"] = paired_difference(values["accuracy"], values["flipped_accuracy"])._asdict()
    return {**summary, "seeds": len(values["accuracy"])}


def serving_model(folder: Path) -> keras.Model:
    """Load the networks of a variant: images (B, H, H, C), from 0 to 1 -> (B, R, K + F) logits, R seeds."""
    return load_model(folder)[0]


def run_keys(params: Params, data: Path) -> dict[str, str]:
    """Return for each variant a hash of all that determines its training: settings, data, libraries and code."""
    without = {"variant", "variants", "source", "coarse", "fine", "side"}  # the data's files speak for those
    settings = params.conditional.model_dump(mode="json", exclude=without)
    package = Path(__file__).parent.parent
    code = ("nn/conditional.py", "nn/switch.py", "nn/fitting.py", "data/hierarchy.py")
    files = [data / "train.npz", data / CLASSES_FILE, *(package / name for name in code), Path(__file__)]
    return {variant: hash_run([variant, settings], files) for variant in trained_variants(params.conditional)}
