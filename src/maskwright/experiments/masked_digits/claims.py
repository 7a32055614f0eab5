"""What is claimed about this experiment, by its source and by us; see `claims.claim`."""

from maskwright.claims.claim import Claim, Source
from maskwright.claims.measures import Difference, Mean, OfSeeds

_BOUND = OfSeeds("masked_digits", "single", "accuracy")
_MARGIN = 0.02
_MARGIN_REASON = "two points are twenty of the 1,000 test digits"


def _as_good_as_single(variant: str, statement: str) -> Claim:
    return Claim(
        experiment="masked_digits",
        statement=statement,
        quantity="accuracy on single digits, less that on the marked one of four",
        measure=Difference(_BOUND, OfSeeds("masked_digits", variant, "accuracy")),
        high=_MARGIN,
        reason=_MARGIN_REASON,
        equivalence=True,
    )


def _guessing(variant: str, statement: str) -> Claim:
    return Claim(
        experiment="masked_digits",
        statement=statement,
        quantity="best accuracy that is possible without the mask, less the expected accuracy",
        measure=Mean(OfSeeds("masked_digits", variant, "below_ceiling")),
        low=0.0,
        high=0.0395,
        reason="nearer to the 38.1 % of naming the most frequent digit than to the 30.2 % of naming any of them",
    )


CLAIMS = (
    Claim(
        experiment="masked_digits",
        source=Source("mask channel", "answer, thought experiment"),
        statement="With a channel that is 1 at the real digit and 0 elsewhere, the usual network could learn to "
        "attend to it, and classify it correctly.",
        quantity="accuracy on the marked one of four digits",
        measure=Mean(OfSeeds("masked_digits", "plain_channel", "accuracy"), (0, 1)),
        low=0.9,
        reason="nine in ten is a working classifier, where naming the commonest of the four is right in 38 %",
    ),
    _as_good_as_single("plain_channel", "After six epochs such a channel makes up for the three other digits."),
    _as_good_as_single(
        "channel", "A channel of mask - 1 whose weights begin at 0 makes up for the three other digits."
    ),
    _as_good_as_single("multiply", "Multiplying the image by the mask makes up for them."),
    _as_good_as_single("attention", "Multiplying the feature maps by the mask makes up for them."),
    _as_good_as_single("pool", "Pooling under the mask makes up for them."),
    Claim(
        experiment="masked_digits",
        statement="Where the mask lies does not matter: what was learned on grids holds on larger canvases.",
        quantity="accuracy on grids, less that on canvases, with the plain channel",
        measure=Difference(
            OfSeeds("masked_digits", "plain_channel", "accuracy"),
            OfSeeds("masked_digits", "plain_channel", "canvas_accuracy"),
        ),
        low=-_MARGIN,
        high=_MARGIN,
        reason=_MARGIN_REASON,
        equivalence=True,
    ),
    _guessing("none", "Without a mask, one can only guess."),
    _guessing("random", "With a random mask, one can only guess."),
)
