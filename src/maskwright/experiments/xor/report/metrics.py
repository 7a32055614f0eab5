"""The scores of networks on XOR, and the best possible accuracy. Plain functions of arrays."""

from itertools import product
from typing import NamedTuple

import numpy as np

from maskwright.experiments.xor.data import CASES, POSITIONS

SOURCES_LOSS = {"signal": 0.00056630466, "random": 0.8080765}
"""For each variant that the source trains, the loss that it reports: of a single batch, drawn after the training."""

CERTAIN = 0.985
"""The least probability that is printed as 0.99, as the source's are."""

QUANTILES = (0.025, 0.5, 0.975)
"""The quantiles of the batches' losses that are reported."""

_DRAWN = 1000
"""The number of batches that are drawn where there are more possible ones."""


class Scores(NamedTuple):
    """The scores of R networks, each (R,).

    Attributes:
        accuracy: share of all possible inputs that are right.
        loss: expected sum of squares of a batch of the four cases, over all inputs.
        solved: 1 if every input is right, else 0.
    """

    accuracy: np.ndarray
    loss: np.ndarray
    solved: np.ndarray


def scores(outputs: np.ndarray, labels: np.ndarray) -> Scores:
    """Score networks on every possible input.

    Args:
        outputs: (N, R, 2) probabilities.
        labels: (N, 2), one-hot.
    """
    right = outputs.argmax(-1) == labels.argmax(-1)[:, None]
    accuracy = right.mean(axis=0)
    loss = np.square(outputs - labels[:, None]).sum(axis=(0, 2)) * (CASES / len(labels))
    return Scores(accuracy, loss, (accuracy == 1).astype(int))


class BatchScores(NamedTuple):
    """How the losses of single batches are spread for each of R networks, each (R,).

    Attributes:
        batch_loss_low, batch_loss_median, batch_loss_high: the quantiles `QUANTILES` over the batches.
        below_sources_loss: share of the batches whose loss is at most the source's; NaN if the source has none.
        certainty: the least probability of the right answer over all possible inputs.
        certain_batches: share of the batches whose four right answers have a probability of at least `CERTAIN`.
    """

    batch_loss_low: np.ndarray
    batch_loss_median: np.ndarray
    batch_loss_high: np.ndarray
    below_sources_loss: np.ndarray
    certainty: np.ndarray
    certain_batches: np.ndarray


def possible_batches(rows: int) -> np.ndarray:
    """Return batches as the source draws them: the four cases at one position, each with noise of its own.

    Args:
        rows: N, the number of possible inputs, in the order of `data.xor_rows`.

    Returns:
        (K, 4) rows of each batch: every possible batch if there are at most 1,000, else 1,000 that are drawn with a
        fixed seed. All are equally likely.

    Example:
        48 inputs are 3 positions x 4 cases x 4 settings of the noise, so there are 3 x 4^4 = 768 batches.
    """
    group = rows // ((POSITIONS - 1) * CASES)
    if (POSITIONS - 1) * group**CASES <= _DRAWN:
        drawn = np.array(list(product(range(POSITIONS - 1), *[range(group)] * CASES)))
        position, noise = drawn[:, :1], drawn[:, 1:]
    else:
        rng = np.random.default_rng(0)
        position, noise = rng.integers(POSITIONS - 1, size=(_DRAWN, 1)), rng.integers(group, size=(_DRAWN, CASES))
    return (position * CASES + np.arange(CASES)) * group + noise


def batch_losses(outputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the sum of squares of each of the `possible_batches`: (N, R, 2), (N, 2) -> (K, R)."""
    squares = np.square(outputs - labels[:, None]).sum(axis=-1)  # (N, R)
    return squares[possible_batches(len(labels))].sum(axis=1)


def batch_scores(outputs: np.ndarray, labels: np.ndarray, sources_loss: float | None) -> BatchScores:
    """Return how the losses of single batches are spread.

    A loss that is read from one batch is one draw from this spread, and cannot be compared with the mean.

    Args:
        outputs: (N, R, 2) probabilities for every possible input.
        labels: (N, 2), one-hot.
        sources_loss: the loss of the one batch that the source reports; None if it reports none.
    """
    losses = batch_losses(outputs, labels)
    share = np.full(losses.shape[1], np.nan) if sources_loss is None else (losses <= sources_loss).mean(axis=0)
    right = (outputs * labels[:, None]).sum(axis=-1)  # (N, R)
    low, median, high = np.quantile(losses, QUANTILES, axis=0)
    certain = (right[possible_batches(len(labels))].min(axis=1) >= CERTAIN).mean(axis=0)
    return BatchScores(low, median, high, share, right.min(axis=0), certain)


def best_accuracy(inputs: np.ndarray, labels: np.ndarray) -> float:
    """Return the accuracy of the best function of the input, which gives each input its more frequent label.

    Args:
        inputs: (N, ...), every possible row, equally likely.
        labels: (N, C), one-hot.

    Example:
        Without a mask, the three pairs of neighbours are three XORs, one of which is the label. All three are equal
        in a quarter of the rows. In the others, the majority is right two times out of three: 1/4 + 3/4 x 2/3 = 0.75.
    """
    _, which = np.unique(inputs.reshape(len(inputs), -1), axis=0, return_inverse=True)
    counts = np.zeros((which.max() + 1, labels.shape[1]))
    np.add.at(counts, which, labels)
    return float(counts.max(axis=1).sum() / len(inputs))
