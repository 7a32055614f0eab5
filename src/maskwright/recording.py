"""Recording models and sweeps in MLflow, from params.yaml, dvc.lock and the folders of models and results."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from maskwright.catalogue import experiment, sentence
from maskwright.defaults import default_settings
from maskwright.params import Params, parse_params
from maskwright.shared.changes import ABSENT, changes
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.experiment import Experiment, ManySeeds, OneNetwork
from maskwright.shared.identity import training_keys
from maskwright.shared.processor import stored_processor
from maskwright.shared.quiet import no_chatter
from maskwright.shared.yaml_file import read_yaml
from maskwright.tracking import runs
from maskwright.tracking.inputs import Data
from maskwright.tracking.naming import training_label
from maskwright.tracking.provenance import Produced, locked_effects, locked_sweep, project_root
from maskwright.tracking.runs import Training

PARAMS = Path("params.yaml")
DRINKS = Path("data/drinks")


def record_restored(name: str, found: Produced) -> str:
    """Record what DVC restored, with the parameters in dvc.lock, and return what was done.

    Raises:
        MaskwrightError: MLflow failed.
    """
    values = read_yaml(PARAMS) if PARAMS.is_file() else {}
    params = parse_params({**values, **found.params}, Path("dvc.lock"))
    about = experiment(name)
    results = about.results if found.evaluated else None
    with mlflow_named():
        added = [runs.record(project_root(), training, results) for training in trainings_of(about, params)]
    return _done(any(added))


def record_or_warn(root: Path, trainings: list[Training], results: Path) -> None:
    """Record trainings and their evaluation, which is in `results`. If MLflow fails, only warn."""
    with _only_warned():
        for training in trainings:
            runs.record(root, training, results)


def record_effects_or_warn(name: str, params: Params, *, results: Path) -> None:
    """Add the analyses of effects to their sweep's run. If MLflow fails, only warn.

    If the sweep never ran here because its table came with the project, its run is recorded first.
    """
    from maskwright.sweeps.recording import record_sweep_effects, sync_sweep

    with _only_warned():
        if locked_sweep(name, results / "sweep" / name) is not None:
            sync_sweep(name, params, root=project_root(), results=results)
        record_sweep_effects(name, params, root=project_root(), results=results)


def record_restored_sweep(name: str, results: Path) -> str:
    """Record a sweep that DVC restored, and its effects, with the parameters in dvc.lock. Return what was done.

    Raises:
        MaskwrightError: MLflow failed.
    """
    from maskwright.sweeps.recording import record_sweep_effects, sync_sweep

    folder = results / "sweep" / name
    found = locked_sweep(name, folder)
    if found is None:
        about = experiment(read_yaml(PARAMS)["sweeps"][name]["experiment"])
        if folder.is_dir() and not about.data.is_dir():
            return f"its data, {about.data}, are missing; run `dvc repro {about.data.name}` first"
        message = f"its table, data and code are not those of dvc.lock; run `maskwright sweep {name}` again"
        return message if folder.is_dir() else "not run"
    values = read_yaml(PARAMS)
    for section, content in found.items():
        outer, _, inner = section.partition(".")
        values[outer] = {**values[outer], inner: content} if inner else content
    params = parse_params(values, Path("dvc.lock"))
    with mlflow_named():
        added = sync_sweep(name, params, root=project_root(), results=results)
        if locked_effects(name, folder, results / "effects" / name / "tables"):
            added |= record_sweep_effects(name, params, root=project_root(), results=results)
    return _done(added)


@contextmanager
def mlflow_named() -> Iterator[None]:
    """Turn an exception from MLflow into a one-line error that names MLflow.

    Raises:
        MaskwrightError: what was raised in the block.
    """
    try:
        yield
    except MaskwrightError:
        raise
    except Exception as error:
        raise MaskwrightError(f"MLflow: {' '.join(str(error).split())}") from error


def trainings_of(about: Experiment, params: Params) -> list[Training]:
    """Return what MLflow records about an experiment's model, or about each of its variants."""
    settings = params.section(about.name)
    made = about.sections if about.sections_of is None else about.sections_of(settings)
    data_name = about.name
    if "annotations" in made:
        data_name = params.annotations.root
        if Path(data_name) == DRINKS:
            made = (*made, "drinks")
    processor = str(stored_processor(about.processor) or "")
    sections = {name: params.section(name).model_dump(mode="json") for name in (about.name, *made)}
    changed = changed_settings(sections)
    # Which variant stands first, say, has no part in the training of any.
    outside = {f"{about.name}.{key}" for key in (settings.outside if isinstance(about, ManySeeds) else ())}
    shown = {
        key: value
        for key, value in changed.items()
        if not key.startswith("annotations.") and not outside.intersection((key, key.rpartition(".")[0]))
    }
    own_data = Path(data_name).name if "annotations.root" in changed else ""
    return [
        Training(
            name=about.name,
            about=sentence(about.name),
            variant=variant,
            label=training_label(shown, section=about.name, variant=variant, data=own_data),
            changed=changed,
            key=key,
            params=sections,
            data=Data(data_name, about.data, _splits(about, variant)),
            model=about.model / variant,
            history=about.history,
            processor=processor,
            best_by=about.best_by if isinstance(about, OneNetwork) else "",
            # Preparing a model for serving takes seconds, so only the chosen variant, the first one, is prepared.
            serving_model=_serving_model(about) if number == 0 else None,
        )
        for number, (variant, key) in enumerate(keys_of(about, settings).items())
    ]


def changed_settings(sections: Mapping[str, Any]) -> dict[str, Any]:
    """Return those settings of some sections that differ from the defaults, by dotted key."""
    found = changes(sections, default_settings())
    # The other sections are absent as a whole.
    return {key: value for key, value, _ in found if value is not ABSENT}


def keys_of(about: Experiment, settings: Any) -> dict[str, str]:
    """Return `shared.identity.training_keys` for this machine, where several GPUs may share each batch."""
    if isinstance(about, ManySeeds):
        return training_keys(about, settings)
    with no_chatter():
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
    return training_keys(about, settings, gpus=len(gpus))


def _serving_model(about: Experiment) -> Any:
    return lambda folder: about.serves().serving_model(folder)


def _splits(about: Experiment, variant: str) -> dict[str, str]:
    if isinstance(about, ManySeeds) and variant.startswith(about.drawn):
        return {}
    return {use: stem.format(variant=variant) for use, stem in about.splits.items()}


@contextmanager
def _only_warned() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        runs.warn(error)


def _done(added: bool) -> str:
    return "recorded" if added else "was recorded already"
