"""The sources' statements, one `Claim` each; see `analysis.claims` for how they are judged."""

from collections.abc import Callable

from maskwright.analysis.claims import Claim, Results
from maskwright.metrics.intervals import Interval, mean_interval, paired_difference, share_interval

Measure = Callable[[Results], tuple[Interval, int]]


def _mean(variant: str, measure: str, bounds: tuple[float, float] | None = None) -> Measure:
    def measured(results: Results) -> tuple[Interval, int]:
        values = results.seeds(variant, measure)
        return mean_interval(values, bounds), len(values)

    return measured


def _share(variant: str, measure: str) -> Measure:
    """Measure the share of the seeds in which something happened: those where `measure` is 1, not 0."""

    def measured(results: Results) -> tuple[Interval, int]:
        values = results.seeds(variant, measure)
        return share_interval(int(values.sum()), len(values)), len(values)

    return measured


def _difference(first: str, second: str, measure: str) -> Measure:
    def measured(results: Results) -> tuple[Interval, int]:
        one, other = results.seeds(first, measure), results.seeds(second, measure)
        return paired_difference(one, other), len(one)

    return measured


XOR = (
    Claim(
        "xor",
        "With a mask channel that marks the operands, the network learns XOR among noise.",
        "share of the seeds that get every possible input right",
        _share("signal", "solved"),
        low=0.5,
    ),
    Claim(
        "xor",
        "With a random mask it does not.",
        "share of the seeds that get every possible input right",
        _share("random", "solved"),
        high=0.1,
    ),
    Claim(
        "xor",
        "With the mask the loss of a batch ends at 5.7e-4.",
        "sum of squares of a batch, over every possible input; within ten times of it",
        _mean("signal", "loss", (0, float("inf"))),
        high=5.7e-3,
    ),
    Claim(
        "xor",
        "With a random mask the loss of a batch ends at 0.81.",
        "sum of squares of a batch, over every possible input; within half of it",
        _mean("random", "loss", (0, float("inf"))),
        low=0.4,
        high=1.2,
    ),
    Claim(
        "xor",
        "It is the mask's content that helps, not its being there.",
        "accuracy with a random mask, less that without a mask",
        _difference("random", "none", "accuracy"),
        high=0.01,
    ),
)

CLAIMS = XOR
