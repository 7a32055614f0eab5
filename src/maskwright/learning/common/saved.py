"""A trained model as a folder: `config.json` (architecture), `model.weights.h5`, `about.json` (classes, size, ...).

A `.keras` archive would store the time of writing, so the files of equal models would differ.
"""

import json
import warnings
from pathlib import Path
from typing import Any, TypeVar, overload

import keras
from pydantic import BaseModel, ConfigDict, ValidationError

from maskwright.shared.errors import MaskwrightError
from maskwright.shared.outputs import replaced_folder, require_room, write_json

_OVERHEAD = 2**20
"""Bytes that the files of a model take beside its weights, generously."""

_LONGEST = 200


class Facts(BaseModel):
    """What a reader of a model needs of its `about.json`; what else is there is left alone."""

    model_config = ConfigDict(strict=True, frozen=True)


F = TypeVar("F", bound=Facts)


def save_model(model: keras.Model, about: dict[str, Any], folder: Path) -> None:
    """Write a model with one input and one output. The folder is replaced only when its new content is complete.

    Raises:
        MaskwrightError: there is not room enough for it.
    """
    # The same layers without what training added. The optimizer's state would take twice the space of the weights.
    plain = keras.Model(model.input, model.output, name=model.name)
    with replaced_folder(folder) as new:
        # HDF5 takes the process down with it if the disk is full.
        require_room(new, sum(weight.size * weight.dtype.itemsize for weight in plain.get_weights()) + _OVERHEAD)
        write_json(new / "config.json", json.loads(plain.to_json()))
        plain.save_weights(new / "model.weights.h5")
        write_json(new / "about.json", about)


@overload
def load_model(folder: Path) -> tuple[keras.Model, dict[str, Any]]: ...
@overload
def load_model(folder: Path, facts: type[F]) -> tuple[keras.Model, F]: ...
def load_model(folder: Path, facts: type[Facts] | None = None) -> tuple[keras.Model, Any]:
    """Read what `save_model` wrote. The modules that define a model's own layers must have been imported.

    The folder may come from somebody else: Keras, in its safe mode, builds layers that are its own or registered, and
    runs no code from the file.

    Args:
        folder: the model's folder.
        facts: what `about.json` must hold; None where nothing of it is needed.

    Returns:
        The model and its facts, without `facts` as they stand in the file.

    Raises:
        MaskwrightError: a file is missing or damaged, or the facts are not there.
    """
    about = read_about(folder)
    try:
        found = about if facts is None else facts.model_validate(about)
    except ValidationError as error:
        keys = ", ".join(dict.fromkeys(str(item["loc"][0]) for item in error.errors() if item["loc"]))
        raise MaskwrightError(
            f"{folder / 'about.json'}: {keys[:_LONGEST]}: missing, or not what it should be; train the model again"
        ) from None
    try:
        model = keras.models.model_from_json((folder / "config.json").read_text(encoding="utf-8"))
        with warnings.catch_warnings():
            # Keras only warns about a file that lacks a layer.
            warnings.filterwarnings("error", message="Skipping nested container")
            model.load_weights(folder / "model.weights.h5")
    # Of a damaged file, each of json, Keras, h5py and TensorFlow raises what it meets first.
    except Exception as error:
        message = " ".join(f"{type(error).__name__}: {error}".split())[:_LONGEST]
        raise MaskwrightError(f"{folder}: not a complete model ({message}); train it again") from None
    return model, found


def read_about(folder: Path) -> dict[str, Any]:
    """Return the facts stored with a model. The errors are those of `load_model`."""
    try:
        about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise MaskwrightError(f"{folder}: no trained model; run `maskwright train {folder.name}` first") from None
    except (ValueError, RecursionError):
        about = None
    if not isinstance(about, dict):
        raise MaskwrightError(f"{folder / 'about.json'}: damaged; train the model again")
    return about
