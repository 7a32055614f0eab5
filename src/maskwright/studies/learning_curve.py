"""A learning curve: the score with an eighth, a quarter, half and all of the training photographs.

    checkpoints/learning_curve/SEED-SHARE/       the data of each training
    results/learning_curve/NAME/trials.csv       a row for each training
    results/learning_curve/NAME/curve.json       the numbers of photographs, scores, law, and what twice as many bring
    results/learning_curve/NAME/curve.png        the picture

All trainings make as many steps (up to a batch), since an epoch sees `epoch_images` photographs however many there
are to see: what is compared is what more photographs bring, not what more training does. With fewer photographs, each
is seen more often, and the validation split, the same for all, chooses the epoch before that does harm.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from maskwright.params import Params
from maskwright.photos.splits import BOXES, read_classes, read_split
from maskwright.reporting.figure import BLUE, VERMILION, drawing_style, light_frame, save_figure
from maskwright.shared.exclusive import only_here
from maskwright.shared.experiment import Experiment
from maskwright.shared.outputs import write_json
from maskwright.shared.terminal import tell
from maskwright.studies.groups import group_of_each
from maskwright.studies.power_law import Doubling, PowerLaw, doubling, fit, sentence
from maskwright.studies.subsets import SHARES, nested_subsets, write_subset
from maskwright.studies.trials import DataTrial, all_finished, data_plan, held_out_experiment, held_out_module
from maskwright.sweeps.recording import run_recorded
from maskwright.sweeps.worker import Outcome

SUBSETS = Path("checkpoints/learning_curve")


def learning_curve(name: str, params: Params, *, seeds: int, root: Path, results: Path) -> None:
    """Train on each subset, and write, draw and print the curve; run again, it continues.

    Args:
        name: segmentation or detection.
        params: all parameters.
        seeds: trainings of each size, each with subsets of its own; from the section's own seed on.
        root: folder of the project, for the outcomes that survive a kill and for MLflow's store.
        results: folder for learning_curve/NAME.

    Raises:
        MaskwrightError: there are too few photographs, a training has no result, and as `run_sweep`.
    """
    about = held_out_experiment(name)
    settings = params.section(name)
    training = about.data / "train"
    count = len(read_split(training))
    with only_here(SUBSETS.with_suffix(".lock"), "a learning curve is being made"):
        trials, photographs = _subsets(about, params, range(settings.seed, settings.seed + seeds))
        fixed: dict[str, Any] = {"epoch_images": max(settings.epoch_images, count)}
        if "images" in type(settings).model_fields:
            fixed["images"] = None
        module = held_out_module(about)
        plan = data_plan(
            f"learning-curve-{name}", about, params, trials, factor="share", fixed=fixed, response=module.SCORE
        )
        out = results / "learning_curve" / name
        lines: list[str] = []

        def conclude(outcomes: Mapping[str, Outcome]) -> list[Path]:
            finished = all_finished(plan, outcomes)
            rows = [finished[start : start + len(SHARES)] for start in range(0, len(finished), len(SHARES))]
            classes = read_classes(about.data / "test")
            statistics = [[module.statistics(each.found, classes)[module.SCORE] for each in row] for row in rows]
            errors = [[_error(statistic) for statistic in row] for row in statistics]
            found = doubling(photographs, errors, group_of_each(params.annotations, about.data / "test"))
            scores = np.array([[each.measures[module.SCORE] for each in row] for row in rows])
            lines.extend(_lines(module.SCORE, photographs, scores, found))
            return _write(out, module.SCORE, photographs, scores, found, lines)

        told = run_recorded(
            plan,
            about,
            params,
            root=root,
            out=out,
            command=f"maskwright learning-curve {name}",
            conclude=conclude,
        )
    for line in lines:
        tell(line)
    tell(f"{told}, and {out / 'curve.png'}")


def _subsets(about: Experiment, params: Params, seeds: Sequence[int]) -> tuple[list[DataTrial], np.ndarray]:
    """Write the data of all trainings; return the trials, seed by seed, and (seeds, sizes) numbers of photographs."""
    training = about.data / "train"
    groups = group_of_each(params.annotations, training)
    coco = json.loads((training / BOXES).read_text(encoding="utf-8"))
    labelled = {annotation["image_id"] for annotation in coco["annotations"]}
    has_object = [image["id"] in labelled for image in coco["images"]]
    trials, sizes = [], []
    for seed in seeds:
        subsets = nested_subsets(groups, has_object, SHARES, seed)
        sizes.append([len(subset) for subset in subsets])
        for share, subset in zip(SHARES, subsets, strict=True):
            folder = SUBSETS / f"{seed}-{share:g}"
            write_subset(about.data, subset, folder)
            trials.append(DataTrial(share, seed, folder))
    return trials, np.array(sizes, float)


def _error(statistic: Any) -> Any:
    return lambda drawn: 1 - statistic(drawn)


def _lines(score: str, photographs: np.ndarray, scores: np.ndarray, found: Doubling) -> list[str]:
    sizes, means = photographs.mean(axis=0), scores.mean(axis=0)
    shown = ", ".join(f"{mean:.3f} with {size:.0f}" for size, mean in zip(sizes, means, strict=True))
    foretold = 1 - np.mean([fit(n[:-1], 1 - s[:-1])(float(n[-1])) for n, s in zip(photographs, scores, strict=True)])
    return [
        f"{score}, mean of {len(scores)} seeds: {shown} photographs",
        f"a law fitted to the smaller sizes alone foretells {foretold:.3f} with all; measured: {means[-1]:.3f}",
        sentence(score, round(float(sizes[-1])), float(means[-1]), found),
    ]


def _write(
    out: Path, score: str, photographs: np.ndarray, scores: np.ndarray, found: Doubling, lines: Sequence[str]
) -> list[Path]:
    laws = [fit(sizes, 1 - values) for sizes, values in zip(photographs, scores, strict=True)]
    numbers, picture = out / "curve.json", out / "curve.png"
    gain = found.gain
    write_json(
        numbers,
        {
            "score": score,
            "photographs": photographs.astype(int).tolist(),
            "scores": scores.tolist(),
            "laws": [law._asdict() for law in laws],
            "gain_of_twice_as_many": {
                "mean": gain.mean,
                "low": gain.low,
                "high": gain.high,
                "test_low": found.low,
                "test_high": found.high,
                "can_be_told": found.told,
            },
            "in_words": list(lines),
        },
    )
    save_figure(curve_figure(score, photographs, scores, laws), picture)
    return [numbers, picture]


def curve_figure(score: str, photographs: np.ndarray, scores: np.ndarray, laws: Sequence[PowerLaw]) -> Figure:
    """Draw the scores of each seed over the number of photographs, and the laws, up to twice as many.

    Args:
        score: its name.
        photographs: (seeds, sizes).
        scores: (seeds, sizes).
        laws: of each seed.
    """
    with drawing_style():
        figure = Figure(figsize=(6.4, 4.0), layout="constrained")
        axes = figure.subplots()
        last = float(photographs[:, -1].mean())
        grid = np.geomspace(photographs.min(), 2 * last, 60)
        curves = np.array([[1 - law(n) for n in grid] for law in laws])
        here = grid <= last
        for part, style in ((here, "-"), (~here | (grid >= grid[here][-1]), "--")):
            axes.plot(grid[part], curves.mean(axis=0)[part], style, color=BLUE, linewidth=2)
        axes.fill_between(grid, curves.min(axis=0), curves.max(axis=0), color=BLUE, alpha=0.15, linewidth=0)
        axes.plot(photographs.ravel(), scores.ravel(), "o", color=VERMILION, markersize=6, label="a training")
        axes.plot([], [], color=BLUE, linewidth=2, label="power law: mean and range of the seeds")
        axes.set_xscale("log", base=2)
        ticks = [*photographs.mean(axis=0), 2 * last]
        axes.set_xticks(ticks, [f"{tick:.0f}" for tick in ticks])
        axes.minorticks_off()
        values = np.concatenate([scores.ravel(), curves.ravel()])
        axes.set_ylim(max(0.0, values.min() - 0.05), min(1.0, values.max() + 0.05))
        axes.set_xlabel("training photographs")
        axes.set_ylabel(score)
        axes.legend(loc="lower right", fontsize=10)
        light_frame(axes, "both")
    return figure
