import pytest

from maskwright.shared.errors import MaskwrightError
from support.tiny_information import tiny_information


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"correlations": [1.0]}, "information.correlations.0: Input should be less than 1"),
        ({"correlations": [0.5, 0.5]}, "information: correlations: give each only once"),
        ({"batch_size": 201}, r"information: batch_size: at most half of pairs, 200 \(got 201\)"),
        ({"bins": 401}, "information: bins: at most as many as pairs"),
        ({"neighbours": 400}, "information: neighbours: fewer than pairs"),
        ({"parabola_noise": 0.0}, "information.parabola_noise: Input should be greater than or equal to 0.1"),
        ({"pairs": 101}, "information.pairs: Input should be a multiple of 2"),
        ({"digits": {"encoder": "vgg"}}, "information.digits.encoder: Input should be 'fast' or 'vgg-f'"),
    ],
)
def test_wrong_settings(changes, message):
    with pytest.raises(MaskwrightError, match=message):
        tiny_information(**changes)


def test_a_variant_for_the_digits_one_for_each_correlation_and_the_parabola():
    assert tiny_information().trained_variants == ["digits", "gaussian_0", "gaussian_0.8", "parabola"]
