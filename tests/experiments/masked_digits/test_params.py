from pathlib import Path

import pytest

from maskwright.params import parse_params
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.yaml_file import read_yaml

SHIPPED = Path(__file__).parents[3] / "params.yaml"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"mask": "chanel"},
            "masked_digits.mask: Input should be 'plain_channel', 'channel', 'multiply', 'attention'",
        ),
        ({"variants": ["channel", "noise"]}, "masked_digits.variants.1: Input should be 'plain_channel'"),
        ({"seeds": 1}, "masked_digits.seeds: Input should be greater than or equal to 2"),
        ({"batch_size": 10}, "masked_digits.batch_size: Input should be a multiple of 4"),
        ({"canvas": 56}, "masked_digits.canvas: Input should be greater than or equal to 84"),
        ({"epoch": 3}, "masked_digits.epoch: unknown key"),
    ],
)
def test_wrong_settings(changes, message):
    values = read_yaml(SHIPPED)
    values["masked_digits"] = {**values["masked_digits"], **changes}
    with pytest.raises(MaskwrightError, match=message):
        parse_params(values)
