"""What is claimed about this experiment, by its source and by us; see `claims.claim`."""

from maskwright.claims.claim import Claim, Source
from maskwright.claims.measures import OneTraining


def _reported(statement: str, measure: str, reported: str) -> Claim:
    return Claim(
        experiment="segmentation",
        source=Source("book", "sections 12.4 and 12.5"),
        statement=statement,
        reported=reported,
        quantity=f"{measure} of our small network on the practice set; the epoch is chosen on validation images",
        measure=OneTraining("segmentation", measure),
        reason="other photographs and another network; its epoch is chosen on the test photographs",
        comparable=False,
    )


CLAIMS = (
    _reported(
        "On 50 test photographs the highest mean IoU over the epochs is 0.91.",
        "miou_per_image",
        "0.91",
    ),
    _reported(
        "On 50 test photographs the highest mean pixel accuracy over the epochs is 97.9 %.",
        "pixel_accuracy_per_image",
        "0.979",
    ),
)
