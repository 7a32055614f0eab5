"""What MLflow is to know of an experiment's models: from params.yaml, dvc.lock and the folders to `tracking`."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from maskwright import tracking
from maskwright.errors import MaskwrightError
from maskwright.params import Params, parse_params
from maskwright.pipeline import Produced, locked_effects, locked_sweep, project_root
from maskwright.rooms import Room, history_file, model_folder, module, results_folder, room
from maskwright.tracking import Training

PARAMS = Path("params.yaml")
DRINKS = Path("data/drinks")


def record_restored(name: str, found: Produced) -> str:
    """Record what DVC restored, with the parameters of dvc.lock; return what was done.

    Raises:
        MaskwrightError: MLflow failed.
    """
    values = yaml.safe_load(PARAMS.read_text(encoding="utf-8")) if PARAMS.is_file() else {}
    params = parse_params({**values, **found.params}, Path("dvc.lock"))
    results = results_folder(name) if found.evaluated else None
    with _mlflow_named():
        added = [tracking.record(project_root(), training, results) for training in trainings_of(name, params)]
    return _done(any(added))


def record_or_warn(root: Path, trainings: list[Training], results: Path) -> None:
    """Record trainings and their evaluation, which `results` holds; a failure of MLflow is a warning."""
    with _only_warned():
        for training in trainings:
            tracking.record(root, training, results)


def record_effects_or_warn(
    name: str, params: Params, metrics: Mapping[str, Any], folder: Path, *, results: Path
) -> None:
    """Add an analysis of effects to its sweep's run; a failure of MLflow is a warning.

    A sweep whose table came with the project, so that it never ran here, gets its run first.
    """
    from maskwright.analysis.sweep import record_sweep_effects, sync_sweep

    with _only_warned():
        if locked_sweep(name, results / "sweep" / name / "trials.csv") is not None:
            sync_sweep(name, params, root=project_root(), results=results)
        record_sweep_effects(name, params, root=project_root(), metrics=metrics, folder=folder)


@contextmanager
def _only_warned() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        tracking.warn(error)


def record_restored_sweep(name: str, results: Path) -> str:
    """Record a sweep that DVC restored, and its effects, with the parameters of dvc.lock; return what was done.

    Raises:
        MaskwrightError: MLflow failed.
    """
    from maskwright.analysis.sweep import record_sweep_effects, sync_sweep

    table = results / "sweep" / name / "trials.csv"
    found = locked_sweep(name, table)
    if found is None:
        message = f"its table, data and code are not those of dvc.lock; run `maskwright sweep {name}` again"
        return message if table.is_file() else "not run"
    values = yaml.safe_load(PARAMS.read_text(encoding="utf-8"))
    for section, content in found.items():
        outer, _, inner = section.partition(".")
        values[outer] = {**values[outer], inner: content} if inner else content
    params = parse_params(values, Path("dvc.lock"))
    with _mlflow_named():
        added = sync_sweep(name, params, root=project_root(), results=results)
        for folder in locked_effects(table, results / "effects"):
            metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
            added |= record_sweep_effects(name, params, root=project_root(), metrics=metrics, folder=folder)
    return _done(added)


@contextmanager
def _mlflow_named() -> Iterator[None]:
    """Turn what MLflow raises into a line that names it."""
    try:
        yield
    except MaskwrightError:
        raise
    except Exception as error:
        raise MaskwrightError(f"MLflow: {' '.join(str(error).split())}") from error


def _done(added: bool) -> str:
    return "recorded" if added else "was recorded already"


def trainings_of(name: str, params: Params) -> list[Training]:
    """Return what MLflow is to know of an experiment's model, or of each of its variants."""
    about, experiment = room(name), module(name)
    sections = about.sections
    if about.sections_of_regions is not None and getattr(params, name).source == "regions":
        sections = about.sections_of_regions
    data_name = name
    if "annotations" in sections:
        data_name = params.annotations.root
        if Path(data_name) == DRINKS:
            sections = (*sections, "drinks")
    keys = experiment.run_keys(params, about.data) if about.variants else {"": experiment.run_key(params, about.data)}
    return [
        Training(
            name=name,
            variant=variant,
            key=key,
            params={section: getattr(params, section).model_dump(mode="json") for section in sections},
            data_name=data_name,
            data=about.data,
            splits=_splits(about, variant),
            model=model_folder(name) / variant,
            history=history_file(name),
            # To make a model ready to serve takes seconds: of the variants only the chosen one, which is the first.
            serving_model=experiment.serving_model if number == 0 else None,
        )
        for number, (variant, key) in enumerate(keys.items())
    ]


def _splits(about: Room, variant: str) -> dict[str, str]:
    if about.drawn is not None and variant.startswith(about.drawn):
        return {}
    return {use: stem.format(variant=variant) for use, stem in about.splits.items()}
