"""What the sources say about this experiment, and how each claim is tested; see `claims.judge`."""

from maskwright.claims.judge import Claim
from maskwright.claims.measures import difference, number, of_seeds, share, share_without, stored

CLAIMS = (
    Claim(
        "corner",
        "Weights set by hand are right, and yet `evaluate` reports a loss above 0.",
        "mean squared error that Keras reports for labels of shape (512,)",
        number("hand_set", "evaluate", "labels_512"),
        low=1e-9,
        digits=4,
    ),
    Claim(
        "corner",
        "That loss is real: the weights set by hand are not quite right.",
        "mean squared error that Keras reports for labels of the outputs' shape",
        number("hand_set", "evaluate", "labels_512_1_1_1"),
        low=1e-9,
    ),
    Claim(
        "corner",
        "Trained with squared error and a hard sigmoid, the network ends with zero everywhere.",
        "share of the seeds that find neither the corner nor anything else",
        share_without(of_seeds("as_posted", "recall"), of_seeds("as_posted", "false_positives")),
        low=0.8,
    ),
    Claim(
        "corner",
        "The reason is the labels: with their shape mended it learns.",
        "share of the seeds that get all 512 right, once only the shape is mended",
        share(of_seeds("matched_labels", "solved")),
        low=0.5,
    ),
    Claim(
        "corner",
        "The reason is that one in 512 examples is the corner: shown more often, it is learned.",
        "share of the seeds that get all 512 right, the labels' shape mended too",
        share(of_seeds("repeated_corner", "solved")),
        low=0.5,
    ),
    Claim(
        "corner",
        "A logistic sigmoid with cross-entropy learns it.",
        "share of the seeds that get all 512 right",
        share(of_seeds("sigmoid_bce", "solved")),
        low=0.5,
    ),
    Claim(
        "corner",
        "A softmax of two with cross-entropy learns it.",
        "share of the seeds that get all 512 right",
        share(of_seeds("softmax_ce", "solved")),
        low=0.5,
    ),
    Claim(
        "corner",
        "A softmax needs as many corners as other patterns.",
        "share of the seeds that get all 512 right, balanced less unbalanced",
        difference(of_seeds("balanced", "solved"), of_seeds("softmax_ce", "solved")),
        low=0.05,
    ),
    Claim(
        "corner",
        "Slid over an image, the trained network finds the top-left corners of rectangles.",
        "recall on clean images; its precision stands beside it in details.json",
        stored("repeated_corner", "detection", "clean", "recall"),
        low=0.95,
    ),
)
