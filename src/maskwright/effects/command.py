"""The command `maskwright effects`: trials in, a folder of tables and pictures out, and the table on the terminal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from maskwright.effects.analysis import analyse
from maskwright.effects.examples import Examples
from maskwright.effects.factors import Scale
from maskwright.effects.model import Transform
from maskwright.effects.output import write_analysis
from maskwright.effects.summary import print_analysis
from maskwright.effects.sweep_trials import sweep_trials
from maskwright.effects.trials import Trials
from maskwright.shared import terminal
from maskwright.shared.outputs import replaced_folder
from maskwright.shared.sweep_settings import Sweep


@dataclass(frozen=True)
class Choices:
    """How to analyse; see `effects.choice.choose_model` and `effects.trials.select_trials`."""

    interactions: tuple[str, ...] = ()
    transform: Transform = "none"
    scales: Mapping[str, Scale] = field(default_factory=dict)
    references: Mapping[str, str] = field(default_factory=dict)


def analyse_sweep(sweep: Sweep, table: Path, out: Path) -> None:
    """Analyse every response of a sweep, into `out`/tables/RESPONSE and `out`/plots/RESPONSE.

    Args:
        sweep: its section of params.yaml.
        table: its trials.csv.
        out: the folder of the sweep's effects.

    Raises:
        MaskwrightError: as `sweep_trials`.
    """
    with replaced_folder(out / "tables") as tables, replaced_folder(out / "plots") as plots:
        for response in sweep.responses:
            trials, examples = sweep_trials(sweep, table, response)
            folders = {"pictures": plots / response, "shown": out / "tables" / response}
            analyse_and_write(trials, Choices(), tables / response, examples=examples, **folders)


def analyse_responses(sweep: Sweep, table: Path, responses: Sequence[str], how: Choices, out: Path) -> None:
    """Analyse some responses of a sweep in another way, into `out`/RESPONSE; otherwise like `analyse_sweep`."""
    for response in responses:
        trials, examples = sweep_trials(sweep, table, response, scales=how.scales, references=how.references)
        analyse_and_write(trials, how, out / response, examples=examples)


def analyse_and_write(
    trials: Trials,
    how: Choices,
    out: Path,
    *,
    examples: Examples | None = None,
    pictures: Path | None = None,
    shown: Path | None = None,
) -> None:
    """Fit the model, write it, print it, and say where it will be (`shown` if that is not `out`)."""
    analysis = analyse(trials, interactions=how.interactions, transform=how.transform, examples=examples)
    write_analysis(analysis, out, pictures)
    print_analysis(analysis, terminal.console())
    folder = shown or out
    terminal.tell(f"Written to {folder}; read {folder / 'summary.txt'} first")
