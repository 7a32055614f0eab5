import pytest

from maskwright.shared.errors import MaskwrightError
from support.tiny_clustering import shipped_clustering


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"batch_size": 19, "over_heads": 0},
            r"clustering: batch_size: at least 20, since .* heads of 10 clusters \(got 19\)",
        ),
        (
            {"over_heads": 1, "over_clusters": 100, "batch_size": 199},
            "batch_size: at least 200, since .* heads of 100 clusters",
        ),
        ({"clusters": 1}, "clustering.clusters: Input should be greater than or equal to 2"),
        (
            {
                "views": {
                    **dict.fromkeys(("rotate", "crop", "contrast", "brightness", "edges", "noise"), 0.0),
                    "shear": 90.0,
                }
            },
            "clustering.views.shear: Input should be less than or equal to 60",
        ),
        ({"preset": "vgg"}, "clustering.preset: Input should be 'fast' or 'vgg-f'"),
    ],
)
def test_wrong_settings(changes, message):
    with pytest.raises(MaskwrightError, match=message):
        shipped_clustering(**changes)
