"""The scores of networks on XOR, and the best possible accuracy. Plain functions of arrays."""

from typing import NamedTuple

import numpy as np

from maskwright.experiments.xor.data import CASES


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
