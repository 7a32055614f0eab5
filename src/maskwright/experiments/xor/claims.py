"""What is claimed about this experiment, by its source and by us; see `claims.claim`."""

from maskwright.claims.claim import Claim, Source
from maskwright.claims.measures import Difference, Mean, OfSeeds, Share

_OUTPUT = Source("mask channel", "answer, output with the mask")
_RANDOM = Source("mask channel", "answer, output with a random mask")
_TYPICAL = "a single draw is plausible if it is neither among the lowest nor the highest 2.5 % of such draws"

CLAIMS = (
    Claim(
        experiment="xor",
        source=_OUTPUT,
        statement="With a mask channel that marks the operands, the network solves XOR among noise.",
        reported="1 network",
        quantity="share of the networks that get every possible input right",
        measure=Share(OfSeeds("xor", "signal", "solved")),
        low=0.5,
        reason="the source trains once, so most trainings should do it",
    ),
    Claim(
        experiment="xor",
        source=_OUTPUT,
        statement="In one batch it gives each of the four right answers with high certainty, printed as 0.99.",
        reported="0.99",
        quantity="share of all possible batches, over all networks, whose four right answers have 0.985 or more",
        measure=Mean(OfSeeds("xor", "signal", "certain_batches"), (0, 1)),
        low=0.025,
        reason=_TYPICAL,
    ),
    Claim(
        experiment="xor",
        source=_OUTPUT,
        statement="After 5,000 steps the loss of one batch, a sum of squares, is 0.00057.",
        reported="0.00056630466",
        quantity="share of all possible batches, over all networks, whose loss is at most that",
        measure=Mean(OfSeeds("xor", "signal", "below_sources_loss"), (0, 1)),
        low=0.025,
        high=0.975,
        reason=_TYPICAL,
    ),
    Claim(
        experiment="xor",
        source=_RANDOM,
        statement="Without a true mask the network cannot learn it.",
        reported="3 of 4 right",
        quantity="accuracy on every possible input with random bits in place of the mask",
        measure=Mean(OfSeeds("xor", "random", "accuracy"), (0, 1)),
        high=0.8,
        reason="one wrong answer in five is not learned; no function of such inputs is right in more than 75 %",
    ),
    Claim(
        experiment="xor",
        source=_RANDOM,
        statement="After 5,000 steps with a random mask the loss of one batch is 0.81.",
        reported="0.8080765",
        quantity="share of batches (1,000 of all possible ones), over all networks, whose loss is at most that",
        measure=Mean(OfSeeds("xor", "random", "below_sources_loss"), (0, 1)),
        low=0.025,
        high=0.975,
        reason=_TYPICAL,
    ),
    Claim(
        experiment="xor",
        statement="It is the mask's content that helps: random bits are no better than no second channel.",
        quantity="accuracy on every possible input with a random mask, less that without a mask",
        measure=Difference(OfSeeds("xor", "random", "accuracy"), OfSeeds("xor", "none", "accuracy")),
        high=0.01,
        reason="one point would be no more than one input in a hundred",
    ),
)
