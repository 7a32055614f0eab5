"""Which photographs to label next: the least sure ones, none of which looks like another or like a labelled one."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from maskwright.looking.hashing import Hash, alike


class Choice(NamedTuple):
    """What was chosen.

    Attributes:
        chosen: positions of the photographs to label, the least sure first.
        like_labelled: how many were passed over because they look like a labelled one.
        like_others: how many because they look like one that is less sure.
    """

    chosen: list[int]
    like_labelled: int
    like_others: int


def choose(unsure: Sequence[float], hashes: Sequence[Hash], labelled: Sequence[Hash], count: int) -> Choice:
    """Choose at most `count` photographs.

    Args:
        unsure: of each photograph, how unsure the network is.
        hashes: of each photograph; see `looking.hashing`.
        labelled: those of the labelled photographs.
        count: how many are wanted.
    """
    ranked = np.argsort(-np.asarray(unsure, float), kind="stable").tolist()
    # Each is compared with all that come before it: the labelled ones, then those that are less sure.
    order = [*labelled, *(hashes[place] for place in ranked)]
    kinds = [0] * len(labelled) + [1] * len(ranked)
    pairs = [pair for pair in alike(order, kinds) if pair.second >= len(labelled)]
    passed = {ranked[pair.second - len(labelled)] for pair in pairs}
    like_labelled = sum(pair.first < len(labelled) for pair in pairs)
    chosen = [place for place in ranked if place not in passed]
    return Choice(chosen[:count], like_labelled, len(pairs) - like_labelled)
