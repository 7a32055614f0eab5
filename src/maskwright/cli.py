"""The command `maskwright`. Thin: it reads params.yaml, calls one function, and turns mistakes into one line.

What takes long to import (TensorFlow, MLflow, pandas) is imported inside the command that needs it.
"""

import errno
import json
import re
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from maskwright.data.generated import GENERATED
from maskwright.errors import MaskwrightError
from maskwright.params import load_params
from maskwright.pipeline import produced, project_root
from maskwright.quiet import no_chatter
from maskwright.recording import (
    record_effects_or_warn,
    record_or_warn,
    record_restored,
    record_restored_sweep,
    trainings_of,
)
from maskwright.rooms import ROOMS, history_file, model_folder, module, results_folder, room

MASKS = Path("data/masks")
RESULTS = Path("results")
PREDICTIONS = Path("predictions")


class _OneLineErrors(TyperGroup):
    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except MaskwrightError as error:
            typer.echo(f"maskwright: error: {error}", err=True)
            raise typer.Exit(1) from None
        except OSError as error:
            # A full disk, a folder that may not be written, ...; a closed pipe is for typer to end quietly.
            if error.strerror is None or error.errno == errno.EPIPE:
                raise
            typer.echo(f"maskwright: error: {error.filename or 'writing'}: {error.strerror}", err=True)
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            raise typer.Exit(130) from None


app = typer.Typer(
    cls=_OneLineErrors,
    help="Masks in vision models: drawn, fed, made and predicted. Run it in the folder that holds params.yaml.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

predict = typer.Typer(no_args_is_help=True, help="Predict masks or boxes of new photographs with a trained model.")
app.add_typer(predict, name="predict")

Name = Annotated[str, typer.Argument(metavar="NAME", help=f"An experiment: {', '.join(ROOMS)}.")]
Label = Annotated[str | None, typer.Option(help="Region attribute that holds the class; default: the one that fits.")]
Classes = Annotated[str | None, typer.Option(metavar="A,B,...", help="Class names in order, without background.")]


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
    skip: Annotated[
        bool, typer.Option("--skip", help="Leave out, and report, what would otherwise stop it.")
    ] = False,
) -> None:
    """Turn annotations into index masks: one PNG for each image, and an index CSV for each split."""
    from maskwright.via.convert import convert_annotations, convert_file

    if file is not None:
        on_error = "skip" if skip else "fail"
        names = _names(classes)
        report = convert_file(file, out, label=label, classes=names, on_error=on_error, onehot=onehot)
        _tell({file.name: report}, out)
        return
    if label is not None or classes is not None or skip:
        raise typer.BadParameter(
            "belongs to a FILE; without one, params.yaml decides", param_hint="--label, --classes, --skip"
        )
    _tell(convert_annotations(load_params().annotations, out, onehot=onehot), out)


@app.command()
def lint(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Annotation files, beside their images.")],
    json_out: Annotated[Path | None, typer.Option("--json", metavar="OUT", help="Write the report here too.")] = None,
    label: Label = None,
    classes: Classes = None,
) -> None:
    """Check annotation files; exit code 1 where something in them would be lost."""
    from rich.console import Console

    from maskwright.via import lint as via
    from maskwright.via.report import print_report, report_as_json

    reports = [via.lint(file, label=label, classes=_names(classes)) for file in files]
    for report in reports:
        print_report(report, Console())
    if json_out is not None:
        contents = [report_as_json(report) for report in reports]
        json_out.parent.mkdir(parents=True, exist_ok=True)
        json_out.write_text(json.dumps(contents, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if not all(report.lossless for report in reports):
        raise typer.Exit(1)


@app.command()
def train(name: Name) -> None:
    """Train an experiment's model or models, into models/NAME."""
    about, params = room(name), load_params()
    experiment = module(name)
    if about.variants:
        # MLflow gets their rows with their evaluation: its start takes as long as some of these trainings.
        experiment.train(params, data=about.data, out=model_folder(name), history=history_file(name))
        return
    from maskwright.tracking import LiveTraining

    root = project_root()
    (training,) = trainings_of(name, params)
    row = LiveTraining(root, training)
    try:
        experiment.train(
            params,
            data=about.data,
            out=training.model,
            history=training.history,
            checkpoints=root / "checkpoints",
            log_epoch=row.log_epoch,
        )
    except BaseException as error:
        row.stop(killed=isinstance(error, KeyboardInterrupt))
        raise
    row.finish()


@app.command()
def evaluate(name: Name) -> None:
    """Evaluate what was trained on the test split, into results/NAME."""
    about, params = room(name), load_params()
    model, results = model_folder(name), results_folder(name)
    experiment = module(name)
    trainings = trainings_of(name, params)
    missing = next((training.model for training in trainings if not training.model.is_dir()), None)
    if missing:
        raise MaskwrightError(f"{missing}: no such folder; run `maskwright train {name}` first")
    metrics = experiment.evaluate(params, data=about.data, model=model, results=results)
    _show(metrics)
    record_or_warn(project_root(), trainings, results)


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
) -> None:
    """Write for each photograph an index mask in its own resolution (NAME.png) and an overlay (NAME_overlay.jpg).

    Specks of under 16 pixels (1/62,500 of a photograph above one megapixel) are given to their surroundings.

    All images are checked first: where some cannot be read, each is named, nothing is written, and it exits with 1.
    """
    from maskwright.photographs import find_photographs, summary

    photographs = find_photographs(images, out=out, via=via)
    model, predicting = _trained("segmentation", network="maskwright.nn.inference")
    predicting.predict(photographs, model=model, out=out, via=via, masks=MASKS, tile=tile, flip=flip)
    typer.echo(summary(photographs, out, via))


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
) -> None:
    """Write the boxes found (detections.json, as COCO) and each photograph with its boxes drawn (NAME_overlay.jpg).

    All images are checked first: where some cannot be read, each is named, nothing is written, and it exits with 1.
    """
    from maskwright.photographs import find_photographs, summary

    photographs = find_photographs(images, out=out, via=via)
    model, predicting = _trained("detection", network="maskwright.nn.detector")
    predicting.predict(photographs, model=model, out=out, via=via, masks=MASKS, least_score=least_score)
    typer.echo(summary(photographs, out, via, files="boxes and drawings", regions="rectangles"))


