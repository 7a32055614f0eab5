"""The evaluation of the XOR experiment: every seed of every variant on every possible input."""

from pathlib import Path
from typing import Any

import numpy as np

from maskwright.experiments.xor.data import read_xor
from maskwright.experiments.xor.learn.train import EPOCH_STEPS
from maskwright.experiments.xor.params import Xor
from maskwright.experiments.xor.report.metrics import (
    QUANTILES,
    SOURCES_LOSS,
    BatchScores,
    Scores,
    batch_losses,
    batch_scores,
    best_accuracy,
    scores,
)
from maskwright.experiments.xor.report.plots import example_rows
from maskwright.learning.common.saved import Facts, load_model
from maskwright.learning.replicates.tables import read_curves, write_replicates
from maskwright.reporting.intervals import mean_interval, share_interval
from maskwright.reporting.output import report_folder, save_figures
from maskwright.reporting.seeds import loss_curves, seed_dots
from maskwright.shared.experiment import Evaluation


class XorFacts(Facts):
    """What is stored with the networks of a variant: how many there are."""

    seeds: int


def evaluate(settings: Xor, *, data: Path, model: Path, results: Path) -> Evaluation:
    """Score every seed of every variant on every possible input.

    Writes metrics.json, details.json, and to `results`/plots pictures and the numbers of each seed
    (`replicates.csv`). The details are by variant:

    - `accuracy`: share of all possible inputs that are right, as the mean over the seeds with its interval;
    - `loss`: expected sum of squares of a batch of the four cases over all inputs, as mean and as `median_loss`;
    - `solved`: share of the seeds that get every input right, with Wilson's interval; `stuck`: number of the others;
    - `certainty`: the least probability of the right answer over all possible inputs, as the mean over the seeds with
      its interval, and as `median_certainty`;
    - `batch_loss`: sums of squares of single batches, over the batches of all seeds: the quantiles 0.025, 0.5 and
      0.975 as `low`, `median` and `high`;
    - `sources_loss`: the loss that the source read from one batch, and `below_sources_loss`: the share of the batches
      with at most that loss, as the mean over the seeds with its interval; only for the source's two variants;
    - `best_possible_accuracy`: the accuracy of the best of all functions of the input.

    There is no interval over test examples, since every possible input is scored.

    Args:
        settings: the experiment's section of params.yaml.
        data: the folder that `maskwright generate xor` wrote.
        model: the folder of the variants' models.
        results: the folder of the results. It holds training.csv and gets the rest.

    Returns:
        The metrics are the accuracy and the share of solved seeds of the chosen variant.
    """
    measured: dict[str, Scores] = {}
    batches: dict[str, BatchScores] = {}
    variants: dict[str, Any] = {}
    tables = {variant: read_xor(data, variant) for variant in settings.trained_variants}
    for variant, (inputs, labels) in tables.items():
        network, about = load_model(model / variant, XorFacts)
        outputs = np.asarray(network(inputs))
        measured[variant] = scores(outputs, labels)
        batches[variant] = batch_scores(outputs, labels, SOURCES_LOSS.get(variant))
        variants[variant] = {
            **_summary(measured[variant], about.seeds),
            **_batch_summary(batches[variant], batch_losses(outputs, labels), SOURCES_LOSS.get(variant)),
            "inputs": len(inputs),
            "best_possible_accuracy": best_accuracy(inputs, labels),
        }
    chosen = variants[settings.mask]
    evaluation = Evaluation({name: chosen[name]["mean"] for name in ("accuracy", "solved")}, variants)
    with report_folder(results, evaluation) as plots:
        history = read_curves(results / "training.csv")
        epoch = f"epoch of {EPOCH_STEPS} steps"
        accuracies = {variant: values.accuracy for variant, values in measured.items()}
        ceilings = {variant: values["best_possible_accuracy"] for variant, values in variants.items()}
        figures = {
            "loss": loss_curves(history, "sum of squares of a batch", epoch=epoch),
            "accuracy": seed_dots(accuracies, "accuracy over every possible input", ceilings),
            "examples": example_rows(tables),
        }
        save_figures(figures, plots)
        by_seed = {
            variant: {**values._asdict(), **batches[variant]._asdict()} for variant, values in measured.items()
        }
        write_replicates(plots / "replicates.csv", by_seed, first_seed=settings.seed)
    return evaluation


def _summary(measured: Scores, seeds: int) -> dict[str, Any]:
    solved = int(measured.solved.sum())
    return {
        "accuracy": mean_interval(measured.accuracy, (0, 1))._asdict(),
        "loss": mean_interval(measured.loss, (0, np.inf))._asdict(),
        "median_loss": float(np.median(measured.loss)),
        "solved": share_interval(solved, seeds)._asdict(),
        "stuck": seeds - solved,
        "seeds": seeds,
    }


def _batch_summary(measured: BatchScores, losses: np.ndarray, sources_loss: float | None) -> dict[str, Any]:
    low, median, high = np.quantile(losses, QUANTILES).tolist()
    summary: dict[str, Any] = {
        "certainty": mean_interval(measured.certainty, (0, 1))._asdict(),
        "median_certainty": float(np.median(measured.certainty)),
        "batch_loss": {"low": low, "median": median, "high": high},
    }
    if sources_loss is not None:
        share = mean_interval(measured.below_sources_loss, (0, 1))._asdict()
        summary |= {"sources_loss": sources_loss, "below_sources_loss": share}
    return summary
