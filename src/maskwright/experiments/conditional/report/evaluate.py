"""The evaluation of all variants."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from maskwright.experiments.conditional.data import read_class_names, read_hierarchy
from maskwright.experiments.conditional.params import ORACLE, SEPARATE, UNGATED, Conditional
from maskwright.experiments.conditional.report.answers import answers_of
from maskwright.experiments.conditional.report.costs import costs
from maskwright.experiments.conditional.report.metrics import Scores, gradients_of, mean_gate, scores_of, summary_of
from maskwright.experiments.conditional.report.plots import gate_bars, gate_maps, uncertainty_curves
from maskwright.learning.common.saved import Facts, load_model
from maskwright.learning.replicates.tables import read_curves, write_examples, write_replicates
from maskwright.reporting.output import report_folder, save_figures
from maskwright.reporting.seeds import loss_curves
from maskwright.shared.experiment import Evaluation


class ConditionalFacts(Facts):
    """What is stored with the networks of a variant: how many there are, and the parameters of each."""

    seeds: int
    parameters_of_one: int


def evaluate(settings: Conditional, *, data: Path, model: Path, results: Path) -> Evaluation:
    """Score every seed of every variant on the test images.

    This function also writes pictures, and the numbers of each seed (`replicates.csv`) and of each test image
    (`examples.csv`), to `results/plots/`.

    Args:
        settings: the experiment's section of params.yaml.
        data: the folder that `maskwright generate conditional` wrote.
        model: the folder of the variants' models.
        results: the folder of the results. It holds training.csv and gets the rest.

    Returns:
        The only metric is the mean `accuracy` of the chosen variant over the seeds. The details are for each variant
        the means over the seeds, with the intervals of the seeds and of the test images:

        - `accuracy`: share of the test images whose fine class is predicted correctly;
        - `coarse_accuracy`: share of the test images whose coarse class is predicted correctly by the first head;
        - `flipped_accuracy`: `accuracy` when each share of the gate goes to the next branch, or the if-then asks the
          next network, instead (not for `none` and `plain`);
        - `likeliest_accuracy`: `accuracy` without the if-then: any of the separate networks that is the surest
          answers (only for separate networks);
        - `uncertain_accuracy`: `accuracy` on the tenth of the images with the largest entropy of the first head;
        - `uncertain_hard_accuracy`: `uncertain_accuracy` with the gate made hard (only for `soft`);
        - `uncertain_smaller_share`, `certain_smaller_share`: what the branches other than the most open one get, 1
          minus the largest share, on that tenth and on the other images (only for `soft`);
        - `below_oracle`: accuracy of `oracle` minus `accuracy` (not for `oracle`);
        - `below_soft`: accuracy of `soft` minus `accuracy`, if `soft` was trained (not for `soft`);
        - `above_none`: `accuracy` minus the accuracy of `none`, if `none` was trained (not for `none`);
        - `fall`: `accuracy` minus `flipped_accuracy`;
        - `uncertain_fall`: `uncertain_accuracy` minus `uncertain_hard_accuracy`.

        Differences are taken seed by seed and image by image. The details also have `seeds`, the number of seeds;
        `gate`, the mean share of each branch (columns) for each coarse class (rows; null for a class without a test
        image), where there is a gate; `parameters`, the number of parameters of one network (of all K + 1 where they
        are separate); `multiply_adds` and `multiply_adds_run`, see `costs.costs`; and for `soft`
        `gradient_through_switch` and `gradient_through_if_then`: the largest absolute derivative, over all seeds and
        test images, of the second head's loss by a logit of the first head, through the switch, and through an
        if-then in its place.

    Raises:
        MaskwrightError: the data or a model are missing.
    """
    names = read_class_names(data, settings.second)
    test = read_hierarchy(data, "test", settings.second)
    scores: dict[str, dict[str, np.ndarray]] = {}
    gradients: dict[str, dict[str, np.ndarray]] = {}
    gates: dict[str, np.ndarray] = {}
    facts: dict[str, dict[str, Any]] = {}
    certainty: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for variant in settings.trained_variants:
        whole, about = load_model(model / variant, ConditionalFacts)
        networks = [whole.get_layer(f"seed_{settings.seed + row}") for row in range(about.seeds)]
        answers = [answers_of(one, variant, settings, test, len(names.coarse)) for one in networks]
        scores[variant] = scores_of(answers, test)
        gradients[variant] = gradients_of(answers)
        certainty[variant] = np.stack([a.entropy for a in answers]), scores[variant]["accuracy"]
        facts[variant] = {
            "parameters": about.parameters_of_one,
            **costs(networks[0], variant, len(names.coarse)),
            **{name: float(values.max()) for name, values in gradients[variant].items()},
        }
        if variant not in UNGATED:
            gate = gates[variant] = mean_gate(answers)
            facts[variant]["gate"] = [_mean_share(gate[test.coarse == k]) for k in range(len(names.coarse))]
    variants = {variant: {**summary_of(scores, variant), **facts[variant]} for variant in scores}
    chosen = variants[settings.variant]
    evaluation = Evaluation({"accuracy": chosen["accuracy"]["mean"]}, variants)
    measured = _of_seeds(scores, gradients)
    with report_folder(results, evaluation) as plots:
        single = [variant for variant in scores if variant not in (*SEPARATE, ORACLE)]
        separate = [variant for variant in scores if variant in SEPARATE]
        # The chosen variant stands beside the separate networks too.
        panels = (
            [single, list(dict.fromkeys([settings.variant, *separate]))]
            if single and separate
            else [single + separate]
        )
        figures = {
            "loss": loss_curves(read_curves(results / "training.csv"), "loss of the training images", log=False),
            "accuracy": gate_bars(measured, ORACLE),
            "gates": gate_maps(gates, test.fine, names),
            "uncertainty": uncertainty_curves(certainty, panels),
        }
        save_figures(figures, plots)
        write_replicates(plots / "replicates.csv", measured, first_seed=settings.seed)
        write_examples(plots / "examples.csv", scores)
    return evaluation


def _of_seeds(
    scores: Mapping[str, Scores], gradients: Mapping[str, Mapping[str, np.ndarray]]
) -> dict[str, dict[str, np.ndarray]]:
    """Return for each variant the same measures (R,), NaN where the variant does not have one."""
    found = {
        variant: {**{name: values.mean(axis=1) for name, values in own.items()}, **gradients[variant]}
        for variant, own in scores.items()
    }
    names = dict.fromkeys(name for own in found.values() for name in own)
    return {
        variant: {name: own.get(name, np.full(len(own["accuracy"]), np.nan)) for name in names}
        for variant, own in found.items()
    }


def _mean_share(gates: np.ndarray) -> list[float] | None:
    return gates.mean(axis=0).tolist() if len(gates) else None
