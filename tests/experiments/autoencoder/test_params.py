"""Wrong settings of the autoencoder are named."""

from pathlib import Path

import pytest

from maskwright.params import load_params, parse_params
from maskwright.shared.errors import MaskwrightError

SHIPPED = Path(__file__).parents[3] / "params.yaml"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"attention": "self"}, "autoencoder.attention: Input should be 'none', 'spatial', 'channel' or 'cbam'"),
        ({"attention_kernel": 4}, "autoencoder.attention_kernel: Input should be 3, 5 or 7"),
        ({"activation": "gelu"}, "autoencoder.activation: Input should be 'elu', 'relu', 'selu' or 'sigmoid'"),
        ({"dropout": 1.0}, "autoencoder.dropout: Input should be less than 1"),
        ({"batch_norm": 1}, "autoencoder.batch_norm: Input should be a valid boolean"),
        ({"filters": [8, 4]}, "autoencoder.filters: List should have at least 3 items"),
        ({"latent": 1}, "autoencoder.latent: Input should be greater than or equal to 2"),
        ({"width": 2}, "autoencoder.width: unknown key"),
    ],
)
def test_a_wrong_setting_is_named(changes, message):
    values = load_params(SHIPPED).model_dump(mode="json")
    with pytest.raises(MaskwrightError) as caught:
        parse_params({**values, "autoencoder": {**values["autoencoder"], **changes}})
    assert message in str(caught.value)
