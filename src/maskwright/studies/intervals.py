"""How sure a score of cross-validation is. Plain functions of arrays.

The folds' scores are not independent: any two folds share most of their training photographs. So the usual interval,
mean ± t · s / √K, is too narrow, and no estimator of the variance from one cross-validation is unbiased for all
distributions (Bengio and Grandvalet 2004, "No Unbiased Estimator of the Variance of K-Fold Cross-Validation", Journal
of Machine Learning Research 5).
Two others are given, which answer different questions:

    folds     another training, tested on other photographs, would have had another score: `corrected_interval`
    pooled    other photographs would have given these K networks another score: the bootstrap over photographs
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
from scipy import special

from maskwright.reporting.intervals import CONFIDENCE, Interval, resampled_interval


def corrected_interval(scores: Sequence[float], test_to_train: float, *, bounds: tuple[float, float]) -> Interval:
    """Return the mean of the folds' scores and its 95 % interval, by Nadeau and Bengio's corrected resampled t.

        mean ± t(0.975, K - 1) · s · √(1/K + n_test / n_train),    s the standard deviation with K - 1

    The second term stands for the correlation of the folds, taken to be n_test / (n_test + n_train). It was derived
    for repeated random divisions; for the K folds of one division it is a rule of thumb.

    Args:
        scores: (K,) finite numbers, K >= 2.
        test_to_train: the number of photographs tested in a fold over the number trained on.
        bounds: the least and the greatest possible score, to which the interval is cut.

    Example:
        0.4, 0.5, 0.6 and a ratio of 1/3: mean 0.5, s = 0.1, t(0.975, 2) = 4.3027, √(1/3 + 1/3) = 0.8165, so the half
        width is 0.3513, in place of 0.2484 by the usual formula.

    References:
        C. Nadeau, Y. Bengio (2003), Inference for the Generalization Error, Machine Learning 52, section 3.
    """
    values = np.asarray(scores, float)
    number = len(values)
    quantile = float(special.stdtrit(number - 1, (1 + CONFIDENCE) / 2))
    half = quantile * float(values.std(ddof=1)) * math.sqrt(1 / number + test_to_train)
    mean = float(values.mean())
    return Interval(mean, max(bounds[0], mean - half), min(bounds[1], mean + half))


def pooled_interval(statistic: Callable[[np.ndarray], float], groups: Sequence[str]) -> Interval:
    """Return a score of all photographs together, and its 95 % interval by the bootstrap over groups of them.

    Photographs of one group, of one patient say, are alike, so a draw takes all of a group or nothing of it.

    Args:
        statistic: a score of drawn photographs, by their places.
        groups: the group of each photograph; its own for one that is by itself.
    """
    places: dict[str, list[int]] = {}
    for place, group in enumerate(groups):
        places.setdefault(group, []).append(place)
    members = [np.array(each) for each in places.values()]
    drawn = resampled_interval(lambda chosen: statistic(np.concatenate([members[n] for n in chosen])), len(members))
    # In the photographs' own order, so that the score is the same to the last digit whatever the groups are.
    return drawn._replace(mean=statistic(np.arange(len(groups))))
