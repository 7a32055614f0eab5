"""The identities of mutual information and entropy, 13.1.1 to 13.2.8 in the source, computed for some distributions.

Each side of an identity is computed in its own way: a divergence by scipy, conditional entropies from the conditional
distributions, and the rest from the entropies of `learning.views.information`. So they could disagree.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import rel_entr

from maskwright.learning.views.information import entropy, information


def example_joints() -> dict[str, np.ndarray]:
    """Return joint distributions P(X, Y), (A, B) each.

    `byte` is the source's example: X is a uniform byte, and Y its four most significant bits. `random` has no zero,
    `independent` has the same marginals as `random`, and in `deterministic` X and Y determine each other.
    """
    rng = np.random.default_rng(0)
    random = rng.dirichlet(np.ones(24)).reshape(4, 6)
    return {
        "byte": np.repeat(np.eye(16), 16, axis=0) / 256,
        "random": random,
        "independent": np.outer(random.sum(axis=1), random.sum(axis=0)),
        "deterministic": np.diag(rng.dirichlet(np.ones(5)))[:, rng.permutation(5)],
    }


def identities(joint: np.ndarray) -> list[tuple[str, str, float, float]]:
    """Compute both sides of each identity.

    Args:
        joint: (A, B) probabilities P(X, Y).

    Returns:
        The equation's number in the source, what it says, its left side and its right side, in bits. The source's
        formulas of 13.2.6 and 13.2.7 are taken from the words around them: I by both conditional entropies, and what
        follows from Bayes' theorem.
    """
    of = information(joint, "bits")
    x, y = joint.sum(axis=1), joint.sum(axis=0)
    x_given_y, y_given_x = _conditional(joint), _conditional(joint.T)
    mutual = _divergence(joint)
    there = joint > 0
    ratio = np.log2(joint[there] / np.outer(x, y)[there])
    surprise = -np.log2(np.broadcast_to(x[:, None], joint.shape)[there])
    return [
        (
            "13.1.1, 13.1.2",
            "KL(P(X,Y) || P(X)P(Y)) = sum P(x,y) log P(x,y) / P(x)P(y)",
            mutual,
            float(joint[there] @ ratio),
        ),
        ("13.2.1", "H(X) = -E log P(X)", of.x, float(joint[there] @ surprise)),
        ("13.2.2", "I(X;Y) = H(X) + H(Y) - H(X,Y)", mutual, of.x + of.y - of.joint),
        ("13.2.3", "I(X;Y) = H(X) - H(X|Y)", mutual, of.x - x_given_y),
        ("13.2.4", "I(X;Y) = H(Y) - H(Y|X)", mutual, of.y - y_given_x),
        ("13.2.5", "I(X;Y) = I(Y;X)", mutual, information(joint.T, "bits").mutual),
        ("13.2.6", "I(X;Y) = H(X,Y) - H(X|Y) - H(Y|X)", mutual, of.joint - x_given_y - y_given_x),
        ("13.2.7", "H(Y|X) = H(X|Y) - H(X) + H(Y)", y_given_x, x_given_y - of.x + of.y),
        ("13.2.8", "H(X|Y) = H(X) - I(X;Y)", x_given_y, of.x - mutual),
    ]


def identity_table() -> pd.DataFrame:
    """Return a row for each example and identity: joint, equation, identity, left, right and difference, in bits."""
    rows = [
        (name, equation, text, left, right, left - right)
        for name, joint in example_joints().items()
        for equation, text, left, right in identities(joint)
    ]
    return pd.DataFrame(rows, columns=["joint", "equation", "identity", "left", "right", "difference"])


def about_identities(table: pd.DataFrame) -> Mapping[str, Any]:
    """Return for each example its entropies and information in bits, and its identities' largest difference."""
    about = {}
    for name, joint in example_joints().items():
        of = information(joint, "bits")
        numbers = {"H(X)": of.x, "H(Y)": of.y, "H(X,Y)": of.joint, "I(X;Y)": of.mutual}
        given = {"H(X|Y)": _conditional(joint), "H(Y|X)": _conditional(joint.T)}
        largest = float(table.loc[table["joint"] == name, "difference"].abs().max())
        # The last digits depend on the processor.
        about[name] = {
            name: round(value, 9) for name, value in {**numbers, **given, "largest_difference": largest}.items()
        }
    return about


def _conditional(joint: np.ndarray) -> float:
    """Return H(X | Y) in bits: the mean over Y of the entropy of P(X | Y = y)."""
    columns = [(column.sum(), column) for column in joint.T if column.sum() > 0]
    return float(sum(share * entropy(column / share, "bits") for share, column in columns))


def _divergence(joint: np.ndarray) -> float:
    """Return the Kullback-Leibler divergence of the joint distribution from the product of the marginals, in bits."""
    product = np.outer(joint.sum(axis=1), joint.sum(axis=0))
    return float(rel_entr(joint, product).sum() / np.log(2))
