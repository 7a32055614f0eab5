"""What MLflow is to know of an experiment's models: from params.yaml, dvc.lock and the folders to `tracking`."""

from pathlib import Path

import yaml

from maskwright import tracking
from maskwright.errors import MaskwrightError
from maskwright.params import Params, parse_params
from maskwright.pipeline import Produced, project_root
from maskwright.rooms import history_file, model_folder, module, results_folder, room
from maskwright.tracking import Training

PARAMS = Path("params.yaml")
DRINKS = Path("data/drinks")


def record_restored(name: str, found: Produced) -> bool:
    """Record what DVC restored, with the parameters of dvc.lock; return whether MLflow did not have it yet.

    Raises:
        MaskwrightError: MLflow failed.
    """
    values = yaml.safe_load(PARAMS.read_text(encoding="utf-8")) if PARAMS.is_file() else {}
    params = parse_params({**values, **found.params}, Path("dvc.lock"))
    results = results_folder(name) if found.evaluated else None
    try:
        added = [tracking.record(project_root(), training, results) for training in trainings_of(name, params)]
    except MaskwrightError:
        raise
    except Exception as error:
        raise MaskwrightError(f"MLflow: {' '.join(str(error).split())}") from error
    return any(added)


def record_or_warn(root: Path, trainings: list[Training], results: Path) -> None:
    """Record trainings and their evaluation, which `results` holds; a failure of MLflow is a warning."""
    try:
        for training in trainings:
            tracking.record(root, training, results)
    except Exception as error:
        tracking.warn(error)


def trainings_of(name: str, params: Params) -> list[Training]:
    """Return what MLflow is to know of an experiment's model, or of each of its variants."""
    about, experiment = room(name), module(name)
    sections = about.sections
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
            splits={use: stem.format(variant=variant) for use, stem in about.splits.items()},
            model=model_folder(name) / variant,
            history=history_file(name),
            # To make a model ready to serve takes seconds: of the variants only the chosen one, which is the first.
            serving_model=experiment.serving_model if number == 0 else None,
        )
        for number, (variant, key) in enumerate(keys.items())
    ]
