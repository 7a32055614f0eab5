"""What determines a result, as hashes: the code, the libraries, the data and the settings.

The key of a training is made here and nowhere else: it names the training's checkpoint and its row in MLflow. The
keys of a sweep's trials are made here, too. The code that counts is the code that the stage in dvc.yaml depends on.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from maskwright.shared.errors import MaskwrightError
from maskwright.shared.experiment import Experiment, ManySeeds

PACKAGE = Path(__file__).parents[1]

_LIBRARIES = ("keras", "numpy", "tensorflow")
_LENGTH = 32


def training_keys(experiment: Experiment, settings: Any, *, gpus: int = 0) -> dict[str, str]:
    """Return for each variant a hash of all that determines its training; for one network, under the name "".

    Args:
        experiment: the experiment.
        settings: its section of params.yaml.
        gpus: how many GPUs share each batch, since their number changes the order of sums.

    Raises:
        MaskwrightError: the data are missing.
    """
    if not isinstance(experiment, ManySeeds):
        values = settings.model_dump(mode="json")
        return {"": _key(experiment, experiment.training_code, ["", values, gpus])}
    values = settings.model_dump(mode="json", exclude=settings.outside)
    return {
        variant: _key(experiment, experiment.training_code, [variant, values, gpus])
        for variant in settings.trained_variants
    }


def trial_key(experiment: Experiment, settings: Any, data: str) -> str:
    """Return a hash of all that determines a trial of a sweep.

    Args:
        experiment: the experiment that is swept.
        settings: its section of params.yaml, with the levels and the seed of the trial.
        data: hash of its data.
    """
    return _hashed([settings.model_dump(mode="json"), data, trial_code_hash(experiment)])


def trial_code_hash(experiment: Experiment) -> str:
    """Return a hash of the code that determines a trial, and of the libraries' versions."""
    return code_hash((*experiment.training_code, *experiment.trial_code))


@cache
def code_hash(places: tuple[str, ...]) -> str:
    """Return a hash of code and of the versions of the libraries that compute with it.

    Args:
        places: modules and packages below `maskwright`, as paths; a package stands for all modules in it.
    """
    digest = hashlib.sha256(" ".join(_versions(_LIBRARIES)).encode())
    for path in code_files(places):
        digest.update(f"\n{path.relative_to(PACKAGE).as_posix()}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:_LENGTH]


def code_files(places: Iterable[str]) -> list[Path]:
    """Return the modules that `places` stand for, sorted; see `code_hash`."""
    found: set[Path] = set()
    for place in places:
        path = PACKAGE / place
        found.update([path] if path.is_file() else path.rglob("*.py"))
    return sorted(found)


def content_hash(path: Path) -> str:
    """Return the MD5 under which DVC knows a file, or a folder (that of its sorted list of files, with `.dir`)."""
    if path.is_file():
        return _md5(path)
    # Python's cache files lie among the code, and .dvcignore excludes them.
    found = (file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
    files = sorted((file.relative_to(path).as_posix(), file) for file in found)
    listing = [{"md5": _md5(file), "relpath": name} for name, file in files]
    return hashlib.md5(json.dumps(listing).encode(), usedforsecurity=False).hexdigest() + ".dir"


def _key(experiment: Experiment, places: tuple[str, ...], settings: Any) -> str:
    missing = next((path for path in experiment.training_data if not path.exists()), None)
    if missing is not None:
        raise MaskwrightError(f"{missing}: no such folder; run `dvc repro {missing.parts[1]}` first")
    data = {path.as_posix(): content_hash(path) for path in experiment.training_data}
    return _hashed([settings, data, code_hash(places)])


def _hashed(values: Mapping[str, Any] | list[Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:_LENGTH]


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _versions(libraries: Iterable[str]) -> Iterator[str]:
    for library in libraries:
        try:
            yield f"{library}=={version(library)}"
        except PackageNotFoundError:
            yield f"{library} missing"
