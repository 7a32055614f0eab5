"""Writing what an evaluation found."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from matplotlib.figure import Figure

from maskwright.reporting.figure import save_figure
from maskwright.shared.experiment import Evaluation
from maskwright.shared.outputs import replaced_folder, write_json


@contextmanager
def report_folder(results: Path, evaluation: Evaluation) -> Iterator[Path]:
    """Yield a new folder for pictures and tables, which becomes `results`/plots if all goes well.

    After it `results`/metrics.json and `results`/details.json are written.
    """
    with replaced_folder(results / "plots") as plots:
        yield plots
    write_json(results / "metrics.json", evaluation.metrics)
    write_json(results / "details.json", evaluation.details)


def save_figures(figures: Mapping[str, Figure], folder: Path) -> None:
    """Write each figure as `folder`/NAME.png."""
    for name, figure in figures.items():
        save_figure(figure, folder / f"{name}.png")
