"""The command `maskwright`. Thin: it reads params.yaml, calls one function, and turns mistakes into one line.

What takes long to import (TensorFlow, MLflow, pandas) is imported inside the command that needs it.
"""

import errno
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from typer.core import TyperGroup

from maskwright.errors import MaskwrightError
from maskwright.params import Params, load_params, parse_params
from maskwright.pipeline import Produced, produced, project_root

EXPERIMENTS = {"segmentation": ("annotations", "segmentation")}
"""Each experiment, and the sections of params.yaml that it depends on."""

MASKS = Path("data/masks")
DRINKS = Path("data/drinks")
PREDICTIONS = Path("predictions")
PARAMS = Path("params.yaml")


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

predict = typer.Typer(no_args_is_help=True, help="Predict the masks of new photographs with a trained model.")
app.add_typer(predict, name="predict")

Name = Annotated[str, typer.Argument(metavar="NAME", help=f"An experiment: {', '.join(EXPERIMENTS)}.")]
Label = Annotated[str | None, typer.Option(help="Region attribute that holds the class; default: the one that fits.")]
Classes = Annotated[str | None, typer.Option(metavar="A,B,...", help="Class names in order, without background.")]


@app.command()
def drinks() -> None:
    """Draw the generated scenes with their VIA files, into data/drinks."""
    params = load_params()
    from maskwright.data.drinks import write_drinks

    write_drinks(params.drinks, DRINKS)


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
    """Train an experiment's model, into models/NAME; one that was killed goes on where it was."""
    from maskwright.tracking import LiveTraining

    room = _room(name)
    params = load_params()
    root = project_root()
    training = _training(name, params)
    row = LiveTraining(root, training)
    try:
        room.train(
            params,
            masks=MASKS,
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
    """Evaluate a trained model on the test split, into results/NAME."""
    from maskwright import tracking

    room = _room(name)
    params = load_params()
    training = _training(name, params)
    if not training.model.is_dir():
        raise MaskwrightError(f"{training.model}: no such folder; run `maskwright train {name}` first")
    results = _results(name)
    metrics = room.evaluate(params, masks=MASKS, model=training.model, results=results)
    for key, value in metrics.items():
        if isinstance(value, int | float):
            typer.echo(f"{key:28} {value:.4f}" if isinstance(value, float) else f"{key:28} {value}")
    try:
        tracking.record(project_root(), training, results)
    except Exception as error:
        tracking.warn(error)


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
    model = _model("segmentation")
    if not model.is_dir():
        raise MaskwrightError(f"{model}: no such folder; run `maskwright train segmentation` first")
    with _no_chatter():
        import_module("maskwright.nn.inference")
    room = import_module("maskwright.experiments.predict_segmentation")
    room.predict(photographs, model=model, out=out, via=via, masks=MASKS, tile=tile, flip=flip)
    typer.echo(summary(photographs, out, via))


@app.command()
def sync() -> None:
    """Record in MLflow what DVC restored from its cache: trained models and evaluations that have no row there."""
    for name in EXPERIMENTS:
        found = produced(name, _model(name), _results(name))
        if found is None:
            message = "models and dvc.lock do not belong together; run `dvc repro` or `dvc checkout` first"
            typer.echo(f"{name}: " + (message if _model(name).is_dir() else "not trained"))
            continue
        typer.echo(f"{name}: {'recorded' if _record(name, found) else 'was recorded already'}")


def _tell(reports: dict[str, Any], out: Path) -> None:
    for name, report in reports.items():
        regions = ", ".join(f"{count} {label}" for label, count in sorted(report.per_class.items()))
        findings = f"; findings: {len(report.problems)}, see {out}/report.json" if report.problems else ""
        typer.echo(f"{name}: {report.images - report.images_unusable} masks; {regions or 'no region'}{findings}")


def _record(name: str, found: Produced) -> bool:
    from maskwright import tracking

    values = yaml.safe_load(PARAMS.read_text(encoding="utf-8")) if PARAMS.is_file() else {}
    params = parse_params({**values, **found.params}, Path("dvc.lock"))
    try:
        return tracking.record(project_root(), _training(name, params), _results(name) if found.evaluated else None)
    except MaskwrightError:
        raise
    except Exception as error:
        raise MaskwrightError(f"MLflow: {' '.join(str(error).split())}") from error


def _training(name: str, params: Params) -> Any:
    from maskwright.tracking import Training

    room = _room(name)
    sections = EXPERIMENTS[name]
    if "annotations" in sections and Path(params.annotations.root) == DRINKS:
        sections = (*sections, "drinks")
    return Training(
        name=name,
        key=room.run_key(params, MASKS),
        params={section: getattr(params, section).model_dump(mode="json") for section in sections},
        data=(params.annotations.root, MASKS),
        model=_model(name),
        history=_results(name) / "training.csv",
        serving_model=room.serving_model,
    )


def _room(name: str) -> Any:
    if name not in EXPERIMENTS:
        raise MaskwrightError(f"{name}: no such experiment; there is {', '.join(EXPERIMENTS)}")
    with _no_chatter():
        return import_module(f"maskwright.experiments.{name}")


@contextmanager
def _no_chatter() -> Iterator[None]:
    # TensorFlow's libraries write a dozen lines about this computer as they load, straight to the file descriptor.
    # TF_CPP_MIN_LOG_LEVEL=0 shows them, to find out why a GPU is not used, say. An exception's traceback is printed
    # after this, so none is lost.
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL"):
        yield
        return
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    sys.stderr.flush()
    stderr = os.dup(2)
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)


def _model(name: str) -> Path:
    return Path("models") / name


def _results(name: str) -> Path:
    return Path("results") / name


def _names(text: str | None) -> list[str] | None:
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]
