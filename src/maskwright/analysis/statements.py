"""The sources' statements, one `Claim` each; see `analysis.claims` for how they are judged."""

from math import inf

from maskwright.analysis.claims import Claim
from maskwright.analysis.measures import (
    difference,
    effect,
    mean,
    number,
    of_seeds,
    of_trials,
    share,
    share_without,
    stored,
)

XOR = (
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

CORNER = (
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
        "recall on clean images; its precision stands beside it in plots/variants.json",
        stored("repeated_corner", "detection", "clean", "recall"),
        low=0.95,
    ),
)


def _below_bound(variant: str, statement: str) -> Claim:
    return Claim(
        "masked_digits",
        statement,
        "accuracy on single digits, less that on the marked one of four",
        difference(of_seeds("single", "accuracy"), of_seeds(variant, "accuracy")),
        high=0.02,
    )


MASKED_DIGITS = (
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


def _effect_claim(change: str, statement: str, *, improves: bool) -> Claim:
    quantity = f"cross-entropy of a test pixel, in nats: change by {change}"
    low, high = (-inf, 0.0) if improves else (0.0, inf)
    return Claim("autoencoder", statement, quantity, effect(change), low, high)


AUTOENCODER = (
    _effect_claim("batch_norm: false to true", "Batch norm improves reconstructions.", improves=True),
    _effect_claim("dropout: 0 to 0.2", "Dropout improves them.", improves=True),
    _effect_claim("attention: none to spatial", "Spatial attention improves them.", improves=True),
    _effect_claim("activation: elu to relu", "relu in place of elu makes them worse.", improves=False),
    _effect_claim("activation: elu to selu", "selu in place of elu makes them worse.", improves=False),
    _effect_claim("activation: elu to sigmoid", "sigmoid in place of elu makes them worse.", improves=False),
)

_RAW, _NORMALISED = {"offsets": "raw"}, {"offsets": "normalised"}
_L1, _SMOOTH_L1 = {"loss.offsets": "l1"}, {"loss.offsets": "smooth_l1"}
_CROSS_ENTROPY, _FOCAL = {"loss.classes": "cross_entropy"}, {"loss.classes": "focal"}


def _reported(name: str, value: float, levels: dict[str, str], described: str) -> Claim:
    return Claim(
        "detection",
        f"{described}, the detector reaches {name} {value}.",
        f"{name} on the test photographs, as the sources define it, after six epochs",
        mean(of_trials(f"sources_{name.lower()}", {**levels, **_CROSS_ENTROPY}), (0, 1)),
        low=value,
    )


def _better(name: str, first: dict[str, str], second: dict[str, str], statement: str) -> Claim:
    level, other = (next(iter(levels.values())) for levels in (first, second))
    alike = {} if "loss.classes" in first else _CROSS_ENTROPY
    # Focal was only tried with one kind of offsets and their loss: compared with the same.
    beside = {**_NORMALISED, **_SMOOTH_L1} if "loss.classes" in first else {}
    both = (of_trials(f"sources_{name.lower()}", {**levels, **alike, **beside}) for levels in (first, second))
    quantity = f"{name} as the sources define it, {level} less {other}"
    return Claim("detection", statement, quantity, difference(*both), low=0.0)


DETECTION = (
    _reported("mIoU", 0.64, {**_RAW, **_L1}, "With raw offsets and the L1 loss"),
    _reported("precision", 0.87, {**_RAW, **_L1}, "With raw offsets and the L1 loss"),
    _reported("recall", 0.87, {**_RAW, **_L1}, "With raw offsets and the L1 loss"),
    _better("mIoU", _RAW, _NORMALISED, "Raw offsets fit boxes better than normalised ones."),
    _better("precision", _NORMALISED, _RAW, "Normalised offsets are better in precision."),
    _better("recall", _NORMALISED, _RAW, "Normalised offsets are better in recall."),
    _better("mIoU", _L1, _SMOOTH_L1, "Smooth L1 in place of L1 hurts mIoU."),
    _better("precision", _L1, _SMOOTH_L1, "It hurts precision."),
    _better("recall", _L1, _SMOOTH_L1, "It hurts recall."),
    _better("mIoU", _CROSS_ENTROPY, _FOCAL, "The focal loss on top hurts mIoU."),
    _better("precision", _CROSS_ENTROPY, _FOCAL, "It hurts precision."),
    _better("recall", _CROSS_ENTROPY, _FOCAL, "It hurts recall."),
)

CONDITIONAL = (
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


def _mine_error(correlation: str) -> Claim:
    return Claim(
        "information",
        f"MINE estimates the mutual information of Gaussian variables with correlation {correlation}.",
        "estimate less exact value, in nats",
        stored(f"gaussian_{correlation}", "mine_error"),
        low=-0.03,
        high=0.03,
    )


INFORMATION = (
    *(_mine_error(correlation) for correlation in ("0", "0.3", "0.5", "0.7", "0.9")),
    Claim(
        "information",
        "By maximising mutual information between two views, an encoder learns what a linear classifier can use.",
        "accuracy of a linear classifier of the codes, less that with the encoder untrained",
        difference(of_seeds("digits", "accuracy"), of_seeds("digits", "untrained_accuracy")),
        low=0.05,
    ),
)

CLUSTERING = (
    Claim(
        "clustering",
        "Clusters found by mutual information are the digits, 99 % of them.",
        "accuracy on test digits, clusters assigned on training digits; the source trained 1,200 epochs on 60,000",
        mean(of_seeds("iic", "accuracy"), (0, 1)),
        low=0.99,
    ),
    Claim(
        "clustering",
        "They fit the digits far better than k-means of the pixels.",
        "accuracy on test digits, less that of k-means",
        difference(of_seeds("iic", "accuracy"), of_seeds("iic", "k_means_accuracy")),
        low=0.2,
    ),
    Claim(
        "clustering",
        "The head with the least loss is the most accurate, so no label is needed to choose it.",
        "accuracy of the most accurate head, less that of the head with the least loss",
        difference(of_seeds("iic", "most_accurate"), of_seeds("iic", "accuracy")),
        high=0.01,
    ),
    Claim(
        "clustering",
        "The assignment of clusters to digits that is found on training digits holds on test digits.",
        "accuracy with the assignment that suits the test digits best, less that with the one of training digits",
        difference(of_seeds("iic", "source_accuracy"), of_seeds("iic", "accuracy")),
        high=0.01,
    ),
)

CLAIMS = (*XOR, *MASKED_DIGITS, *CORNER, *AUTOENCODER, *DETECTION, *CONDITIONAL, *INFORMATION, *CLUSTERING)
