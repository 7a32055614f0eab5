"""The trials of a sweep of params.yaml."""

from collections.abc import Mapping
from pathlib import Path

from maskwright.effects.examples import Examples, read_examples
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
) -> tuple[Trials, Examples]:
    """Return the trials of a sweep, and what they measured on each test example.

    Args:
        sweep: its section of params.yaml, which names the factors.
        table: its trials.csv; `examples.csv` may lie beside it.
        response: a measure of the trials.
        scales, references: as for `trials.select_trials`.

    Raises:
        MaskwrightError: the sweep has not been run; also as for `trials.select_trials` and `examples.read_examples`.
    """
    rows, factors = read_trials(table), list(sweep.factors)
    trials = select_trials(
        rows,
        response,
        factors,
        declared=sweep.factors,
        scales=scales,
        references=references,
        source=str(table),
    )
    return trials, read_examples(table.with_name("examples.csv"), rows, factors, trials)
