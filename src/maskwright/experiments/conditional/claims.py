"""What is claimed about this experiment, by its source and by us; see `claims.claim`."""

from maskwright.claims.claim import Claim, Source
from maskwright.claims.measures import Difference, Mean, Number, OfSeeds

_SOFT = OfSeeds("conditional", "soft", "accuracy")
_POINT = 0.01
_POINT_REASON = "a point is the least that 1,000 test digits can tell"


def _against(variant: str, statement: str) -> Claim:
    return Claim(
        experiment="conditional",
        statement=statement,
        quantity=f"fine accuracy with the soft switch, less that of `{variant}`",
        measure=Difference(_SOFT, OfSeeds("conditional", variant, "accuracy")),
        low=0.0,
        reason="better",
    )


CLAIMS = (
    Claim(
        experiment="conditional",
        source=Source("conditional", "answer, on conditions in networks"),
        statement="An if-then is not differentiable, so automatic differentiation does not work through it.",
        quantity="largest derivative of the second head's loss by the first head's logits through an argmax",
        measure=Number("conditional", ("soft", "gradient_through_if_then")),
        low=0.0,
        high=0.0,
        reason="no derivative at all",
    ),
    Claim(
        experiment="conditional",
        source=Source("conditional", "answer, step 5 of the architecture"),
        statement="Where the first head is uncertain, the features of both branches take part.",
        quantity="smaller share of the gate among the tenth of the test digits with the largest entropy",
        measure=Mean(OfSeeds("conditional", "soft", "uncertain_smaller_share"), (0, 0.5)),
        low=0.1,
        reason="a tenth of the gate is part of the answer",
    ),
    Claim(
        experiment="conditional",
        source=Source("conditional", "answer, the shortcut"),
        statement="Models trained separately on all images, with an if-then at inference, are a way of doing it.",
        quantity="fine accuracy of `routed`",
        measure=Mean(OfSeeds("conditional", "routed", "accuracy"), (0, 1)),
        low=0.9,
        reason="nine in ten is a working classifier; the text gives no number",
    ),
    Claim(
        experiment="conditional",
        statement="That both branches take part where the first head is uncertain helps.",
        quantity="accuracy on the tenth with the largest entropy, less that with the same network's gate made hard",
        measure=Difference(
            OfSeeds("conditional", "soft", "uncertain_accuracy"),
            OfSeeds("conditional", "soft", "uncertain_hard_accuracy"),
        ),
        low=0.0,
        reason="better",
    ),
    Claim(
        experiment="conditional",
        statement="The gate matters: with the other branch opened, ten points of accuracy or more are lost.",
        quantity="fine accuracy with the soft switch, less that with its gate flipped",
        measure=Difference(_SOFT, OfSeeds("conditional", "soft", "flipped_accuracy")),
        low=0.1,
        reason="ten points",
    ),
    _against("none", "The soft switch is better than the same network without a gate."),
    _against("routed", "It is better than separate networks trained on all images, with an if-then between them."),
    _against("routed_matched", "It is better than such separate networks that are as large together as it is."),
    _against("plain", "It is better than one network without branches that is as large as it is."),
    _against("specialists", "It is better than separate networks each trained on its own class."),
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
