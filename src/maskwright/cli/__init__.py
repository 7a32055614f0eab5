"""The command `maskwright`. Thin: it reads params.yaml, calls one function, and turns mistakes into one line.

What takes long to import (TensorFlow, MLflow, pandas) is imported inside the command that needs it.
"""

from typing import Annotated

import typer

from maskwright import __version__
from maskwright.cli.analysis import claims, effects, preset, report, sweep
from maskwright.cli.annotations import convert, lint, look, masks
from maskwright.cli.group import OneLineErrors
from maskwright.cli.prediction import predict_detection, predict_instances, predict_segmentation
from maskwright.cli.studies import crossvalidate, label_next, learning_curve
from maskwright.cli.tracking import register, ui
from maskwright.cli.training import demo, evaluate, export, generate, train
from maskwright.cli.upkeep import differences, mend, offline_plots, sync
from maskwright.shared.terminal import tell

app = typer.Typer(
    cls=OneLineErrors,
    help="Masks in vision models: drawn, fed, made and predicted. Run it in the folder that holds params.yaml.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
predict = typer.Typer(
    no_args_is_help=True, help="Predict masks, boxes or objects of new photographs with a trained model."
)


def _print_version(wanted: bool) -> None:
    if wanted:
        tell(f"maskwright {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version, and stop.")
    ] = False,
) -> None:
    """What stands before a command's name."""


for _command in (
    *(generate, masks, lint, look, convert),
    *(train, evaluate, export, demo),
    *(crossvalidate, learning_curve),
    *(sweep, effects, preset, claims, report),
    *(register, ui),
    *(differences, sync, mend, offline_plots),
):
    app.command()(_command)
app.command("next")(label_next)
predict.command("segmentation")(predict_segmentation)
predict.command("detection")(predict_detection)
predict.command("instances")(predict_instances)
app.add_typer(predict, name="predict")