@app.command()
def sweep(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A sweep of params.yaml, under `sweeps`.")],
) -> None:
    """Train every combination of some settings, into results/sweep/NAME/trials.csv; run again, it continues."""
    from maskwright.analysis.sweep import sweep as run

    typer.echo(run(name, load_params(), root=project_root(), results=RESULTS))


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
        list[str] | None, typer.Option(metavar="A:B", help="Pairs whose effects may depend on each other, or `all`.")
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
    from rich.console import Console

    from maskwright.analysis.factors import named_values, parse_scales
    from maskwright.analysis.load import experiment_trials, sweep_trials
    from maskwright.analysis.report import print_analysis
    from maskwright.analysis.study import analyse
    from maskwright.analysis.write import write_analysis

    choices = {"scales": parse_scales(scale or []), "references": named_values(reference or [], "--reference")}
    if name is not None and mlflow_experiment is None:
        if not factors is seed is None:
            raise typer.BadParameter(
                "belongs to --mlflow-experiment; of a sweep params.yaml decides", param_hint="--factors, --seed"
            )
        params = load_params()
        trials = sweep_trials(name, params, RESULTS, response=response, **choices)
        label = name if response in (None, params.sweeps.entries[name].response) else f"{name}-{response}"
        # results/ holds the sweep's one analysis that the pipeline makes; another way to look at it goes elsewhere.
        usual = not (interactions or logit or scale or reference)
        folder = out or (RESULTS / "effects" / label if usual else Path("effects") / label)
    elif name is None and mlflow_experiment is not None:
        if response is None or factors is None:
            raise typer.BadParameter("an experiment needs both", param_hint="--response, --factors")
        named = _names(factors) or []
        trials = experiment_trials(mlflow_experiment, project_root(), response, named, seed=seed, **choices)
        folder = out or Path("effects") / re.sub(r"[^\w.-]", "_", mlflow_experiment)
    else:
        raise typer.BadParameter("give one of them", param_hint="NAME, --mlflow-experiment")
    analysis = analyse(trials, interactions=interactions or (), transform="logit" if logit else "none")
    metrics = write_analysis(analysis, folder)
    print_analysis(analysis, Console())
    typer.echo(f"Written to {folder}; read {folder / 'summary.txt'} first")
    if name is not None and out is None and folder.parent == RESULTS / "effects":
        record_effects_or_warn(name, load_params(), metrics, folder, results=RESULTS)


@app.command()
def claims() -> None:
    """Compare what the sources say with what was measured, into results/claims.md and results/claims.json."""
    from rich.console import Console

    from maskwright.analysis.claims import judge, print_claims, write_claims
    from maskwright.analysis.statements import CLAIMS

    rows = judge(CLAIMS, RESULTS)
    write_claims(rows, RESULTS)
    print_claims(rows, Console())


@app.command()
def sync() -> None:
    """Record in MLflow what DVC restored from its cache: trained models and evaluations that have no row there."""
    for name in ROOMS:
        model = model_folder(name)
        found = produced(name, model, results_folder(name))
        if found is None:
            message = "models and dvc.lock do not belong together; run `dvc repro` or `dvc checkout` first"
            typer.echo(f"{name}: " + (message if model.is_dir() else "not trained"))
            continue
        typer.echo(f"{name}: {record_restored(name, found)}")
    for name in load_params().sweeps.entries:
        typer.echo(f"sweep {name}: {record_restored_sweep(name, RESULTS)}")


def _trained(name: str, *, network: str) -> tuple[Path, Any]:
    """Return the folder of an experiment's model, and the module that predicts with it.

    `network` is the first to import TensorFlow, which is not to be heard.
    """
    model = model_folder(name)
    if not model.is_dir():
        raise MaskwrightError(f"{model}: no such folder; run `maskwright train {name}` first")
    with no_chatter():
        import_module(network)
    return model, import_module(f"maskwright.experiments.predict_{name}")


def _tell(reports: dict[str, Any], out: Path) -> None:
    for name, report in reports.items():
        regions = ", ".join(f"{count} {label}" for label, count in sorted(report.per_class.items()))
        findings = f"; findings: {len(report.problems)}, see {out}/report.json" if report.problems else ""
        typer.echo(f"{name}: {report.images - report.images_unusable} masks; {regions or 'no region'}{findings}")


def _show(metrics: dict[str, Any]) -> None:
    """Print the numbers of the chosen model, and a line for each variant: means, with intervals behind them."""
    for key, value in metrics.items():
        if isinstance(value, int | float):
            typer.echo(f"{key:28} {value:.4f}" if isinstance(value, float) else f"{key:28} {value}")
    for variant, values in metrics.get("variants", {}).items():
        shown = [
            f"{key} {value['mean']:.3f} ({value['low']:.3f} to {value['high']:.3f})"
            for key, value in values.items()
            if isinstance(value, dict) and {"mean", "low", "high"} == set(value)
        ]
        typer.echo(f"{variant:15} " + "  ".join(shown))


def _names(text: str | None) -> list[str] | None:
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]
