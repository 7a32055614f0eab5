"""Commands that make data and models: generate, train, evaluate, export, demo."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from maskwright.catalogue import EXPERIMENTS, experiment
from maskwright.cli.options import Name
from maskwright.evaluations import print_evaluation
from maskwright.generated import GENERATED
from maskwright.params import Params, load_params
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.exclusive import only_here
from maskwright.shared.experiment import Evaluation, Experiment, ManySeeds, OneNetwork
from maskwright.shared.outputs import write_json
from maskwright.shared.processor import this_processor
from maskwright.shared.quiet import no_chatter
from maskwright.shared.terminal import tell

CHECKPOINTS = Path("checkpoints")
EXPORTS = Path("exports")


class ModelFormat(StrEnum):
    """What `export` writes."""

    onnx = "onnx"
    litert = "litert"
    savedmodel = "savedmodel"
    openvino = "openvino"


def generate(
    name: Annotated[str, typer.Argument(metavar="NAME", help=f"A data set: {', '.join(GENERATED)}.")],
) -> None:
    """Make a generated data set, into data/NAME."""
    if name not in GENERATED:
        raise MaskwrightError(f"{name}: no such generated data; there is {', '.join(GENERATED)}")
    GENERATED[name](load_params(), Path("data") / name)


def train(name: Name) -> None:
    """Train an experiment's model or models, into models/NAME."""
    about, params = experiment(name), load_params()
    with only_here(CHECKPOINTS / f"{name}.lock", f"{name} is training"):
        if isinstance(about, ManySeeds):
            with no_chatter():
                learning = about.learns()
            # MLflow gets their rows with their evaluation: its start takes as long as some of these trainings.
            learning.train(params.section(name), data=about.data, out=about.model, history=about.history)
        elif isinstance(about, OneNetwork):
            _train_live(about, params)
        write_json(about.processor, this_processor()._asdict())
    _say_what_holds_it_back(about, params)


def _train_live(about: OneNetwork, params: Params) -> None:
    """Train one network, with a row in MLflow that shows how the training goes."""
    from maskwright.recording import trainings_of
    from maskwright.tracking.provenance import project_root
    from maskwright.tracking.runs import LiveTraining

    with no_chatter():
        learning = about.learns()
    root = project_root()
    (training,) = trainings_of(about, params)
    checkpoint = root / CHECKPOINTS / about.name / training.key
    # Queued experiments train in copies of the project, several at a time, but the checkpoints are in one place.
    with only_here(checkpoint.with_suffix(".lock"), f"{about.name} is training with the same settings"):
        row = LiveTraining(root, training)
        try:
            learning.train(
                params.section(about.name),
                data=about.data,
                out=training.model,
                history=training.history,
                checkpoint=checkpoint,
                log_epoch=row.log_epoch,
            )
        except BaseException as error:
            row.stop(killed=isinstance(error, KeyboardInterrupt))
            raise
        row.finish()


def _say_what_holds_it_back(about: Experiment, params: Params, found: Evaluation | None = None) -> None:
    """Print the diagnosis of a training or, with what it found, of an evaluation, where there is one."""
    from maskwright.diagnosis.gather import facts_of_evaluation, facts_of_training, has_diagnosis
    from maskwright.diagnosis.lines import diagnose

    if not has_diagnosis(about.name):
        return
    settings = params.section(about.name)
    facts = facts_of_training(about, settings) if found is None else facts_of_evaluation(about, settings, found)
    for line in diagnose(facts) if facts else []:
        tell(line)


def evaluate(name: Name) -> None:
    """Evaluate what was trained on the test split, into results/NAME."""
    from maskwright.recording import record_or_warn, trainings_of
    from maskwright.tracking.provenance import project_root

    about, params = experiment(name), load_params()
    with no_chatter():
        reporting = about.reports()
    trainings = trainings_of(about, params)
    missing = next((training.model for training in trainings if not training.model.is_dir()), None)
    if missing:
        raise MaskwrightError(f"{missing}: no such folder; run `maskwright train {name}` first")
    found = reporting.evaluate(params.section(name), data=about.data, model=about.model, results=about.results)
    print_evaluation(found)
    _say_what_holds_it_back(about, params, found)
    record_or_warn(project_root(), trainings, about.results)


def export(
    name: Name,
    to: Annotated[ModelFormat, typer.Option(help="The format to write.")],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Folder to write; an earlier export is replaced. Default: exports/NAME/FORMAT"
        ),
    ] = None,
) -> None:
    """Write a trained model so that it runs without this project, with an example that runs it.

    It takes photographs of any size. Inside are resizing, scaling, the suppression of boxes that overlap, and the
    grouping of pixels into objects.
    """
    from maskwright.serving.export import EXAMPLE, check_export
    from maskwright.serving.export import export as export_model

    about = experiment(name)
    if about.shows is None:
        possible = ", ".join(name for name, each in EXPERIMENTS.items() if each.shows is not None)
        raise MaskwrightError(f"{name}: its model does not take photographs; there is {possible}")
    folder = out or EXPORTS / name / to.value
    if not about.model.is_dir():
        raise MaskwrightError(f"{about.model}: no such folder; run `maskwright train {name}` first")
    check_export(to.value, folder)
    with no_chatter():
        from maskwright.learning.common.saved import read_about

        model = about.serves().serving_model(about.model)  # first: it checks what is said about the model
        classes = read_about(about.model)["classes"]
        export_model(model, to.value, folder, name=name, classes=classes, shows=about.shows())
    tell(f"Written to {folder}; run it with `python {folder / EXAMPLE} PHOTOGRAPH...`")


def demo() -> None:
    """Go from data to predictions and a report in three minutes, in the folder `demo`; nothing else is touched."""
    from maskwright.demo import demo as run

    run()
