"""The experiment with mutual information, small enough for a test."""

from pathlib import Path

from maskwright.params import parse_params
from maskwright.shared.yaml_file import read_yaml
from support.bar_digits import write_bar_digits

SHIPPED = Path(__file__).parents[2] / "params.yaml"


def shipped_information(changes):
    """Return its section as shipped, with `changes`: dotted keys and values."""
    values = read_yaml(SHIPPED)
    for key, value in changes.items():
        *sections, last = key.split(".")
        place = values["information"]
        for section in sections:
            place = place[section]
        place[last] = value
    return parse_params(values).section("information")


def tiny_information(**changes):
    """Return its section with few pairs and epochs, and with `changes`; those of `digits` are merged into it."""
    values = read_yaml(SHIPPED)
    digits = {"latent": 3, "hidden": 8, "seeds": 2, "epochs": 1, "batch_size": 20, **changes.pop("digits", {})}
    small = {"correlations": [0.0, 0.8], "seeds": 2, "pairs": 400, "epochs": 2, "batch_size": 100, "bins": 5}
    values["information"] |= {**small, **changes, "digits": values["information"]["digits"] | digits}
    return parse_params(values).section("information")


def write_data(root):
    """Write its digits to `root`/digits."""
    write_bar_digits(root / "digits", train=60, validation=10, test=30)
