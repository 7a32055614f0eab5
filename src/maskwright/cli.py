"""The command `maskwright`. Thin: it reads params.yaml, calls one function, and turns mistakes into one line.

What takes long to import (TensorFlow, MLflow, pandas) is imported inside the command that needs it.
"""

import csv
import errno
import json
import re
from collections.abc import Callable, Iterator
from enum import StrEnum
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from maskwright import __version__
from maskwright.catalogue import EXPERIMENTS, experiment
from maskwright.evaluations import print_evaluation
from maskwright.generated import GENERATED
from maskwright.params import Params, load_params
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.exclusive import only_here
from maskwright.shared.experiment import ManySeeds, OneNetwork
from maskwright.shared.lean import lean_imports
from maskwright.shared.outputs import write_json
from maskwright.shared.processor import this_processor
from maskwright.shared.quiet import no_chatter
from maskwright.shared.stopping import exit_code
from maskwright.shared.terminal import complain, console, note, tell, visible

if TYPE_CHECKING:
    from maskwright.effects.command import Choices
    from maskwright.predictions.photographs import Photograph

PARAMS = Path("params.yaml")
MASKS = Path("data/masks")
RESULTS = Path("results")
PREDICTIONS = Path("predictions")
CHECKPOINTS = Path("checkpoints")
EXPORTS = Path("exports")


_UsageError: Any = typer.BadParameter.__base__
"""The base of typer's errors about arguments, which it does not export."""


class _OneLineErrors(TyperGroup):
    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except MaskwrightError as error:
            complain(error)
            raise typer.Exit(1) from None
        except _UsageError as error:
            error.message = visible(error.message)  # which repeats an argument, perhaps the name of a file
            raise
        except OSError as error:
            # A full disk, a folder that may not be written, ...; a closed pipe is for typer to end quietly.
            if error.strerror is None or error.errno == errno.EPIPE:
                raise
            complain(f"{error.filename or 'writing'}: {error.strerror}")
            raise typer.Exit(1) from None
        except KeyboardInterrupt as interrupt:
            raise typer.Exit(exit_code(interrupt)) from None


app = typer.Typer(
    cls=_OneLineErrors,
    help="Masks in vision models: drawn, fed, made and predicted. Run it in the folder that holds params.yaml.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

predict = typer.Typer(no_args_is_help=True, help="Predict masks or boxes of new photographs with a trained model.")
app.add_typer(predict, name="predict")

Name = Annotated[str, typer.Argument(metavar="NAME", help=f"An experiment: {', '.join(EXPERIMENTS)}.")]
Label = Annotated[str | None, typer.Option(help="Region attribute that holds the class; default: the one that fits.")]
Classes = Annotated[
    str | None,
    typer.Option(
        metavar="A,B,...",
        help="Class names in order, without background; one that holds a comma in double quotes: '\"a, b\",c'.",
    ),
]
Images = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Folder of the photographs, if they are not beside the file.")
]
Recursive = Annotated[bool, typer.Option("--recursive", help="Take the photographs in the folders of folders too.")]


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


class AnnotationFormat(StrEnum):
    """What `convert` writes."""

    via = "via"
    coco = "coco"
    yolo = "yolo"
    png = "png"


@app.command()
def generate(
    name: Annotated[str, typer.Argument(metavar="NAME", help=f"A data set: {', '.join(GENERATED)}.")],
) -> None:
    """Make a generated data set, into data/NAME."""
    if name not in GENERATED:
        raise MaskwrightError(f"{name}: no such generated data; there is {', '.join(GENERATED)}")
    GENERATED[name](load_params(), Path("data") / name)


