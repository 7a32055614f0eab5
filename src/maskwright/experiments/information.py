"""Mutual information: how well is it estimated, and what is learned by maximising it?

    maskwright train information       with the default settings
    maskwright evaluate information

MINE (Belghazi et al. 2018, https://arxiv.org/abs/1801.04062) trains a network to bound mutual information from
below. Of pairs of Gaussian numbers the exact value is known, and two estimates that need no training stand beside it.
Between the codes of two views of a digit the bound trains the encoder too: then a linear classifier shows what the
codes know of the labels, which none has seen.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from maskwright.data.digits import read_digits
from maskwright.data.idx import SIDE
from maskwright.data.views import middle_views, random_views, sample_views
from maskwright.errors import MaskwrightError
from maskwright.experiments import information_digits, information_gaussian
from maskwright.metrics.information import gaussian_information
from maskwright.metrics.intervals import mean_interval, paired_difference
from maskwright.nn.determinism import make_deterministic
from maskwright.nn.fitting import one_thread_an_operation
from maskwright.nn.saved import load_model, save_model
from maskwright.outputs import replaced_folder, write_json
from maskwright.parallel import available_cores
from maskwright.params import Params
from maskwright.params_digits import Information
from maskwright.pipeline import hash_run
from maskwright.plots.figure import save_figure
from maskwright.plots.information import estimates_figure, views_figure
from maskwright.plots.replicates import loss_curves, seed_dots
from maskwright.replicates import read_history, write_history, write_replicates

NAME = "information"

DIGITS = "digits"
"""The variant that encodes digits; the others are pairs of Gaussian numbers."""

STATISTICS = "digits_statistics"
"""The folder, beside the variants, of what measures the mutual information between the codes of `digits`."""

MEASURES = ("mine", "binned", "nearest", "accuracy", "untrained_accuracy")

_SHOWN = (10, 3)


def trained_variants(params: Information) -> list[str]:
    """Return the variants: the digits' encoder, and one for each correlation."""
    return [DIGITS, *(variant_of(correlation) for correlation in params.correlations)]


def variant_of(correlation: float) -> str:
    """Return the name of the variant with that correlation."""
    return f"gaussian_{correlation:g}"


