"""Corners: why does such a simple network not learn?

    maskwright train corner
    maskwright evaluate corner

In the source, a 3x3 convolution and a 1x1 convolution with a hard sigmoid have to find the one corner among the 512
binary 3x3 patterns. With weights set by hand, the network finds it, but the reported loss is above zero. The source
says that training with mean squared error ends with zero everywhere, and that a softmax with two outputs learns. Here
each step from the first network to the second is a variant, trained with many seeds.
"""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from maskwright.experiments.corner.data import read_patterns
from maskwright.experiments.corner.learn.network import build
from maskwright.experiments.corner.learn.stacks import Trained, train_all
from maskwright.experiments.corner.learn.variants import (
    HAND_SET,
    LABELS,
    Setting,
    changed_setting,
    repeated,
    variant_setting,
)
from maskwright.experiments.corner.params import Corner
from maskwright.learning.common.determinism import make_deterministic
from maskwright.learning.common.saved import save_model
from maskwright.learning.replicates.tables import write_curves
from maskwright.shared.outputs import replaced_folder


def train(settings: Corner, *, data: Path, out: Path, history: Path) -> None:
    """Train every variant, all its seeds together, and write the models and the history.

    Args:
        settings: the experiment's section of params.yaml.
        data: the folder that `maskwright generate corner` wrote.
        out: the folder that gets a folder for each variant, and the outcomes for `settings.changes` and
            `settings.repeats_tried` in `changes.csv` and `repeats.csv`; replaced as a whole at the end.
        history: a CSV file; see `learning.replicates.tables.write_curves`.

    Raises:
        MaskwrightError: the data are missing or damaged.
    """
    make_deterministic(settings.seed)
    patterns, labels = read_patterns(data)
    variants = settings.trained_variants
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
                "experiment": "corner",
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
    write_curves(history, curves, epochs)


def _write_outcomes(path: Path, names: tuple[str, ...], runs: Mapping[Any, Trained], seeds: range) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow([*names, "seed", "recall", "false_positives", "solved", "solved_epoch"])
        for key, run in runs.items():
            recall, false = (run.history[name][-1].astype(int) for name in ("recall", "false_positives"))
            for row, (seed, epoch) in enumerate(zip(seeds, run.solved_epochs, strict=True)):
                outcome = [recall[row], false[row], int(epoch is not None), "" if epoch is None else epoch]
                table.writerow([*key, seed, *outcome])
