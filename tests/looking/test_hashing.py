"""Photographs that look alike: made by hand from one another, and not."""

import io
import tracemalloc

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from maskwright.looking.hashing import ALIKE, Hash, Pair, alike, perceptual_hash


def scene(seed, height=120, width=160):
    """Draw a picture with structure at every scale: noise of several sizes, added up."""
    rng = np.random.default_rng(seed)
    total = np.zeros((height, width, 3))
    for cells in (3, 6, 12, 24):
        noise = rng.integers(0, 256, (cells, cells, 3)).astype(np.uint8)
        total += np.asarray(Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC), float) / cells
    total -= total.min()
    return Image.fromarray((40 + 170 * total / total.max()).astype(np.uint8))


def as_jpeg(picture):
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=40)
    return Image.open(buffer).convert("RGB")


def pairs(*pictures, groups=None):
    hashes = [perceptual_hash(np.asarray(picture)) for picture in pictures]
    return alike(hashes, groups or range(len(pictures)))


COPIES = {
    "half": lambda picture: picture.resize((80, 60)),
    "other proportion": lambda picture: picture.resize((200, 200)),
    "compressed": as_jpeg,
    "brighter": lambda picture: ImageEnhance.Brightness(picture).enhance(1.2),
    "darker": lambda picture: ImageEnhance.Brightness(picture).enhance(0.5),
    "less contrast": lambda picture: ImageEnhance.Contrast(picture).enhance(0.6),
    "grey": lambda picture: picture.convert("L").convert("RGB"),
}


@pytest.mark.parametrize("change", COPIES)
def test_a_changed_copy_is_found(change):
    for seed in range(4):
        ((first, second, bits, mirrored),) = pairs(scene(seed), scene(seed + 50), COPIES[change](scene(seed)))
        assert (first, second, mirrored) == (0, 2, False)
        assert bits <= ALIKE


def test_a_mirrored_copy_is_found_and_called_so():
    mirrored = scene(0).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    assert pairs(scene(0), mirrored) == [Pair(0, 1, 0, True)]
    assert pairs(scene(0), COPIES["half"](mirrored))[0].mirrored
    # Upside down is no photograph that one would take.
    assert pairs(scene(0), scene(0).transpose(Image.Transpose.FLIP_TOP_BOTTOM)) == []


def test_different_pictures_are_not():
    assert pairs(*(scene(seed) for seed in range(60))) == []


def test_pictures_without_contrast_look_like_their_copies_alone():
    def flat(grey, size=(30, 20)):
        return Image.new("RGB", size, (grey, grey, grey))

    assert pairs(flat(90), flat(91), flat(90), flat(90, (20, 30))) == [Pair(0, 2, 0, False)]


def hash_of(*bits):
    """Return a hash with these of 256 bits set; its mirror image's has all others set."""
    values = np.isin(np.arange(256), bits)
    return Hash(np.packbits(values).tobytes(), np.packbits(~values).tobytes())


def test_the_distance_counts_bits_up_to_the_limit():
    origin, at_limit, beyond = hash_of(), hash_of(*range(ALIKE)), hash_of(*range(100, 101 + ALIKE))
    assert alike([origin, at_limit], [0, 1]) == [Pair(0, 1, ALIKE, False)]
    assert alike([origin, beyond], [0, 1]) == []
    # All but three bits set: three away from the mirror image of none.
    assert alike([hash_of(*range(253)), origin], [0, 1]) == [Pair(0, 1, 3, True)]


def test_one_of_another_split_comes_before_a_closer_one_of_the_same():
    hashes = [hash_of(), hash_of(1), hash_of(1, 2), hash_of(1, 2)]
    # The last equals the third, of its own split; of the other split, the second is one bit away and the first two.
    assert alike(hashes, [0, 0, 1, 1]) == [Pair(0, 1, 1, False), Pair(1, 2, 1, False), Pair(1, 3, 1, False)]
    assert alike(hashes, [0, 0, 0, 0])[-1] == Pair(2, 3, 0, False)
    assert alike([], []) == []


def test_many_photographs_take_little_memory_and_one_pair_each():
    rng = np.random.default_rng(0)
    hashes = [Hash(rng.bytes(32), rng.bytes(32)) for _ in range(3000)]
    tracemalloc.start()
    try:
        assert alike(hashes, [0] * 3000) == []
        assert tracemalloc.get_traced_memory()[1] < 20e6  # all pairs' distances alone would take 18 MB
        assert alike(hashes[:1] * 3000, [0] * 3000)[::1000] == [Pair(0, n, 0, False) for n in (1, 1001, 2001)]
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()
