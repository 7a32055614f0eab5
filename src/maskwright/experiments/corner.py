"""Corners: why does such a simple network not learn?

    maskwright train corner       about 32 seconds on 2 cores with the default settings
    maskwright evaluate corner    about 22 seconds

The source has a convolution 3x3 and one 1x1 with a hard sigmoid find the one corner among the 512 binary 3x3
patterns. It sets weights by hand that do, sees a loss that is not zero nevertheless, and reports that training with
mean squared error ends with zero everywhere, while a softmax of two outputs learns. Here each step from the one to
the other is a variant, trained with many seeds.
"""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from maskwright.data.corner import CORNER, CORNER_INDEX, read_patterns, read_rectangles
from maskwright.experiments.corner_training import (
    Setting,
    Trained,
    changed_setting,
    detector,
    repeated,
    single_network,
    train_all,
    variant_setting,
)
from maskwright.metrics.intervals import mean_interval, share_interval
from maskwright.nn.determinism import make_deterministic
from maskwright.nn.saved import load_model, save_model
from maskwright.outputs import replaced_folder, write_json
from maskwright.params import Corner, Params
from maskwright.pipeline import hash_run
from maskwright.plots import corner as pictures
from maskwright.plots.figure import save_figure
from maskwright.replicates import read_history, write_history, write_replicates

NAME = "corner"

HAND_SET = "hand_set"
"""The variant that is not trained."""

LABELS = ("posted", "matched")

_GROUP = 8  # images that the detectors see at a time


