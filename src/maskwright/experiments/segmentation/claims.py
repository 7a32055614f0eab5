"""What is claimed about this experiment, by its source and by us; see `claims.claim`."""

from maskwright.claims.claim import Claim, Source
from maskwright.claims.measures import Mean, of_trials

_SWEEP = "published_segmentation"
_RESULTS = Source("book", "section 12.5")
_FAST = {"preset": "fast"}
_PUBLISHED = {"preset": "resnet56v2-fcn", "pyramid.levels": "3", "pyramid.filters": "256"}
_FEWER = {**_PUBLISHED, "pyramid.filters": "128"}
_DEEPER = {**_PUBLISHED, "pyramid.levels": "4"}


def _reported(name: str, measure: str, reported: str, levels: dict[str, str], network: str) -> Claim:
    return Claim(
        experiment="segmentation",
        source=_RESULTS,
        statement=f"On 50 test photographs the network's {name} is {reported}, at the epoch that is best on them.",
        reported=reported,
        quantity=f"{name} of {network} on the practice set's test images, after the last epoch",
        measure=Mean(of_trials(_SWEEP, measure, levels), (0, 1)),
        comparable=False,
    )


CLAIMS = (
    *(
        _reported(name, measure, reported, levels, network)
        for network, levels in (("the published network", _PUBLISHED), ("our small network", _FAST))
        for name, measure, reported in (
            ("mean IoU of an image", "miou_per_image", "0.91"),
            ("pixel accuracy", "pixel_accuracy", "0.979"),
        )
    ),
    Claim(
        experiment="segmentation",
        source=_RESULTS,
        statement="Over the epochs, pixel accuracy and mean IoU are correlated.",
        quantity="Pearson's correlation over the epochs on validation images, published network",
        measure=Mean(of_trials(_SWEEP, "epoch_correlation", _PUBLISHED), (-1, 1)),
        low=0.5,
        reason="a quarter of the variance in common, the least that would be visible in two curves",
    ),
    Claim(
        experiment="segmentation",
        source=_RESULTS,
        statement="The network has about 11.1 million parameters.",
        reported="11.1 million",
        quantity="parameters at four classes",
        measure=Mean(of_trials(_SWEEP, "parameters", _PUBLISHED)),
        low=11.05e6,
        high=11.15e6,
        reason="equal in all printed digits",
        digits=8,
    ),
    Claim(
        experiment="segmentation",
        source=_RESULTS,
        statement="Fewer filters in the pyramid could minimise the parameters.",
        quantity="parameters with half the filters, as a share of those with all",
        measure=Mean(of_trials(_SWEEP, "parameters_share", _FEWER)),
        high=0.9,
        reason="a tenth less would be worth it",
    ),
)
