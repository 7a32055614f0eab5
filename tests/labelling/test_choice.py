"""The least sure photographs first, and none that looks like another."""

import numpy as np

from maskwright.labelling.choice import choose
from maskwright.looking.hashing import ALIKE, Hash


def hashed(seed, changed=0):
    """Return a hash of random bits, with the first ones changed; those of different seeds differ in about half."""
    bits = np.random.default_rng(seed).integers(0, 2, 256).astype(np.uint8)
    bits[:changed] ^= 1
    turned = np.random.default_rng(seed + 1000).integers(0, 2, 256).astype(np.uint8)
    return Hash(np.packbits(bits).tobytes(), np.packbits(turned).tobytes())


def test_the_least_sure_first():
    found = choose([0.1, 0.9, 0.5], [hashed(0), hashed(1), hashed(2)], [], 2)
    assert found == ([1, 2], 0, 0)
    assert choose([0.1, 0.9], [hashed(0), hashed(1)], [], 5).chosen == [1, 0]


def test_of_photographs_that_look_alike_the_less_sure_one():
    near, far = hashed(0, ALIKE), hashed(0, ALIKE + 1)
    assert choose([0.1, 0.9], [hashed(0), near], [], 2) == ([1], 0, 1)
    assert choose([0.1, 0.9], [hashed(0), far], [], 2) == ([1, 0], 0, 0)


def test_what_looks_like_a_labelled_photograph_is_passed_over():
    assert choose([0.1, 0.9], [hashed(0), hashed(1, 3)], [hashed(7), hashed(1)], 2) == ([0], 1, 0)
    assert choose([0.9], [hashed(1)], [hashed(1)], 2) == ([], 1, 0)
