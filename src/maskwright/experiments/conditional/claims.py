"""What is claimed about this experiment, by its source and by us; see `claims.claim`."""

from maskwright.claims.claim import Claim, Source
from maskwright.claims.measures import Difference, Mean, OfSeeds

_SOFT = OfSeeds("conditional", "soft", "accuracy")
_POINT = 0.01
_POINT_REASON = "a point is ten of the 1,000 test digits"


def _against(variant: str, statement: str) -> Claim:
    return Claim(
        experiment="conditional",
        statement=statement,
        quantity=f"fine accuracy with the soft switch, less that of `{variant}`",
        measure=Difference(_SOFT, OfSeeds("conditional", variant, "accuracy")),
        low=0.0,
        reason="the sign decides",
    )


CLAIMS = (
    Claim(
        experiment="conditional",
        source=Source("conditional", "answer, paragraph after the steps"),
        statement="Where the first head is uncertain, the features of both branches take part in the prediction.",
        quantity="accuracy on the tenth of the digits that it is least sure of, less the same with the weaker branch "
        "closed",
        measure=Difference(
            OfSeeds("conditional", "soft", "uncertain_accuracy"),
            OfSeeds("conditional", "soft", "uncertain_hard_accuracy"),
        ),
        low=0.0,
        reason="what takes part is missed when it is taken away",
    ),
    Claim(
        experiment="conditional",
        source=Source("conditional", "answer, the shortcut"),
        statement="Three models can be trained independently, each on all images, with an if-then at inference.",
        quantity="accuracy of three such networks",
        measure=Mean(OfSeeds("conditional", "routed", "accuracy"), (0, 1)),
        low=0.9,
        reason="nine in ten is a working classifier; the text gives no number",
    ),
    Claim(
        experiment="conditional",
        statement="The gate matters: with the other branch opened, ten points of accuracy or more are lost.",
        quantity="fine accuracy with the soft switch, less that with its gate flipped",
        measure=Difference(_SOFT, OfSeeds("conditional", "soft", "flipped_accuracy")),
        low=0.1,
        reason="a tenth of all digits",
    ),
    _against("none", "The soft switch is better than the same network without a gate."),
    _against(
        "routed",
        "The soft switch is better than separate networks trained on all images, with an if-then between them.",
    ),
    _against("routed_matched", "The soft switch is better than such separate networks that are together as large."),
    _against("plain", "The soft switch is better than one network of its size without branches."),
    _against("specialists", "The soft switch is better than separate networks, each trained on its own class."),
    Claim(
        experiment="conditional",
        statement="A hard switch, of which only the chosen branch need run, loses nothing against a soft one.",
        quantity="fine accuracy with the soft switch, less that with the hard one",
        measure=Difference(_SOFT, OfSeeds("conditional", "hard", "accuracy")),
        high=_POINT,
        reason=_POINT_REASON,
        equivalence=True,
    ),
)
