"""What a linear classifier makes of numbers that describe images. Imports no TensorFlow."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

_STEPS = 2000
"""The most steps of the classifier's optimiser; it needs some hundred."""

_TOLERANCE = 1e-5
"""The largest entry of the gradient where the optimiser ends. With scikit-learn's 1e-4 rounding changes answers."""


def linear_answers(inputs: Sequence[np.ndarray], labels: Sequence[np.ndarray]) -> np.ndarray:
    """Fit a linear classifier to the training images, and say which test images it names rightly.

    It is multinomial logistic regression (scikit-learn's, with its default penalty) of standardised inputs.

    Args:
        inputs: (N, F) for the training images, and (M, F) for the test images.
        labels: (N,) and (M,), their classes.

    Returns:
        (M,) bool.
    """
    # In float32 the optimiser ends elsewhere when only the order of its sums differs.
    training, test = (np.asarray(part, np.float64) for part in inputs)
    classifier: Any = make_pipeline(StandardScaler(), LogisticRegression(max_iter=_STEPS, tol=_TOLERANCE))
    return classifier.fit(training, labels[0]).predict(test) == labels[1]


def principal_components(inputs: Sequence[np.ndarray], size: int) -> list[np.ndarray]:
    """Return the first principal components, found on the training images: (N, F), (M, F) -> (N, S), (M, S).

    S is `size`, or F or N if one of them is less.
    """
    training, test = (np.asarray(part, np.float64) for part in inputs)
    found = PCA(min(size, *training.shape), svd_solver="full").fit(training)
    return [found.transform(part) for part in (training, test)]
