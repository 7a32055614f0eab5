"""What benchmarks of accuracy share: trainings that are kept, and scores over seeds. No program of its own."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from maskwright.experiments.segmentation import held_out
from maskwright.reporting.intervals import mean_interval, paired_difference, resampled_interval
from maskwright.shared.outputs import write_json


def kept_or_made(path: Path, asked_for: Any, make: Callable[[], Mapping[str, Any]]) -> Any:
    """Return the result in a file, if it was made for the same as is asked for, or else make and write it."""
    if path.is_file() and (found := json.loads(path.read_text(encoding="utf-8")))["asked_for"] == asked_for:
        return found
    found = {"asked_for": asked_for, **make()}
    write_json(path, found)
    return found


def score_lines(
    found: Mapping[str, Sequence[Any]], classes: Sequence[str], differences: Mapping[str, tuple[str, str]]
) -> Iterator[str]:
    """Yield each network's mean score with two intervals and its scores, then differences with their intervals.

    The intervals are Student's t over the seeds, and a bootstrap over the test photographs, drawn together for both
    networks of a difference.

    Args:
        found: the results of the same seeds for each network, with `miou`, and `confusions` of each photograph.
        classes: the names.
        differences: by what each is called, the networks of which the second is subtracted from the first.
    """

    def mean_of_seeds(name: str) -> Callable[[np.ndarray], float]:
        photographs = [[{"confusion": one} for one in result["confusions"]] for result in found[name]]
        scores = [held_out.statistics(each, classes)[held_out.SCORE] for each in photographs]
        return lambda drawn: float(np.mean([score(drawn) for score in scores]))

    width = max(map(len, (*found, *differences)))
    values = {name: [one[held_out.SCORE] for one in results] for name, results in found.items()}
    means = {name: mean_of_seeds(name) for name in found}
    count = len(next(iter(found.values()))[0]["confusions"])
    for name in found:
        seeds, test = mean_interval(values[name], (0, 1)), resampled_interval(means[name], count)
        intervals = f"({seeds.low:.3f} to {seeds.high:.3f}; {test.low:.3f} to {test.high:.3f})"
        yield f"  {name:{width}} {seeds.mean:.3f} {intervals}  {' '.join(f'{value:.3f}' for value in values[name])}"
    for label, (first, second) in differences.items():
        seeds = paired_difference(values[first], values[second])
        test = resampled_interval(lambda drawn, a=means[first], b=means[second]: a(drawn) - b(drawn), count)
        intervals = f"({seeds.low:+.3f} to {seeds.high:+.3f}; {test.low:+.3f} to {test.high:+.3f})"
        yield f"  {label:{width}} {seeds.mean:+.3f} {intervals}"
