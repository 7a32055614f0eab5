"""What is claimed about this experiment, by its source and by us; see `claims.claim`."""

from maskwright.claims.claim import Claim, Source
from maskwright.claims.measures import Difference, Mean, Measure, OneTraining, of_trials

_SWEEP = "published_segmentation"
_RESULTS = Source("book", "section 12.5")
_BUDGET = "practice set at 64 x 96, five epochs"
_PUBLISHED = {"preset": "resnet56v2-fcn", "pyramid.levels": "3", "pyramid.filters": "256"}
_FEWER = {**_PUBLISHED, "pyramid.filters": "128"}
_DEEPER = {**_PUBLISHED, "pyramid.levels": "4"}
_SMALL = {"preset": "fast"}

_REPORTED = (
    ("On 50 test photographs the highest mean IoU over the epochs is 0.91.", "miou_per_image", "0.91"),
    (
        "On 50 test photographs the highest mean pixel accuracy over the epochs is 97.9 %.",
        "pixel_accuracy_per_image",
        "0.979",
    ),
)


def _reported(statement: str, reported: str, quantity: str, measure: Measure, reason: str) -> Claim:
    return Claim(
        experiment="segmentation",
        source=Source("book", "sections 12.4 and 12.5"),
        statement=statement,
        reported=reported,
        quantity=quantity,
        measure=measure,
        reason=reason,
        comparable=False,
    )


def _gains(statement: str, quantity: str, first: dict[str, str], second: dict[str, str]) -> Claim:
    return Claim(
        experiment="segmentation",
        statement=statement,
        quantity=f"mean IoU of an image ({_BUDGET}): {quantity}",
        measure=Difference(*(of_trials(_SWEEP, "miou_per_image", levels) for levels in (first, second))),
        low=0.0,
        reason="higher is higher",
    )


CLAIMS = (
    *(
        _reported(
            statement,
            reported,
            f"{name} of our small network on the practice set; the epoch is chosen on validation images",
            OneTraining("segmentation", name),
            "other photographs and another network; its epoch is chosen on the test photographs",
        )
        for statement, name, reported in _REPORTED
    ),
    *(
        _reported(
            statement,
            reported,
            f"{name} of the published network after the last epoch ({_BUDGET})",
            Mean(of_trials(_SWEEP, name, _PUBLISHED), (0, 1)),
            "other photographs, 1/2,083 of the arithmetic; its epoch is chosen on the test photographs",
        )
        for statement, name, reported in _REPORTED
    ),
    Claim(
        experiment="segmentation",
        source=_RESULTS,
        statement="Over the epochs a correlation between mean pixel accuracy and mean IoU is seen.",
        quantity=f"Pearson's correlation over the epochs, on validation images, published network ({_BUDGET})",
        measure=Mean(of_trials(_SWEEP, "epoch_correlation", _PUBLISHED), (-1, 1)),
        low=0.88,
        reason="with five epochs, uncorrelated scores get there by chance once in twenty times, in either direction",
    ),
    Claim(
        experiment="segmentation",
        source=_RESULTS,
        statement="The network has about 11.1 million parameters.",
        reported="11.1 million",
        quantity="parameters with four classes",
        measure=Mean(of_trials(_SWEEP, "parameters", _PUBLISHED)),
        low=11.05e6,
        high=11.15e6,
        reason="equal in the digits that are given",
        digits=8,
    ),
    Claim(
        experiment="segmentation",
        source=_RESULTS,
        statement="With fewer filters in the feature pyramid there are fewer parameters.",
        quantity="parameters with four classes: 256 filters less 128",
        measure=Difference(*(of_trials(_SWEEP, "parameters", levels) for levels in (_PUBLISHED, _FEWER))),
        low=1.0,
        reason="fewer is fewer",
        digits=8,
    ),
    _gains(
        "Another level in the feature pyramid raises mean IoU.",
        "four levels less three",
        _DEEPER,
        _PUBLISHED,
    ),
    _gains(
        "Half the filters in the feature pyramid lower mean IoU.",
        "256 filters less 128",
        _PUBLISHED,
        _FEWER,
    ),
    _gains(
        "With equally many steps of the source's recipe the small network has the higher mean IoU.",
        "small less published network",
        _SMALL,
        _PUBLISHED,
    ),
)
