"""The settings that maskwright comes with."""

from importlib.resources import as_file, files
from typing import Any

from maskwright.shared.yaml_file import read_yaml


def default_settings() -> dict[str, Any]:
    """Return the content of the params.yaml that maskwright comes with, whatever the project's own has become."""
    with as_file(files("maskwright") / "defaults.yaml") as path:
        return read_yaml(path)