def dataset(params: Params, data: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return all patterns (512, 3, 3) and their labels (512,), float32; `params` decides nothing."""
    return read_patterns(data)


def trained_variants(params: Corner) -> list[str]:
    """Return the variants to train: the chosen one, and those to compare it with."""
    return list(dict.fromkeys([params.variant, *params.variants]))


def build(params: Corner, variant: str) -> keras.Model:
    """Return all seeds' networks as one: (B, H, W, 1) of 0 and 1 -> (B, R, H - 2, W - 2) float32 scores.

    A score above 0.5 says that the pixel in the middle of a 3x3 window is a top-left corner. `hand_set` is one
    network with the source's weights; the others begin as Keras begins them (Glorot's uniform kernels, biases 0).
    """
    seeds = [0] if variant == HAND_SET else range(params.seed, params.seed + params.seeds)
    model = detector(variant_setting(params, variant), list(seeds), f"corner_{variant}")
    if variant == HAND_SET:
        square = np.where(CORNER == 1, 10.0, -100.0).reshape(1, 3, 3, 1, 1)
        model.set_weights([square, np.full((1, 1), -35.0), np.ones((1, 1, 1)), np.zeros((1, 1))])
    return model


def train(params: Params, *, data: Path, out: Path, history: Path) -> None:
    """Train every variant, all its seeds together, and write the models and the history.

    Args:
        params: all parameters; `corner` matters.
        data: the folder that `maskwright generate corner` wrote.
        out: gets a folder for each variant, and `changes.csv` and `repeats.csv` with what became of the changes and
            repeats that `corner.changes` and `corner.repeats_tried` list; replaced whole at the end.
        history: a CSV, see `replicates.write_history`.
    """
    settings = params.corner
    make_deterministic(settings.seed)
    patterns, labels = dataset(params, data)
    variants = trained_variants(settings)
    runs: dict[tuple[str, str], Setting] = {
        ("variant", name): variant_setting(settings, name) for name in sorted(variants) if name != HAND_SET
    }
    for change in dict.fromkeys(settings.changes):
        runs |= {(change, shape): changed_setting(settings, change, shape) for shape in LABELS}
    runs |= {("repeats", str(times)): repeated(settings, times) for times in dict.fromkeys(settings.repeats_tried)}
    seeds = range(settings.seed, settings.seed + settings.seeds)
    trained = train_all(runs, seeds, patterns, labels)
    curves, epochs = {}, {}
    with replaced_folder(out) as new:
        for variant in variants:
            model = build(settings, variant)
            about = {
                "experiment": NAME,
                "variant": variant,
                "seeds": model.output_shape[1],
                "parameters_of_one": model.count_params() // model.output_shape[1],
            }
            if variant != HAND_SET:
                run = trained["variant", variant]
                model.set_weights(run.weights)
                about["solved_epochs"] = run.solved_epochs
                curves[variant], epochs[variant] = run.history, run.epochs
            save_model(model, about, new / variant)
        _write_outcomes(
            new / "changes.csv",
            ("change", "labels"),
            {key: run for key, run in trained.items() if key[0] not in ("variant", "repeats")},
            seeds,
        )
        repeats = {key[1:]: run for key, run in trained.items() if key[0] == "repeats"}
        _write_outcomes(new / "repeats.csv", ("repeats",), repeats, seeds)
    write_history(history, curves, epochs)


def _write_outcomes(path: Path, names: tuple[str, ...], runs: Mapping[Any, Trained], seeds: range) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow([*names, "seed", "recall", "false_positives", "solved", "solved_epoch"])
        for key, run in runs.items():
            recall, false = (run.history[name][-1].astype(int) for name in ("recall", "false_positives"))
            for row, (seed, epoch) in enumerate(zip(seeds, run.solved_epochs, strict=True)):
                outcome = [recall[row], false[row], int(epoch is not None), "" if epoch is None else epoch]
                table.writerow([*key, seed, *outcome])


def evaluate(params: Params, *, data: Path, model: Path, results: Path) -> dict[str, Any]:
    """Score every seed of every variant on the 512 patterns, and the chosen variant on images of rectangles.

    Writes the chosen variant's numbers to `results/metrics.json`; and to `results/plots/` pictures, all variants'
    numbers (`variants.json`), those of each seed (`replicates.csv`), and what became of the changes and repeats. For
    each variant, as means over the seeds with their intervals:

    - `recall`: share of the seeds that find the corner; `false_positives`: among the other 511 patterns;
    - `mse`: mean squared error of the scores, each against its own label;
    - `solved`: share of the seeds that get all 512 right, with Wilson's interval; `solved_epochs`: the median epoch
      from which on they stay right, of those that do.

    Besides: of `hand_set`, `evaluate`, what Keras's method of that name says of its loss with labels of the shapes
    (512,) and (512, 1, 1, 1); of the chosen variant, `detection`, its precision and recall on the images, and those
    of the pattern itself.

    Returns:
        What `metrics.json` holds, and under `variants` what `variants.json` does.
    """
    settings = params.corner
    patterns, labels = dataset(params, data)
    networks = {variant: load_model(model / variant) for variant in trained_variants(settings)}
    measured: dict[str, dict[str, np.ndarray]] = {}
    variants: dict[str, Any] = {}
    for variant, (network, about) in networks.items():
        measured[variant] = _score(network, patterns, labels)
        variants[variant] = _summary(measured[variant], about.get("solved_epochs", []))
    changes = pd.read_csv(model / "changes.csv")
    repeats = pd.read_csv(model / "repeats.csv")
    chosen = variants[settings.variant]
    detection, found = _detect(networks[settings.variant][0], build(settings, HAND_SET), data)
    chosen["detection"] = detection
    if HAND_SET in variants:
        variants[HAND_SET]["evaluate"] = hand_set_losses(build(settings, HAND_SET), patterns, labels)
    metrics = {
        **{name: chosen[name]["mean"] for name in ("recall", "false_positives", "mse", "solved")},
        **{
            f"{images}_{name}": detection[images][name]["mean"]
            for images in ("clean", "noisy")
            for name in ("precision", "recall")
        },
    }
    with replaced_folder(results / "plots") as plots:
        history = read_history(results / "training.csv")
        kernels = {variant: effective_kernels(network) for variant, (network, _) in networks.items()}
        solved = {variant: values["solved"] for variant, values in variants.items()}
        figures = {
            "patterns": pictures.pattern_grid(patterns, labels),
            "loss": pictures.loss_panels(history),
            "gradient": pictures.gradient_curves(history),
            "kernels": pictures.kernel_panels(
                {variant: (kernel[0], offset[0]) for variant, (kernel, offset) in kernels.items()},
                {variant: bool(values["solved"][0]) for variant, values in measured.items()},
            ),
            "solved": pictures.share_bars(solved, "share of the seeds that get all 512 patterns right"),
            "detector": pictures.detector_panels(*found),
        }
        if len(changes):
            figures["changes"] = pictures.change_bars(_shares(changes, ["change", "labels"]))
        if len(repeats):
            figures["repeats"] = pictures.repeat_curve(_shares(repeats, ["repeats"]), settings.epochs.repeated_corner)
        for name, figure in figures.items():
            save_figure(figure, plots / f"{name}.png")
        write_replicates(plots / "replicates.csv", measured, first_seed=settings.seed)
        changes.to_csv(plots / "changes.csv", index=False, lineterminator="\n")
        repeats.to_csv(plots / "repeats.csv", index=False, lineterminator="\n")
        write_json(plots / "variants.json", variants)
    write_json(results / "metrics.json", metrics)
    return {**metrics, "variants": variants}


def _score(network: keras.Model, patterns: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    scores = np.asarray(network(patterns[..., None]))[:, :, 0, 0]  # (512, R)
    found = scores > 0.5
    recall = found[CORNER_INDEX].astype(int)
    false = found.sum(0) - recall
    return {
        "recall": recall,
        "false_positives": false,
        "mse": np.square(scores - labels[:, None]).mean(0, dtype=np.float64),
        "solved": ((recall == 1) & (false == 0)).astype(int),
    }


def _summary(measured: dict[str, np.ndarray], solved_epochs: list[int | None]) -> dict[str, Any]:
    number = len(measured["solved"])
    summary: dict[str, Any] = {"seeds": number}
    for name, values in measured.items():
        if number == 1:
            # No seed decides about the network set by hand, so there is nothing to be unsure of.
            interval = (float(values[0]),) * 3
        elif name in ("recall", "solved"):
            interval = share_interval(int(values.sum()), number)
        else:
            interval = mean_interval(values, (0, 511.0 if name == "false_positives" else 1.0))
        summary[name] = dict(zip(("mean", "low", "high"), interval, strict=True))
    epochs = [epoch for epoch in solved_epochs if epoch is not None]
    return summary | ({"solved_epochs": float(np.median(epochs))} if epochs else {})


def _shares(table: pd.DataFrame, names: list[str]) -> dict[str, Any]:
    """Return the share of the seeds that solved it by the values of the columns `names`, nested."""
    shares: dict[str, Any] = {}
    for keys in table[names].drop_duplicates().astype(str).to_numpy().tolist():
        solved = table.loc[(table[names].astype(str) == keys).all(axis=1), "solved"].to_numpy()
        inner = shares
        for key in keys[:-1]:
            inner = inner.setdefault(key, {})
        inner[keys[-1]] = share_interval(int(solved.sum()), len(solved))._asdict()
    return shares


def hand_set_losses(model: keras.Model, patterns: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Return the mean squared error that Keras's own `evaluate` gives for labels of two shapes.

    With labels (512,) against outputs (512, 1, 1, 1), each batch of 32 is compared label by output in all 32 x 32
    pairs. The batch that holds the corner has 31 + 31 pairs that differ, of 1,024, and there are 16 batches: 62 /
    1,024 / 16 = 0.003784, though each output equals its own label.

    Args:
        model: a stack of one network, as `build(params, "hand_set")`.
        patterns: (512, 3, 3) float32.
        labels: (512,) float32.
    """
    network: Any = single_network(Setting())
    weights = zip(model.get_weights(), network.get_weights(), strict=True)
    network.set_weights([weight[0].reshape(plain.shape) for weight, plain in weights])
    losses = {}
    for name, shape in (("labels_512", (-1,)), ("labels_512_1_1_1", (-1, 1, 1, 1))):
        network.compile(loss="mse")
        losses[name] = float(network.evaluate(patterns[..., None], labels.reshape(shape), batch_size=32, verbose=0))
    return losses


