"""The evaluation of the masked digits: every seed of every variant on the test digits."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from maskwright.experiments.masked_digits.data import KINDS, MaskedImages, read_masked_digits
from maskwright.experiments.masked_digits.learn import layers  # noqa: F401  (a stored model is made of these layers)
from maskwright.experiments.masked_digits.learn.answers import outputs_of, read_sets, set_of
from maskwright.experiments.masked_digits.params import SINGLE, MaskedDigits
from maskwright.experiments.masked_digits.report.metrics import (
    PREFIXES,
    by_seed,
    guessing_ceiling,
    measures,
    presence_ceiling,
    summary,
    with_differences,
)
from maskwright.experiments.masked_digits.report.plots import example_images, predicted_images, way_bars
from maskwright.learning.common.saved import load_model
from maskwright.learning.replicates.tables import read_curves, write_examples, write_replicates
from maskwright.reporting.output import report_folder, save_figures
from maskwright.reporting.seeds import loss_curves
from maskwright.shared.experiment import Evaluation
from maskwright.shared.parallel import available_cores


def evaluate(settings: MaskedDigits, *, data: Path, model: Path, results: Path) -> Evaluation:
    """Score every seed of every variant on the test digits. Each is the real digit in one grid and one canvas.

    Writes metrics.json, details.json, and to `results`/plots pictures, the numbers of each seed (`replicates.csv`),
    and those of each test digit (`examples.csv`). The details are by variant, as means with intervals over the seeds
    and over the test digits; see `reporting.intervals`. For grids they are:

    - `accuracy`: share of the test digits that are named correctly (for `single`: on their own);
    - `below_bound`: accuracy of `single` less `accuracy`, seed by seed and digit by digit (not for `single`);
    - `guessing_ceiling`: the best accuracy without knowing which digit is the real one, and `presence_ceiling`: the
      best if one knows only which classes are there; see `metrics` (equal for all variants, not for `single`);
    - for the controls `expected_accuracy`, `below_ceiling` and `present`; see `metrics.measures`.

    `canvas_accuracy` and so on are the same for canvases, on which no network was trained (not for `single`).

    Args:
        settings: the experiment's section of params.yaml.
        data: the folder that `maskwright generate masked_digits` wrote.
        model: the folder of the variants' models.
        results: the folder of the results. It holds training.csv and gets the rest.

    Returns:
        The only metric is the `accuracy` of the chosen variant.
    """
    drawn = {kind: read_masked_digits(data, kind, "test") for kind in KINDS}
    outputs = _outputs(settings, data, model)
    measured: dict[str, dict[str, np.ndarray]] = {variant: {} for variant in settings.trained_variants}
    for (variant, kind), (logits, labels) in outputs.items():
        measured[variant] |= measures(logits.argmax(axis=-1), labels, drawn[kind].digits, variant, kind)
    measured = with_differences(measured)
    variants = summary(measured)
    ceilings = {
        f"{PREFIXES[kind]}{name}_ceiling": ceiling(drawn[kind].digits)
        for kind in KINDS
        for name, ceiling in (("guessing", guessing_ceiling), ("presence", presence_ceiling))
    }
    for variant, values in variants.items():
        values.update({} if variant == SINGLE else ceilings)
    chosen = variants[settings.mask]
    seeds = by_seed(measured)
    evaluation = Evaluation({"accuracy": chosen["accuracy"]["mean"]}, variants)
    with report_folder(results, evaluation) as plots:
        history = read_curves(results / "training.csv")
        shown = {kind: _seen(drawn[kind], settings.mask) for kind in KINDS}
        logits = {kind: outputs[settings.mask, kind][0] for kind in KINDS}
        figures = {
            "loss": loss_curves(history, "cross-entropy of the training digits", log=False),
            "accuracy": way_bars(seeds, SINGLE, ceilings["guessing_ceiling"], ceilings["presence_ceiling"]),
            "examples": example_images(drawn),
            "predictions": predicted_images(shown, logits, settings.mask),
        }
        save_figures(figures, plots)
        write_replicates(plots / "replicates.csv", seeds, first_seed=settings.seed)
        write_examples(plots / "examples.csv", measured)
    return evaluation


def _outputs(settings: MaskedDigits, data: Path, model: Path) -> dict[tuple[str, str], tuple[np.ndarray, np.ndarray]]:
    """Return logits (N, R, 10) for the test digits, and their labels (N,), for each variant and kind of images."""
    sets = read_sets(data, "test")
    networks = {variant: load_model(model / variant)[0] for variant in settings.trained_variants}
    # Several models at a time, since operations as small as these keep only one core busy.
    with ThreadPoolExecutor(available_cores()) as pool:
        jobs = {
            (variant, kind): pool.submit(outputs_of, network, sets, set_of(variant, kind))
            for variant, network in networks.items()
            for kind in KINDS
            if variant != SINGLE or kind == "grid"  # there is no canvas with one digit
        }
        return {key: job.result() for key, job in jobs.items()}


def _seen(drawn: MaskedImages, variant: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return images, the masks that the variant gets, and labels."""
    return drawn.images, drawn.random_masks if variant == "random" else drawn.masks, drawn.labels