@app.command()
def masks(
    file: Annotated[Path | None, typer.Argument(help="Annotation file; default: those in params.yaml.")] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder to write; one that is there is replaced.")] = MASKS,
    onehot: Annotated[
        Path | None, typer.Option(metavar="FILE.npz", help="Also write {image name: (H, W, classes) mask}.")
    ] = None,
    label: Label = None,
    classes: Classes = None,
    images: Images = None,
    skip: Annotated[
        bool, typer.Option("--skip", help="Leave out, and report, what would otherwise stop it.")
    ] = False,
) -> None:
    """Turn annotations into index masks: one PNG for each image, and an index CSV for each split."""
    from maskwright.via.convert import convert_annotations, convert_file

    if file is not None:
        on_error = "skip" if skip else "fail"
        names = _names(classes)
        report = convert_file(
            file,
            out,
            label=label,
            classes=names,
            images=images,
            on_error=on_error,
            onehot=onehot,
            megapixels=_megapixels(),
        )
        _tell({file.name: report}, out)
        return
    if label is not None or classes is not None or images is not None or skip:
        raise typer.BadParameter(
            "belongs to a FILE; without one, params.yaml decides", param_hint="--label, --classes, --images, --skip"
        )
    _tell(convert_annotations(load_params().annotations, out, onehot=onehot), out)


@app.command()
def lint(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE|FOLDER...", help="Annotation files, and folders that hold some.")
    ],
    json_out: Annotated[Path | None, typer.Option("--json", metavar="OUT", help="Write the report here too.")] = None,
    label: Label = None,
    classes: Classes = None,
    images: Images = None,
) -> None:
    """Check annotation files; exit code 1 where something in them would be lost.

    Files that params.yaml names are read by its settings.
    """
    from maskwright.via.report import print_report, report_as_json
    from maskwright.via.targets import annotation_files, lint_all

    targets: list[Path] = []
    for file in files:
        found, others = annotation_files(file) if file.is_dir() else ([file], [])
        targets += found
        for other in others:
            note(f"passed over: {other}")
    # Outside a project there are no settings; inside one they must be right to be of use.
    annotations = load_params().annotations if PARAMS.is_file() else None
    reports = list(lint_all(targets, annotations, label=label, classes=_names(classes), images=images))
    for report in reports:
        print_report(report, console())
    if json_out is not None:
        contents = [report_as_json(report) for report in reports]
        json_out.parent.mkdir(parents=True, exist_ok=True)
        json_out.write_text(json.dumps(contents, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if not all(report.lossless for report in reports):
        raise typer.Exit(1)


@app.command()
def look(
    source: Annotated[
        Path, typer.Argument(metavar="[FILE|DIR]", help="Annotation file, or a folder of masks made from some.")
    ] = MASKS,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help=f"Folder to write into; default: {RESULTS / 'look'} for {MASKS}, else look."
        ),
    ] = None,
    most: Annotated[int, typer.Option(min=1, max=600, metavar="N", help="Photographs on the contact sheet.")] = 60,
    label: Label = None,
    classes: Classes = None,
    images: Images = None,
) -> None:
    """Show the annotations, the worst first, and what the data are like, on a page and as pictures."""
    params = load_params()
    size = params.section("segmentation").size
    folder = out or (RESULTS / "look" if source == MASKS else Path("look"))
    if source.is_dir() or source == MASKS:
        if label is not None or classes is not None or images is not None:
            raise typer.BadParameter("belongs to an annotation file", param_hint="--label, --classes, --images")
        from maskwright.looking.look import look as look_at

        lines = look_at(source, folder, size=size, title=str(source), most=most)
    else:
        from maskwright.looking.annotations import look_at_file

        lines = look_at_file(
            source,
            folder,
            size=size,
            most=most,
            label=label,
            classes=_names(classes),
            images=images,
            megapixels=params.annotations.megapixels,
        )
    for line in lines:
        tell(line)


