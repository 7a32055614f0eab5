import re
from pathlib import Path

import pytest

from maskwright.params import parse_params
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.yaml_file import read_yaml

SHIPPED = Path(__file__).parents[3] / "params.yaml"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"variant": "softmax"}, "corner.variant: Input should be 'hand_set'"),
        ({"variants": ["as_posted", "what"]}, "corner.variants.1: Input should be"),
        ({"changes": ["patience"]}, "corner.changes.0: Input should be 'none'"),
        ({"seeds": 1}, "corner.seeds: Input should be greater than or equal to 2 (got 1)"),
        ({"repeats": 512}, "corner.repeats: Input should be less than or equal to 511 (got 512)"),
        ({"epochs": {"as_posted": 0}}, "corner.epochs.as_posted: Input should be greater than"),
        ({"epochs": {"hand_set": 1}}, "corner.epochs.hand_set: unknown key"),
        ({"colour": 1}, "corner.colour: unknown key"),
    ],
)
def test_wrong_values_are_named(changes, message):
    values = read_yaml(SHIPPED)
    epochs = {**values["corner"]["epochs"], **changes.get("epochs", {})}
    values["corner"] = {**values["corner"], **changes, "epochs": epochs}
    with pytest.raises(MaskwrightError, match=re.escape(f"params.yaml: {message}")):
        parse_params(values)
