"""The trials of a sweep of params.yaml."""

from collections.abc import Mapping
from pathlib import Path

from maskwright.effects.factors import Scale
from maskwright.effects.trials import Trials, read_trials, select_trials
from maskwright.shared.sweep_settings import Sweep


def sweep_trials(
    sweep: Sweep,
    table: Path,
    response: str,
    *,
    scales: Mapping[str, Scale] | None = None,
    references: Mapping[str, str] | None = None,
) -> Trials:
    """Return the trials of a sweep.

    Args:
        sweep: its section of params.yaml, which names the factors.
        table: its trials.csv.
        response: a measure of the trials.
        scales, references: as for `trials.select_trials`.

    Raises:
        MaskwrightError: the sweep has not been run; also as for `trials.select_trials`.
    """
    return select_trials(
        read_trials(table),
        response,
        list(sweep.factors),
        declared=sweep.factors,
        scales=scales,
        references=references,
        source=str(table),
    )
