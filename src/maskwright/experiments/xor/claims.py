"""What the sources say about this experiment, and how each claim is tested; see `claims.judge`."""

from maskwright.claims.judge import Claim
from maskwright.claims.measures import difference, mean, of_seeds, share

CLAIMS = (
    Claim(
        "xor",
        "With a mask channel that marks the operands, the network learns XOR among noise.",
        "share of the seeds that get every possible input right",
        share(of_seeds("signal", "solved")),
        low=0.5,
    ),
    Claim(
        "xor",
        "With a random mask it does not.",
        "share of the seeds that get every possible input right",
        share(of_seeds("random", "solved")),
        high=0.1,
    ),
    Claim(
        "xor",
        "With the mask the loss of a batch ends at 5.7e-4.",
        "sum of squares of a batch, over every possible input; within ten times of it",
        mean(of_seeds("signal", "loss"), (0, float("inf"))),
        high=5.7e-3,
    ),
    Claim(
        "xor",
        "With a random mask the loss of a batch ends at 0.81.",
        "sum of squares of a batch, over every possible input; within half of it",
        mean(of_seeds("random", "loss"), (0, float("inf"))),
        low=0.4,
        high=1.2,
    ),
    Claim(
        "xor",
        "It is the mask's content that helps, not its being there.",
        "accuracy with a random mask, less that without a mask",
        difference(of_seeds("random", "accuracy"), of_seeds("none", "accuracy")),
        high=0.01,
    ),
)