def effective_kernels(model: keras.Model) -> tuple[np.ndarray, np.ndarray]:
    """Return what each network's two convolutions are together, one linear map of a 3x3 window.

    Returns:
        kernels: (R, 3, 3); of a softmax, the kernel of the corner's output less that of the other.
        offsets: (R,), what is added; the network says corner where the sum is above 0.
    """
    kernel, bias, last, offset = (np.asarray(weight, np.float64) for weight in model.get_weights())
    if last.shape[-1] == 2:
        last, offset = last[..., 1:] - last[..., :1], offset[..., 1:] - offset[..., :1]
    kernels = np.einsum("ryxif,rfo->ryx", kernel, last)
    return kernels, np.einsum("rf,rfo->r", bias, last) + offset[:, 0]


def _detect(chosen: keras.Model, template: keras.Model, data: Path) -> tuple[dict[str, Any], Any]:
    """Slide the detectors over the images; return precision and recall, and an example for the picture."""
    clean, noisy, truth = read_rectangles(data)
    detection: dict[str, Any] = {"corners": int(truth.sum()), "images": len(clean)}
    for name, images in (("clean", clean), ("noisy", noisy)):
        for prefix, model in (("", chosen), ("template_", template)):
            values = detection_scores(find_corners(model, images), truth)
            detection[prefix + name] = {
                measure: mean_interval(own, (0, 1))._asdict() if len(own) > 1 else {"mean": float(own[0])}
                for measure, own in values.items()
            }
    shown = (
        (name, images[0], find_corners(chosen, images[:1])[0, 0])
        for name, images in (("clean", clean), ("noisy", noisy))
    )
    return detection, (list(shown), truth[0])


