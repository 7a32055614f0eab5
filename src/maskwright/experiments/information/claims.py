"""What the sources say about this experiment, and how each claim is tested; see `claims.judge`."""

from maskwright.claims.judge import Claim
from maskwright.claims.measures import difference, of_seeds, stored


def _mine_error(correlation: str) -> Claim:
    return Claim(
        "information",
        f"MINE estimates the mutual information of Gaussian variables with correlation {correlation}.",
        "estimate less exact value, in nats",
        stored(f"gaussian_{correlation}", "mine_error"),
        low=-0.03,
        high=0.03,
    )


CLAIMS = (
    *(_mine_error(correlation) for correlation in ("0", "0.3", "0.5", "0.7", "0.9")),
    Claim(
        "information",
        "By maximising mutual information between two views, an encoder learns what a linear classifier can use.",
        "accuracy of a linear classifier of the codes, less that with the encoder untrained",
        difference(of_seeds("digits", "accuracy"), of_seeds("digits", "untrained_accuracy")),
        low=0.05,
    ),
)
