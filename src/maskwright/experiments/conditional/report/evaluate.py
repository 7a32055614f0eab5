"""The evaluation of all variants."""

from pathlib import Path
from typing import Any

import numpy as np

from maskwright.experiments.conditional.data import read_class_names, read_hierarchy
from maskwright.experiments.conditional.params import ORACLE, Conditional
from maskwright.experiments.conditional.report.answers import answers_of
from maskwright.experiments.conditional.report.costs import costs
from maskwright.experiments.conditional.report.metrics import MEASURES, measure, summary_of
from maskwright.experiments.conditional.report.plots import gate_bars, gate_maps, uncertainty_curve
from maskwright.learning.common.saved import load_model
from maskwright.learning.replicates.tables import read_curves, write_replicates
from maskwright.reporting.output import report_folder, save_figures
from maskwright.reporting.seeds import loss_curves
from maskwright.shared.experiment import Evaluation


def evaluate(settings: Conditional, *, data: Path, model: Path, results: Path) -> Evaluation:
    """Score every seed of every variant on the test images.

    Under `results/plots/` there are pictures, and the numbers of each seed (`replicates.csv`).

    Args:
        settings: the experiment's section of params.yaml.
        data: the folder that `maskwright generate conditional` wrote.
        model: the folder with a folder for each variant.
        results: the folder that has training.csv, and gets the rest.

    Returns:
        As metrics `accuracy` and `coarse_accuracy` of the chosen variant, and `oracle_accuracy`, the accuracy of
        `oracle`, all as means over the seeds. As details for each variant, as mean over the seeds with its interval:

        - `accuracy`: share of the test images whose fine class is named right;
        - `coarse_accuracy`: the same of the coarse class, by the first head;
        - `flipped_accuracy`: as `accuracy`, with each share of the gate given to the next branch (not of `none`);
        - `uncertain_accuracy`: as `accuracy`, of the tenth of the images whose first head has the largest entropy;
        - `uncertain_hard_accuracy`: the same with the gate made hard (of `soft` alone);
        - `below_oracle`: accuracy of `oracle` minus `accuracy`, seed by seed (not of `oracle`);
        - `above_none`: `accuracy` minus that of `none`, where that was trained;
        - `fall`: `accuracy` minus `flipped_accuracy`.

        Also `seeds`, their number; `gate`, the mean share of each branch (columns) for each coarse class (rows; null
        for one without a test image); `parameters`, of one network; and `multiply_adds` and `multiply_adds_run`, see
        `costs.costs`.

    Raises:
        MaskwrightError: the data or a model are missing.
    """
    names = read_class_names(data)
    test = read_hierarchy(data, "test")
    measured: dict[str, dict[str, np.ndarray]] = {}
    gates: dict[str, np.ndarray] = {}
    facts: dict[str, dict[str, Any]] = {}
    certainty: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for variant in settings.trained_variants:
        whole, about = load_model(model / variant)
        networks = [whole.get_layer(f"seed_{settings.seed + row}") for row in range(about["seeds"])]
        answers = [answers_of(one, variant, settings, test, len(names.coarse)) for one in networks]
        scores = [measure(answer, test) for answer in answers]
        measured[variant] = {name: np.array([score.get(name, np.nan) for score in scores]) for name in MEASURES}
        certainty[variant] = np.stack([a.entropy for a in answers]), np.stack([a.right for a in answers])
        gates[variant] = np.mean([a.gate for a in answers], axis=0)  # (N, K)
        facts[variant] = {
            "gate": [_mean_share(gates[variant][test.coarse == k]) for k in range(len(names.coarse))],
            "parameters": about["parameters_of_one"],
            **costs(networks[0], variant, len(names.coarse)),
        }
    variants = {variant: {**summary_of(measured, variant), **facts[variant]} for variant in measured}
    chosen = variants[settings.variant]
    metrics = {
        "accuracy": chosen["accuracy"]["mean"],
        "coarse_accuracy": chosen["coarse_accuracy"]["mean"],
        "oracle_accuracy": variants[ORACLE]["accuracy"]["mean"],
    }
    evaluation = Evaluation(metrics, variants)
    with report_folder(results, evaluation) as plots:
        gated = {variant: gate for variant, gate in gates.items() if variant != "none"}
        own = {variant: values for variant, values in certainty.items() if variant != ORACLE}
        figures = {
            "loss": loss_curves(read_curves(results / "training.csv"), "loss of the training images", log=False),
            "accuracy": gate_bars(measured, ORACLE),
            "gates": gate_maps(gated, test.fine, names),
            "uncertainty": uncertainty_curve(own),
        }
        save_figures(figures, plots)
        write_replicates(plots / "replicates.csv", measured, first_seed=settings.seed)
    return evaluation


def _mean_share(gates: np.ndarray) -> list[float] | None:
    return gates.mean(axis=0).tolist() if len(gates) else None