@app.command()
def convert(
    source: Annotated[
        Path, typer.Argument(metavar="IN", help="An annotation file; or a folder of LabelMe, YOLO or index masks.")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A new file (via, coco) or folder (yolo, png).")],
    to: Annotated[AnnotationFormat, typer.Option(help="The format to write.")],
    images: Images = None,
    label: Label = None,
    classes: Classes = None,
    simplify: Annotated[
        float, typer.Option(min=0, metavar="PIXELS", help="Simplify outlines drawn from index masks by about this.")
    ] = 0.0,
    skip: Annotated[
        bool, typer.Option("--skip", help="Leave out, and report, what would otherwise stop it.")
    ] = False,
) -> None:
    """Convert annotations (VIA 1 to 3, COCO, LabelMe, YOLO, index masks) into VIA 2, COCO, YOLO or index masks.

    Everything is checked as by `lint`, and what the new format cannot hold is reported.
    """
    from maskwright.formats.convert import LossError
    from maskwright.formats.convert import convert as convert_annotations
    from maskwright.via.report import print_report

    try:
        report = convert_annotations(
            source,
            out,
            to.value,
            images=images,
            label=label,
            classes=_names(classes),
            skip=skip,
            tolerance=simplify,
            megapixels=_megapixels(),
        )
    except LossError as error:
        print_report(error.report, console())
        raise
    print_report(report, console())
    tell(f"Written to {out}")


@app.command()
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


@app.command()
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
    record_or_warn(project_root(), trainings, about.results)


@predict.command("segmentation")
def predict_segmentation(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="Photographs, and folders of them.")],
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for masks and overlays; an earlier prediction is replaced.")
    ] = PREDICTIONS / "segmentation",
    via: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT.json",
            help="Also write a new VIA 2 project with polygons to correct. The photographs must lie in its folder or "
            "below.",
        ),
    ] = None,
    tile: Annotated[
        int | None,
        typer.Option(
            min=8,
            metavar="N",
            help="For large photographs of small things: look through overlapping windows N pixels wide, not at the "
            "whole at once. Best is the N at which a window shows things as large as a training photograph did.",
        ),
    ] = None,
    flip: Annotated[bool, typer.Option("--flip", help="Average with the mirror image; takes twice as long.")] = False,
    recursive: Recursive = False,
) -> None:
    """Write for each photograph an index mask in its own resolution (NAME.png) and an overlay (NAME_overlay.jpg).

    Specks of under 16 pixels (1/62,500 of a photograph above one megapixel) are given to their surroundings.

    All images are checked first: where some cannot be read, each is named, nothing is written, and it exits with 1.
    """
    from maskwright.predictions.photographs import summary

    photographs = _photographs(images, out, via, recursive)
    model, predicting = _trained("segmentation", network="maskwright.experiments.segmentation.report.inference")
    predicting.predict(photographs, model=model, out=out, via=via, masks=MASKS, tile=tile, flip=flip)
    tell(summary(photographs, out, via))


@predict.command("detection")
def predict_detection(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="Photographs, and folders of them.")],
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for drawings and boxes; an earlier prediction is replaced.")
    ] = PREDICTIONS / "detection",
    via: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT.json",
            help="Also write a new VIA 2 project with rectangles to correct, and their scores. The photographs must "
            "lie in its folder or below.",
        ),
    ] = None,
    least_score: Annotated[
        float, typer.Option(min=0.01, max=1.0, metavar="P", help="Leave out what is less probable.")
    ] = 0.5,
    recursive: Recursive = False,
) -> None:
    """Write the boxes found (detections.json, as COCO) and each photograph with its boxes drawn (NAME_overlay.jpg).

    All images are checked first: where some cannot be read, each is named, nothing is written, and it exits with 1.
    """
    from maskwright.predictions.photographs import summary

    photographs = _photographs(images, out, via, recursive)
    model, predicting = _trained("detection", network="maskwright.experiments.detection.report.inference")
    predicting.predict(photographs, model=model, out=out, via=via, masks=MASKS, least_score=least_score)
    tell(summary(photographs, out, via, files="boxes and drawings", regions="rectangles"))


class ModelFormat(StrEnum):
    """What `export` writes."""

    onnx = "onnx"
    litert = "litert"
    savedmodel = "savedmodel"
    openvino = "openvino"


@app.command()
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

    It takes photographs of any size: resizing, scaling and, of boxes, the suppression of overlaps are inside.
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


@app.command()
def sweep(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A sweep of params.yaml, under `sweeps`.")],
) -> None:
    """Train every combination of some settings, into results/sweep/NAME/trials.csv; run again, it continues."""
    from maskwright.sweeps.recording import sweep as run
    from maskwright.tracking.provenance import project_root

    for line in run(name, load_params(), root=project_root(), results=RESULTS).split("\n"):
        tell(line)