def find_corners(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Slide the networks of a model over binary images.

    Args:
        model: as `build` returns it.
        images: (N, H, W) of 0 and 1.

    Returns:
        (N, R, H, W) bool, where each network says that there is a top-left corner. The outermost pixels, around which
        there is no window, are False.
    """
    groups = (images[start : start + _GROUP] for start in range(0, len(images), _GROUP))
    found = [np.asarray(model(group[..., None].astype(np.float32))) > 0.5 for group in groups]
    return np.pad(np.concatenate(found), ((0, 0), (0, 0), (1, 1), (1, 1)))


def detection_scores(found: np.ndarray, truth: np.ndarray) -> dict[str, np.ndarray]:
    """Return precision and recall of each network over all images, (R,); of nothing found the precision counts as 0.

    Args:
        found: (N, R, H, W) bool.
        truth: (N, H, W) bool.
    """
    right = (found & truth[:, None]).sum(axis=(0, 2, 3))
    return {"precision": right / np.maximum(1, found.sum(axis=(0, 2, 3))), "recall": right / max(1, truth.sum())}


def serving_model(folder: Path) -> keras.Model:
    """Load the networks of a variant: (B, H, W, 1) images of 0 and 1 -> (B, R, H - 2, W - 2) scores."""
    return load_model(folder)[0]


def run_keys(params: Params, data: Path) -> dict[str, str]:
    """Return for each variant a hash of all that determines its training: settings, data, libraries and code."""
    # Which others are trained beside a variant matters: a stack of another size may round otherwise.
    variants = trained_variants(params.corner)
    settings = params.corner.model_dump(mode="json", exclude={"variant", "variants", "rectangles"})
    package = Path(__file__).parent.parent
    sources = ("nn/replicates.py", "data/corner.py", "experiments/corner_training.py", "experiments/corner.py")
    files = [data / "patterns.csv", *(package / source for source in sources)]
    return {variant: hash_run([variant, sorted(variants), settings], files) for variant in variants}
