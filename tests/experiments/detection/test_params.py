from pathlib import Path

import pytest
from ruamel.yaml import YAML

from maskwright.params import parse_params
from maskwright.shared.errors import MaskwrightError

SHIPPED = Path(__file__).parents[3] / "params.yaml"


def test_anchor_sizes_the_wrong_way_round():
    values = YAML(typ="safe").load(SHIPPED)
    values["detection"]["anchor_sizes"] = [0.9, 0.2]
    with pytest.raises(MaskwrightError, match=r"detection: anchor_sizes: give the smallest"):
        parse_params(values)