@app.command()
def effects(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="A sweep of params.yaml, under `sweeps`.")
    ] = None,
    mlflow_experiment: Annotated[
        str | None, typer.Option(metavar="E", help="Instead of a sweep: an MLflow experiment, of any project.")
    ] = None,
    response: Annotated[
        str | None,
        typer.Option(
            metavar="METRIC", help="What was measured, as metrics.miou; of a sweep the default is in params.yaml."
        ),
    ] = None,
    factors: Annotated[
        str | None, typer.Option(metavar="A,B,...", help="Parameters that were varied. With an experiment.")
    ] = None,
    seed: Annotated[
        str | None, typer.Option(metavar="PARAMETER", help="What tells runs of the same settings apart.")
    ] = None,
    interactions: Annotated[
        list[str] | None,
        typer.Option(
            metavar="A:B",
            help="Pairs whose effects may depend on each other, `all` or `none`. Default: all if needed.",
        ),
    ] = None,
    logit: Annotated[
        bool, typer.Option("--logit", help="On the log-odds scale, for shares that come near 0 or 1.")
    ] = False,
    scale: Annotated[
        list[str] | None,
        typer.Option(metavar="FACTOR=SCALE", help="category, linear or log, as you decide."),
    ] = None,
    reference: Annotated[
        list[str] | None, typer.Option(metavar="FACTOR=LEVEL", help="The level that others are compared with.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder to write; default: in results/effects, or in effects for any other analysis.",
        ),
    ] = None,
) -> None:
    """How large the effect of each setting is, and how sure that is; see docs/effects.md."""
    with lean_imports():
        from maskwright.effects.command import Choices
        from maskwright.effects.factors import named_values, parse_scales

    how = Choices(
        interactions=tuple(interactions or ()),
        transform="logit" if logit else "none",
        scales=parse_scales(scale or []),
        references=named_values(reference or [], "--reference"),
    )
    if name is not None and mlflow_experiment is None:
        if factors is not None or seed is not None:
            raise typer.BadParameter(
                "belongs to --mlflow-experiment; of a sweep params.yaml decides", param_hint="--factors, --seed"
            )
        _effects_of_sweep(name, how, response, out)
    elif name is None and mlflow_experiment is not None:
        if response is None or factors is None:
            raise typer.BadParameter("an experiment needs both", param_hint="--response, --factors")
        from maskwright.effects.mlflow_runs import analyse_runs
        from maskwright.tracking.provenance import project_root

        folder = out or Path("effects") / re.sub(r"[^\w.-]", "_", mlflow_experiment)
        analyse_runs(mlflow_experiment, response, _names(factors) or [], seed, how, project_root(), folder)
    else:
        raise typer.BadParameter("give one of them", param_hint="NAME, --mlflow-experiment")


def _effects_of_sweep(name: str, how: "Choices", response: str | None, out: Path | None) -> None:
    """Analyse a sweep's responses, into results/effects; another way to look at them goes to another folder."""
    from maskwright.effects.command import Choices, analyse_responses, analyse_sweep
    from maskwright.recording import record_effects_or_warn
    from maskwright.sweeps.plan import sweep_section

    params = load_params()
    section, table = sweep_section(name, params), RESULTS / "sweep" / name / "trials.csv"
    if response is None and out is None and how == Choices():
        analyse_sweep(section, table, RESULTS / "effects" / name)
        record_effects_or_warn(name, params, results=RESULTS)
    else:
        wanted = [response] if response else section.responses
        analyse_responses(section, table, wanted, how, out or Path("effects") / name)


@app.command()
def preset(
    name: Name,
    chosen: Annotated[str, typer.Argument(metavar="PRESET", help="source: the settings that its author used.")],
) -> None:
    """Write a preset of an experiment into params.yaml; `git checkout params.yaml` takes it back."""
    from maskwright.presets import SOURCE, apply_preset

    experiment(name)
    if chosen != SOURCE:
        raise MaskwrightError(f"{chosen}: no such preset; there is {SOURCE}")
    told = apply_preset(name)
    for line in told:
        tell(line)
    tell("params.yaml has been changed" if told else "params.yaml has these settings already")


@app.command()
def claims() -> None:
    """Compare what the sources say with what was measured, into results/claims.md and results/claims.json."""
    from maskwright.claims.judge import judge
    from maskwright.claims.tables import print_claims, write_claims

    tables = judge([claim for name in EXPERIMENTS for claim in claims_of(name)], RESULTS)
    write_claims(tables, RESULTS)
    print_claims(tables, console(markup=True, highlight=True))


