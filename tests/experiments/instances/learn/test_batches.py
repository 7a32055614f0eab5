import numpy as np
import pytest

from maskwright.experiments.instances.learn.batches import load_split, numbered_batches
from maskwright.experiments.instances.learn.train import known_things, load_objects
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.settings import Augmentation
from support.tiny_instances import CLASSES, write_split


def scene(label=1, number=40_000):
    mask, numbers = np.zeros((20, 30), np.uint8), np.zeros((20, 30), np.uint16)
    mask[4:12, 6:20], numbers[4:12, 6:20] = label, number
    return np.full((20, 30, 3), 90, np.uint8), mask, numbers


def test_a_split_is_resized_to_the_network(tmp_path):
    data = load_split(write_split(tmp_path / "train", [scene(), scene(2)]), (10, 15))
    assert data.images.shape == (2, 10, 15, 3)
    assert data.objects.dtype == np.uint16
    assert set(np.unique(data.objects)) == {0, 40_000}
    assert (data.masks[1][data.objects[1] > 0] == 2).all()


def test_batches_are_the_same_from_a_later_epoch_on(tmp_path):
    data = load_split(write_split(tmp_path / "train", [scene(1 + n % 2, n + 1) for n in range(4)]), (16, 24))
    things = known_things(CLASSES, [])
    strength = Augmentation(flip=0.5, scale=0.2, rotate=5.0, crop=0.1, colour=0.2)

    def batches(start):
        stream = numbered_batches(
            data, things, sigma=1.0, epoch_images=4, batch_size=2, augmentation=strength, seed=3, epochs=(start, 2)
        )
        return [tuple(np.asarray(part) for part in batch) for batch in stream]

    whole, rest = batches(0), batches(1)
    assert (len(whole), len(rest)) == (4, 2)
    for one, other in zip(whole[2:], rest, strict=True):
        assert all((a == b).all() for a, b in zip(one, other, strict=True))


def test_what_cannot_be_learned_from_is_one_line(tmp_path):
    image, mask, numbers = scene()
    things = known_things(CLASSES, [])
    empty = write_split(tmp_path / "train", [(image, 0 * mask, 0 * numbers)])
    with pytest.raises(MaskwrightError, match=r"index.csv: no image has an object as large as a pixel of 15 x 10"):
        load_objects(empty, (10, 15), things)
    mask[:], numbers[:] = 0, 0
    mask[7, 7], numbers[7, 7] = 1, 1  # smaller than the network's pixel, and not in its middle
    tiny = write_split(tmp_path / "tiny", [(image, mask, numbers)])
    with pytest.raises(MaskwrightError, match="no image has an object as large as a pixel of 3 x 2"):
        load_objects(tiny, (2, 3), things)
    (tmp_path / "tiny/objects/0.png").unlink()
    (tmp_path / "tiny/objects").rmdir()
    with pytest.raises(MaskwrightError, match="objects: no such folder; run `maskwright masks` again"):
        load_objects(tiny, (10, 15), things)
    with pytest.raises(MaskwrightError, match=r"^instances.stuff: 'sky' is not among the classes \(cup, can\)"):
        known_things(CLASSES, ["sky"])
    with pytest.raises(MaskwrightError, match=r"^instances.stuff: names every class"):
        known_things(CLASSES, ["cup", "can"])
