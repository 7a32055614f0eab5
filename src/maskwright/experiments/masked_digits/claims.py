"""What the sources say about this experiment, and how each claim is tested; see `claims.judge`."""

from maskwright.claims.judge import Claim
from maskwright.claims.measures import difference, mean, of_seeds


def _below_bound(variant: str, statement: str) -> Claim:
    return Claim(
        "masked_digits",
        statement,
        "accuracy on single digits, less that on the marked one of four",
        difference(of_seeds("single", "accuracy"), of_seeds(variant, "accuracy")),
        high=0.02,
    )


CLAIMS = (
    _below_bound("channel", "Appended as a channel, a mask makes up for the distractors."),
    _below_bound("multiply", "Multiplied with the image, it does."),
    _below_bound("attention", "Multiplied with the feature maps, it does."),
    _below_bound("pool", "In a masked pooling, it does."),
    Claim(
        "masked_digits",
        "Where the mask lies does not matter: what was learned on grids holds on larger canvases.",
        "accuracy on grids, less that on canvases, with the mask as a channel",
        difference(of_seeds("channel", "accuracy"), of_seeds("channel", "canvas_accuracy")),
        high=0.02,
    ),
    Claim(
        "masked_digits",
        "Without a mask, all one can do is guess among the four.",
        "accuracy without a mask; the best guess is right in 38 % of the test grids, any of the four in 32 %",
        mean(of_seeds("none", "accuracy"), (0, 1)),
        low=0.25,
        high=0.39,
    ),
    Claim(
        "masked_digits",
        "A random mask is no better.",
        "accuracy with a random mask",
        mean(of_seeds("random", "accuracy"), (0, 1)),
        low=0.25,
        high=0.39,
    ),
)