def claims_of(name: str) -> tuple[Any, ...]:
    """Return what is claimed about an experiment."""
    module = f"maskwright.experiments.{name}.claims"
    return import_module(module).CLAIMS if find_spec(module) else ()


@app.command()
def sync() -> None:
    """Record in MLflow what DVC restored from its cache: trained models and evaluations that have no row there."""
    from maskwright.tracking.locations import StoreUnavailable
    from maskwright.tracking.mending import mend as put_right

    params = load_params()  # first: what is wrong with it is not for each experiment to find
    for line in put_right():
        tell(line)
    failed = False
    for name, record in _restored(params):
        try:
            tell(f"{name}: {record()}")
        except StoreUnavailable:
            raise  # the next one would fail in the same way, as slowly
        except (MaskwrightError, OSError) as error:
            note(f"{name}: error: {' '.join(str(error).split())}")
            failed = True
    if failed:
        raise typer.Exit(1)


def _restored(params: Params) -> Iterator[tuple[str, Callable[[], str]]]:
    """Yield each experiment and sweep, with what records it and says what was done."""
    from maskwright.recording import record_restored, record_restored_sweep
    from maskwright.tracking.provenance import produced

    def record(name: str) -> str:
        about = EXPERIMENTS[name]
        found = produced(name, about.model, about.results)
        if found is None:
            message = "models and dvc.lock do not belong together; run `dvc repro` or `dvc checkout` first"
            return message if about.model.is_dir() else "not trained"
        with no_chatter():
            about.serves()
        return record_restored(name, found)

    for name in EXPERIMENTS:
        yield name, partial(record, name)
    for name in params.sweeps.entries:
        yield f"sweep {name}", partial(record_restored_sweep, name, RESULTS)


@app.command()
def mend() -> None:
    """Put right what a kill of `dvc repro`, or a move of the project, left behind; nothing where all is well."""
    from maskwright.tracking.mending import mend as put_right

    for line in put_right():
        tell(line)


@app.command()
def differences() -> None:
    """Say which results differ from the committed ones, and why; nothing where all are the same."""
    from maskwright.differences import differences as found

    for line in found():
        tell(line)


def _photographs(images: list[Path], out: Path, via: Path | None, recursive: bool) -> "list[Photograph]":
    """Find the photographs to predict, and say what was passed over in folders."""
    from maskwright.predictions.photographs import find_photographs, passed_over

    for line in passed_over(images, out=out, recursive=recursive):
        note(line)
    return find_photographs(images, out=out, via=via, recursive=recursive, megapixels=_megapixels())


def _megapixels() -> float:
    """Return annotations.megapixels, and its default where there is no params.yaml."""
    from maskwright.photos.images import MEGAPIXELS

    return load_params().annotations.megapixels if PARAMS.is_file() else MEGAPIXELS


def _trained(name: str, *, network: str) -> tuple[Path, Any]:
    """Return the folder of an experiment's model, and the module that predicts with it.

    `network` is the first to import TensorFlow, which is not to be heard.
    """
    model = experiment(name).model
    if not model.is_dir():
        raise MaskwrightError(f"{model}: no such folder; run `maskwright train {name}` first")
    with no_chatter():
        import_module(network)
    return model, import_module(f"maskwright.experiments.{name}.predict")


def _tell(reports: dict[str, Any], out: Path) -> None:
    for name, report in reports.items():
        regions = ", ".join(f"{count} {label}" for label, count in sorted(report.per_class.items()))
        findings = f"; findings: {len(report.problems)}, see {out}/report.json" if report.problems else ""
        masks = report.images - report.images_unusable
        tell(f"{name}: {masks} {'mask' if masks == 1 else 'masks'}; {regions or 'no region'}{findings}")


def _names(text: str | None) -> list[str] | None:
    """Return the names in a line of CSV, which quotes a name that holds a comma."""
    if text is None:
        return None
    row = next(csv.reader([text], skipinitialspace=True), [])
    return [name.strip() for name in row if name.strip()]
