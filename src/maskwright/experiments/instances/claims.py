"""What is claimed about this experiment, by us; see `claims.claim`."""

from maskwright.claims.claim import Claim
from maskwright.claims.measures import Difference, Mean, of_trials

_SWEEP = "instances"
_DEFAULT = {"loss.hardest": "0.2"}
_ALL = {"loss.hardest": "1.0"}
_CROWD = "practice set with crowds"


def _reaches(statement: str, quantity: str, name: str, low: float) -> Claim:
    return Claim(
        experiment="instances",
        statement=statement,
        quantity=f"{quantity}, {_CROWD}",
        measure=Mean(of_trials(_SWEEP, name, _DEFAULT), (0, 1)),
        low=low,
        reason="the number in the statement",
    )


CLAIMS = (
    _reaches("The default network reaches a panoptic quality of 0.75 in a crowd.", "PQ", "pq", 0.75),
    _reaches("The default network reaches a mask AP50 of 0.85 in a crowd.", "AP50 of masks", "ap50", 0.85),
    Claim(
        experiment="instances",
        statement="Grouping by centres is better by 0.15 than connected components of the same mask of classes.",
        quantity=f"mean PQ of an image, {_CROWD}: grouping less connected components",
        measure=Difference(
            *(of_trials(_SWEEP, name, _DEFAULT) for name in ("pq_per_image", "components_pq_per_image"))
        ),
        low=0.15,
        reason="the number in the statement",
    ),
    Claim(
        experiment="instances",
        statement="Learning classes from the hardest fifth of the pixels raises panoptic quality.",
        quantity=f"mean PQ of an image, {_CROWD}: the hardest fifth less all pixels",
        measure=Difference(*(of_trials(_SWEEP, "pq_per_image", levels) for levels in (_DEFAULT, _ALL))),
        low=0.0,
        reason="higher is higher",
    ),
)
