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

    This function also writes pictures, and the numbers of each seed (`replicates.csv`), to `results/plots/`.

    Args:
        settings: the experiment's section of params.yaml.
        data: the folder that `maskwright generate conditional` wrote.
        model: the folder of the variants' models.
        results: the folder of the results. It holds training.csv and gets the rest.

    Returns:
        The only metric is the mean `accuracy` of the chosen variant over the seeds. The details are for each variant
        the means over the seeds, with their intervals:

        - `accuracy`: share of the test images whose fine class is predicted correctly;
        - `coarse_accuracy`: share of the test images whose coarse class is predicted correctly by the first head;
        - `flipped_accuracy`: `accuracy` when each share of the gate goes to the next branch instead (not for `none`);
        - `uncertain_accuracy`: `accuracy` on the tenth of the images with the largest entropy of the first head;
        - `uncertain_hard_accuracy`: `uncertain_accuracy` with the gate made hard (only for `soft`);
        - `below_oracle`: accuracy of `oracle` minus `accuracy`, seed by seed (not for `oracle`);
        - `above_none`: `accuracy` minus the accuracy of `none`, if `none` was trained;
        - `fall`: `accuracy` minus `flipped_accuracy`.

        They also have `seeds`, the number of seeds; `gate`, the mean share of each branch (columns) for each coarse
        class (rows; null for a class without a test image); `parameters`, the number of parameters of one network;
        and `multiply_adds` and `multiply_adds_run`, see `costs.costs`.

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
    evaluation = Evaluation({"accuracy": chosen["accuracy"]["mean"]}, variants)
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
