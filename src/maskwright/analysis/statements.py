"""The sources' statements, one `Claim` each; see `analysis.claims` for how they are judged."""

from collections.abc import Callable
from functools import reduce
from math import inf
from operator import getitem
from typing import Any

import numpy as np

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


def _share_without(variant: str, *measures: str) -> Measure:
    """Measure the share of the seeds in which all of `measures` are 0."""

    def measured(results: Results) -> tuple[Interval, int]:
        happened = np.array([results.seeds(variant, measure) for measure in measures]) > 0
        return share_interval(int((~happened.any(axis=0)).sum()), happened.shape[1]), happened.shape[1]

    return measured


def _difference(first: tuple[str, str], second: tuple[str, str]) -> Measure:
    """Measure how much greater the first is than the second, seed by seed; each is a variant and a measure of it."""

    def measured(results: Results) -> tuple[Interval, int]:
        one, other = results.seeds(*first), results.seeds(*second)
        return paired_difference(one, other), len(one)

    return measured


def _number(variant: str, *keys: str) -> Measure:
    """Take a number of `variants.json` that no seed decides."""

    def measured(results: Results) -> tuple[Interval, int]:
        value: Any = reduce(getitem, keys, results.variants[variant])
        return Interval(value, value, value), 0

    return measured


def _stored(variant: str, *keys: str) -> Measure:
    """Take an interval over the seeds that `variants.json` holds."""

    def measured(results: Results) -> tuple[Interval, int]:
        value: Any = reduce(getitem, keys, results.variants[variant])
        return Interval(**value), results.variants[variant]["seeds"]

    return measured


def _effect(change: str) -> Measure:
    """Take the effect of a change, as `metrics.json` of the sweep's effects calls it."""

    def measured(results: Results) -> tuple[Interval, int]:
        effect = results.effects["effects"][change]
        return Interval(effect["estimate"], effect["low"], effect["high"]), results.effects["seeds"]

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
        _difference(("random", "accuracy"), ("none", "accuracy")),
        high=0.01,
    ),
)

CORNER = (
    Claim(
        "corner",
        "Weights set by hand are right, and yet `evaluate` reports a loss above 0.",
        "mean squared error that Keras reports for labels of shape (512,)",
        _number("hand_set", "evaluate", "labels_512"),
        low=1e-9,
        digits=4,
    ),
    Claim(
        "corner",
        "That loss is real: the weights set by hand are not quite right.",
        "mean squared error that Keras reports for labels of the outputs' shape",
        _number("hand_set", "evaluate", "labels_512_1_1_1"),
        low=1e-9,
    ),
    Claim(
        "corner",
        "Trained with squared error and a hard sigmoid, the network ends with zero everywhere.",
        "share of the seeds that find neither the corner nor anything else",
        _share_without("as_posted", "recall", "false_positives"),
        low=0.8,
    ),
    Claim(
        "corner",
        "The reason is the labels: with their shape mended it learns.",
        "share of the seeds that get all 512 right, once only the shape is mended",
        _share("matched_labels", "solved"),
        low=0.5,
    ),
    Claim(
        "corner",
        "The reason is that one in 512 examples is the corner: shown more often, it is learned.",
        "share of the seeds that get all 512 right, the labels' shape mended too",
        _share("repeated_corner", "solved"),
        low=0.5,
    ),
    Claim(
        "corner",
        "A logistic sigmoid with cross-entropy learns it.",
        "share of the seeds that get all 512 right",
        _share("sigmoid_bce", "solved"),
        low=0.5,
    ),
    Claim(
        "corner",
        "A softmax of two with cross-entropy learns it.",
        "share of the seeds that get all 512 right",
        _share("softmax_ce", "solved"),
        low=0.5,
    ),
    Claim(
        "corner",
        "A softmax needs as many corners as other patterns.",
        "share of the seeds that get all 512 right, balanced less unbalanced",
        _difference(("balanced", "solved"), ("softmax_ce", "solved")),
        low=0.05,
    ),
    Claim(
        "corner",
        "Slid over an image, the trained network finds the top-left corners of rectangles.",
        "recall on clean images; its precision stands beside it in plots/variants.json",
        _stored("repeated_corner", "detection", "clean", "recall"),
        low=0.95,
    ),
)


def _below_bound(variant: str, statement: str) -> Claim:
    return Claim(
        "masked_digits",
        statement,
        "accuracy on single digits, less that on the marked one of four",
        _difference(("single", "accuracy"), (variant, "accuracy")),
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
        _difference(("channel", "accuracy"), ("channel", "canvas_accuracy")),
        high=0.02,
    ),
    Claim(
        "masked_digits",
        "Without a mask, all one can do is guess among the four.",
        "accuracy without a mask; the best guess is right in 38 % of the test grids, any of the four in 32 %",
        _mean("none", "accuracy", (0, 1)),
        low=0.25,
        high=0.39,
    ),
    Claim(
        "masked_digits",
        "A random mask is no better.",
        "accuracy with a random mask",
        _mean("random", "accuracy", (0, 1)),
        low=0.25,
        high=0.39,
    ),
)


def _effect_claim(change: str, statement: str, *, improves: bool) -> Claim:
    quantity = f"cross-entropy of a test pixel, in nats: change by {change}"
    low, high = (-inf, 0.0) if improves else (0.0, inf)
    return Claim("autoencoder", statement, quantity, _effect(change), low, high)


AUTOENCODER = (
    _effect_claim("batch_norm: false to true", "Batch norm improves reconstructions.", improves=True),
    _effect_claim("dropout: 0 to 0.2", "Dropout improves them.", improves=True),
    _effect_claim("attention: none to spatial", "Spatial attention improves them.", improves=True),
    _effect_claim("activation: elu to relu", "relu in place of elu makes them worse.", improves=False),
    _effect_claim("activation: elu to selu", "selu in place of elu makes them worse.", improves=False),
    _effect_claim("activation: elu to sigmoid", "sigmoid in place of elu makes them worse.", improves=False),
)

CLAIMS = (*XOR, *MASKED_DIGITS, *CORNER, *AUTOENCODER)