def dataset(params: Params, data: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return the digits of each split: images (N, 28, 28, 1) uint8 and labels (N,)."""
    del params
    return {split: _images(data, split) for split in ("train", "validation", "test")}


def _images(data: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    images, labels = read_digits(data, split)
    return images[..., None], labels


def build(params: Information, variant: str) -> keras.Model:
    """Return all seeds' networks as one, untrained.

    Of `digits`: images (B, 28, 28, 1), from 0 to 1 -> codes (B, R, latent). Of the others: pairs (B, R, 2) -> the
    statistic (B, R).
    """
    if variant == DIGITS:
        return information_digits.untrained(params.digits, _seeds(params))
    return information_gaussian.statistics(params)


def _seeds(params: Information) -> range:
    return range(params.seed, params.seed + params.digits.seeds)


def train(params: Params, *, data: Path, out: Path, history: Path) -> None:
    """Train every seed of every variant, and write the models and the history.

    Args:
        params: all parameters; `information` matters.
        data: the folder that `maskwright generate digits` wrote.
        out: gets a folder for each variant; replaced whole at the end.
        history: a CSV, see `replicates.write_history`; `information` is the bound in nats, of held-out pairs for
            Gaussian numbers and of the training batches for digits; `loss` is the same below zero.

    Raises:
        MaskwrightError: the data are missing, or too few for a batch.
    """
    settings = params.information
    images = _images(data, "train")[0]
    if settings.digits.batch_size > len(images):
        raise MaskwrightError(
            f"information.digits.batch_size: {settings.digits.batch_size:,} for {len(images):,} training images; "
            "lower it"
        )
    one_thread_an_operation()
    make_deterministic(settings.seed)
    seeds = _seeds(settings)
    curves: dict[str, dict[str, np.ndarray]] = {}
    with replaced_folder(out) as new:
        with ThreadPoolExecutor(available_cores()) as pool:
            started = information_digits.start(pool, images, settings.digits, seeds)
            # In the meantime, in this thread.
            statistics = information_gaussian.fit_statistics(settings)
            fitted = [future.result() for _, _, future in started]
        curves[DIGITS] = _curves(np.stack([reported["bound"] for reported in fitted], axis=1))
        encoders, scorers, _ = zip(*started, strict=True)
        about = {"experiment": NAME, "variant": DIGITS, "seeds": settings.digits.seeds}
        sizes = {"parameters_of_one": encoders[0].count_params()}
        save_model(information_digits.encoders_together(encoders), {**about, **sizes}, new / DIGITS)
        save_model(information_digits.statistics_together(scorers), about, new / STATISTICS)
        for correlation, (model, bounds) in statistics.items():
            variant = variant_of(correlation)
            curves[variant] = _curves(bounds)
            about = {
                "experiment": NAME,
                "variant": variant,
                "seeds": settings.seeds,
                "parameters_of_one": model.count_params() // settings.seeds,
            }
            save_model(model, about, new / variant)
    write_history(history, curves)


def _curves(bounds: np.ndarray) -> dict[str, np.ndarray]:
    return {"loss": -bounds, "information": bounds}


def evaluate(params: Params, *, data: Path, model: Path, results: Path) -> dict[str, Any]:
    """Estimate mutual information for every correlation and seed, and classify the digits by their codes.

    Writes the most important numbers to `results/metrics.json`; and to `results/plots/` pictures, all variants'
    numbers (`variants.json`) and those of each seed (`replicates.csv`). All information is in nats, and a mean over
    the seeds with its interval. For each correlation:

    - `mine`, `binned`, `nearest`: see `information_gaussian.estimates`; `exact`: the true value;
    - `mine_error`, `binned_error`, `nearest_error`: estimate less true value.

    For `digits`, whose encoders saw no label:

    - `mine`: the bound between the codes of two views of test images;
    - `accuracy`: that of a linear classifier of the codes, fitted to training images and applied to test images;
    - `untrained_accuracy`: the same with codes of the encoders as they began; `gain`: the difference, seed by seed;
    - `pixel_accuracy`: the same of the pixels themselves, which are 576 numbers in place of `latent`.

    `metrics.json` has `largest_error`: the largest distance of a correlation's mean from the true value.

    Returns:
        What `metrics.json` holds, and under `variants` what `variants.json` does.
    """
    settings = params.information
    sets = dataset(params, data)
    measured: dict[str, dict[str, np.ndarray]] = {}
    variants: dict[str, Any] = {}
    measured[DIGITS], variants[DIGITS] = _digits(settings, sets, model)
    by_correlation = {}
    for correlation in settings.correlations:
        variant = variant_of(correlation)
        found = information_gaussian.estimates(load_model(model / variant)[0], correlation, settings)
        exact = gaussian_information(correlation)
        by_correlation[correlation] = measured[variant] = found
        variants[variant] = {
            **{name: mean_interval(values)._asdict() for name, values in found.items()},
            **{f"{name}_error": mean_interval(values - exact)._asdict() for name, values in found.items()},
            "exact": exact,
            "seeds": settings.seeds,
        }
    metrics = {
        **{
            f"largest_{name}_error": max(
                abs(variants[variant_of(correlation)][f"{name}_error"]["mean"])
                for correlation in settings.correlations
            )
            for name in ("mine", "binned", "nearest")
        },
        "digits_mine": variants[DIGITS]["mine"]["mean"],
        "digits_accuracy": variants[DIGITS]["accuracy"]["mean"],
        "digits_untrained_accuracy": variants[DIGITS]["untrained_accuracy"]["mean"],
        "digits_pixel_accuracy": variants[DIGITS]["pixel_accuracy"],
    }
    with replaced_folder(results / "plots") as plots:
        history = read_history(results / "training.csv")
        save_figure(loss_curves(history, "bound / nats", "information", log=False), plots / "bound.png")
        save_figure(estimates_figure(by_correlation), plots / "estimates.png")
        rows = {f"codes, {name}": measured[DIGITS][key] for name, key in _ACCURACIES}
        pixels = metrics["digits_pixel_accuracy"]
        label = f"accuracy of a linear classifier on test digits (of their pixels: {pixels:.1%})"
        save_figure(seed_dots(rows, label, {}), plots / "codes.png")
        save_figure(_views(sets["test"][0], settings.seed), plots / "views.png")
        gaps = {
            variant: {name: found.get(name, np.full(len(found["mine"]), np.nan)) for name in MEASURES}
            for variant, found in measured.items()
        }
        write_replicates(plots / "replicates.csv", gaps, first_seed=settings.seed)
        write_json(plots / "variants.json", variants)
    write_json(results / "metrics.json", metrics)
    return {**metrics, "variants": variants}


_ACCURACIES = (("trained by MINE", "accuracy"), ("untrained", "untrained_accuracy"))


def _digits(
    settings: Information, sets: dict[str, tuple[np.ndarray, np.ndarray]], model: Path
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    seeds = _seeds(settings)
    encoders = load_model(model / DIGITS)[0]
    statistics = load_model(model / STATISTICS)[0]
    splits = ("train", "test")
    trained = [information_digits.codes_of(encoders, sets[split][0]) for split in splits]
    begun = [information_digits.codes_of(build(settings, DIGITS), sets[split][0]) for split in splits]
    labels = [sets[split][1] for split in splits]
    found = {
        "mine": information_digits.held_out_bounds(encoders, statistics, sets["test"][0], settings.seed),
        "accuracy": np.array([_linear([part[:, row] for part in trained], labels) for row in range(len(seeds))]),
        "untrained_accuracy": np.array(
            [_linear([part[:, row] for part in begun], labels) for row in range(len(seeds))]
        ),
    }
    pixels = [middle_views(sets[split][0]).reshape(len(sets[split][0]), -1) / np.float32(255) for split in splits]
    return found, {
        "mine": mean_interval(found["mine"])._asdict(),
        "accuracy": mean_interval(found["accuracy"], (0, 1))._asdict(),
        "untrained_accuracy": mean_interval(found["untrained_accuracy"], (0, 1))._asdict(),
        "gain": paired_difference(found["accuracy"], found["untrained_accuracy"])._asdict(),
        "pixel_accuracy": _linear(pixels, labels),
        "seeds": len(seeds),
    }


def _linear(inputs: list[np.ndarray], labels: list[np.ndarray]) -> float:
    """Fit a linear classifier to the first inputs (N, F) and return its accuracy on the second."""
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    return float(classifier.fit(inputs[0], labels[0]).score(inputs[1], labels[1]))


def _views(images: np.ndarray, seed: int) -> Any:
    columns, rows = _SHOWN
    pixels = images[:columns].astype(np.float32) / 255
    rng = np.random.default_rng([seed % 2**64, 3])
    seen = [np.asarray(sample_views(tf.constant(pixels), random_views(len(pixels), SIDE, rng))) for _ in range(rows)]
    return views_figure(middle_views(pixels)[..., 0], np.stack(seen)[..., 0])


def serving_model(folder: Path) -> keras.Model:
    """Load the encoders of `digits`: images (B, 28, 28, 1), from 0 to 1 -> codes (B, R, latent), R seeds."""
    return load_model(folder)[0]


def run_keys(params: Params, data: Path) -> dict[str, str]:
    """Return for each variant a hash of all that determines its training: settings, data, libraries and code."""
    settings = params.information
    package = Path(__file__).parent.parent
    about_digits = {"seed": settings.seed, **settings.digits.model_dump(mode="json")}
    about_pairs = settings.model_dump(mode="json", exclude={"digits", "correlations", "bins", "neighbours"})
    both = ("nn/mutual_information.py", f"experiments/{NAME}.py")
    of_digits = ("data/views.py", "nn/encoders.py", "nn/fitting.py", "nn/layers.py", f"experiments/{NAME}_digits.py")
    of_pairs = ("nn/replicates.py", f"experiments/{NAME}_gaussian.py")
    files = {
        True: [data / "train.npz", *(package / name for name in (*both, *of_digits))],
        False: [package / name for name in (*both, *of_pairs)],
    }
    return {
        variant: hash_run([variant, about_digits if variant == DIGITS else about_pairs], files[variant == DIGITS])
        for variant in trained_variants(settings)
    }
