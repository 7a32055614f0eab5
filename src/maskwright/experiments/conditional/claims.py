"""What the sources say about this experiment, and how each claim is tested; see `claims.judge`."""

from maskwright.claims.judge import Claim
from maskwright.claims.measures import difference, of_seeds

CLAIMS = (
    Claim(
        "conditional",
        "A soft switch does at least as well as no gate.",
        "fine accuracy with the soft switch, less that of the same network without",
        difference(of_seeds("soft", "accuracy"), of_seeds("none", "accuracy")),
        low=0.0,
    ),
    Claim(
        "conditional",
        "The gate matters: with the other branch opened, ten points of accuracy or more are lost.",
        "fine accuracy with the soft switch, less that with its gate flipped",
        difference(of_seeds("soft", "accuracy"), of_seeds("soft", "flipped_accuracy")),
        low=0.1,
    ),
    Claim(
        "conditional",
        "Where the first head is uncertain, both branches take part, and that helps.",
        "accuracy on the tenth with the largest entropy, less that of the same network with its gate made hard",
        difference(of_seeds("soft", "uncertain_accuracy"), of_seeds("soft", "uncertain_hard_accuracy")),
        low=0.0,
    ),
    Claim(
        "conditional",
        "Trained with a hard switch, only the chosen branch need run, and nothing is lost against a soft one.",
        "fine accuracy with the soft switch, less that with the hard one",
        difference(of_seeds("soft", "accuracy"), of_seeds("hard", "accuracy")),
        high=0.01,
    ),
    Claim(
        "conditional",
        "Separate networks with an if-then between them do as well.",
        "fine accuracy with the soft switch, less that of routed networks",
        difference(of_seeds("soft", "accuracy"), of_seeds("routed", "accuracy")),
        high=0.01,
    ),
)
