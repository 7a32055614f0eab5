"""Reading and checking params.yaml. An unknown key or a wrong value is an error that gives the key's path.

Each experiment defines its own section, and so do the annotations, the generated data and the sweeps.
"""

from datetime import date
from pathlib import Path
from typing import Any

from pydantic import ValidationError, create_model

from maskwright.catalogue import EXPERIMENTS
from maskwright.digits.params import Digits
from maskwright.drinks.params import Drinks
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.settings import Section
from maskwright.shared.sweep_settings import Sweeps
from maskwright.shared.yaml_file import read_yaml
from maskwright.via.params import Annotations


class Params(Section):
    """The whole of params.yaml. Each experiment in the catalogue has a section; see `section`."""

    annotations: Annotations
    drinks: Drinks
    digits: Digits
    sweeps: Sweeps

    def section(self, name: str) -> Any:
        """Return the section with this name, as the type that its experiment defines."""
        return getattr(self, name)


_sections: dict[str, Any] = {name: (about.settings, ...) for name, about in EXPERIMENTS.items()}
_Whole = create_model("Params", __base__=Params, **_sections)


def load_params(path: Path = Path("params.yaml")) -> Params:
    """Read and check a params file.

    Raises:
        MaskwrightError: the file is missing, is not YAML, or has an unknown key, a wrong type or a wrong value;
            the message names the file and every offending key.
    """
    return parse_params(read_yaml(path), path)


def parse_params(values: Any, path: Path = Path("params.yaml")) -> Params:
    """Check the content of a params file. Errors name `path`, and are those of `load_params`."""
    if not isinstance(values, dict):
        raise MaskwrightError(f"{path}: must hold sections such as annotations and segmentation")
    try:
        return _Whole.model_validate(values)
    except ValidationError as error:
        raise MaskwrightError("; ".join(_describe(path, item) for item in error.errors())) from None


def _describe(path: Path, item: Any) -> str:
    key = ".".join(str(part) for part in item["loc"])
    message = {"extra_forbidden": "unknown key; remove it or correct its spelling", "missing": "missing"}.get(
        item["type"], item["msg"].removeprefix("Value error, ")
    )
    if item["type"] in ("missing", "extra_forbidden", "value_error"):
        return f"{path}: {key}: {message}"
    hint = "; put it in quotes" if item["type"] == "string_type" and _is_bare(item["input"]) else ""
    return f"{path}: {key}: {message} (got {_shown(item['input'])}){hint}"


def _is_bare(value: Any) -> bool:
    """Return whether YAML may have produced this value from text that should have been quoted."""
    return isinstance(value, bool | int | float | date)


def _shown(value: Any) -> str:
    return str(value) if isinstance(value, date) else repr(value)
