"""The scores of the networks of the corner experiment, and the linear maps that they compute."""

from typing import Any

import keras
import numpy as np
import pandas as pd

from maskwright.experiments.corner.data import CORNER_INDEX
from maskwright.experiments.corner.learn.orders import examples_per_epoch, steps_per_epoch
from maskwright.experiments.corner.learn.variants import Setting
from maskwright.reporting.intervals import mean_interval, paired_difference, share_interval

NEAR_INDEX = CORNER_INDEX | 0b100000000
"""The pattern that is the corner but for its first pixel, which is 1. The source looks at its output too."""

TO_LEARN = ("epochs_to_learn", "steps_to_learn", "examples_to_learn")
"""The measures of how long it takes until all patterns stay right."""


def score(network: keras.Model, patterns: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    """Score each of R networks on the 512 patterns.

    Args:
        network: the result of `learn.network.build`.
        patterns: (512, 3, 3) float32.
        labels: (512,) float32.

    Returns:
        Arrays (R,): `recall` (1 if the corner is found, else 0), `false_positives` among the other 511 patterns,
        `mse` and `largest_output` of the scores, `solved` (1 if all 512 are right, else 0), and the scores
        `corner_output` of the corner and `near_output` of the pattern `NEAR_INDEX`.
    """
    scores = np.asarray(network(patterns[..., None]))[:, :, 0, 0]  # (512, R)
    found = scores > 0.5
    recall = found[CORNER_INDEX].astype(int)
    false = found.sum(0) - recall
    return {
        "recall": recall,
        "false_positives": false,
        "largest_output": scores.max(0).astype(np.float64),
        "mse": np.square(scores - labels[:, None]).mean(0, dtype=np.float64),
        "solved": ((recall == 1) & (false == 0)).astype(int),
        "corner_output": scores[CORNER_INDEX],
        "near_output": scores[NEAR_INDEX],
    }


def time_to_learn(solved_epochs: list[int | None], number: int, setting: Setting) -> dict[str, np.ndarray]:
    """Return how long each of R networks trained until all 512 patterns stayed right.

    Args:
        solved_epochs: for each network the epoch from which they stay right, or None; empty if there was nothing to
            learn.
        number: R.
        setting: how the networks were trained.

    Returns:
        `epochs_to_learn`, and as many `steps_to_learn` (batches) and `examples_to_learn`, (R,); NaN if never.
    """
    epochs = np.array(solved_epochs or [None] * number, float)
    units = (1, steps_per_epoch(setting), examples_per_epoch(setting))
    return {name: epochs * unit for name, unit in zip(TO_LEARN, units, strict=True)}


def compare_times(slow: dict[str, np.ndarray], fast: dict[str, np.ndarray]) -> dict[str, Any]:
    """Compare how long two variants take to learn, seed by seed. A seed has the same initial weights in both.

    Args:
        slow, fast: the results of `time_to_learn`.

    Returns:
        `pairs`, the number of seeds that learn in both, and, if there are two or more, for each measure `difference`
        (slow - fast) and `ratio` (slow / fast, by its logarithm), each as `mean`, `low` and `high`.
    """
    both = np.isfinite(slow[TO_LEARN[0]]) & np.isfinite(fast[TO_LEARN[0]])
    found: dict[str, Any] = {"pairs": int(both.sum())}
    if both.sum() < 2:
        return found
    for name in TO_LEARN:
        one, other = slow[name][both], fast[name][both]
        logs = paired_difference(np.log(one), np.log(other))._asdict()
        found[name] = {
            "difference": paired_difference(one, other)._asdict(),
            "ratio": {end: float(np.exp(value)) for end, value in logs.items()},
        }
    return found


def summary(measured: dict[str, np.ndarray], solved_epochs: list[int | None]) -> dict[str, Any]:
    """Return the numbers of a variant over its seeds.

    Args:
        measured: the results of `score`, and of `time_to_learn`, which are left out.
        solved_epochs: for each seed the epoch from which all its answers stay right, or None.

    Returns:
        `seeds`, for each measure `mean`, `low` and `high`, and, if any seed gets all patterns right, the median of
        `solved_epochs`.
    """
    number = len(measured["solved"])
    found: dict[str, Any] = {"seeds": number}
    for name, values in measured.items():
        if name in TO_LEARN:
            continue
        if number == 1:
            # The network set by hand depends on no seed, so its numbers have no spread.
            interval = (float(values[0]),) * 3
        elif name in ("recall", "solved"):
            interval = share_interval(int(values.sum()), number)
        else:
            interval = mean_interval(values, (0, 511.0 if name == "false_positives" else 1.0))
        found[name] = dict(zip(("mean", "low", "high"), interval, strict=True))
    epochs = [epoch for epoch in solved_epochs if epoch is not None]
    return found | ({"solved_epochs": float(np.median(epochs))} if epochs else {})


def solved_shares(table: pd.DataFrame, names: list[str]) -> dict[str, Any]:
    """Return the share of the seeds that get all patterns right, nested by the values of the columns `names`."""
    shares: dict[str, Any] = {}
    for keys in table[names].drop_duplicates().astype(str).to_numpy().tolist():
        solved = table.loc[(table[names].astype(str) == keys).all(axis=1), "solved"].to_numpy()
        inner = shares
        for key in keys[:-1]:
            inner = inner.setdefault(key, {})
        inner[keys[-1]] = share_interval(int(solved.sum()), len(solved))._asdict()
    return shares


def effective_kernels(model: keras.Model) -> tuple[np.ndarray, np.ndarray]:
    """Combine each network's two convolutions into one linear map of a 3x3 window.

    Returns:
        kernels: (R, 3, 3); for a softmax, the kernel of the corner's output minus that of the other output.
        offsets: (R,), added to the product; the network reports a corner if the sum is above 0.
    """
    kernel, bias, last, offset = (np.asarray(weight, np.float64) for weight in model.get_weights())
    if last.shape[-1] == 2:
        last, offset = last[..., 1:] - last[..., :1], offset[..., 1:] - offset[..., :1]
    kernels = np.einsum("ryxif,rfo->ryx", kernel, last)
    return kernels, np.einsum("rf,rfo->r", bias, last) + offset[:, 0]
