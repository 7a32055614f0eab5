"""The defaults that the package carries are those of the params.yaml beside it."""

from pathlib import Path

from maskwright.defaults import default_settings
from maskwright.params import parse_params
from maskwright.shared.yaml_file import read_yaml

ROOT = Path(__file__).parents[1]


def keys(values, place=""):
    """Return the dotted keys, but for those that a user names: of renamed labels, coarse classes and sweeps."""
    if not isinstance(values, dict) or place in ("annotations.rename", "conditional.coarse", "sweeps"):
        return {place}
    return {key for name, inner in values.items() for key in keys(inner, f"{place}.{name}" if place else name)}


def test_they_have_the_keys_of_params_yaml_and_are_valid():
    """Values may differ where somebody has changed params.yaml; a key may not."""
    assert keys(default_settings()) == keys(read_yaml(ROOT / "params.yaml"))
    parse_params(default_settings())
