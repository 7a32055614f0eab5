from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maskwright.experiments.segmentation.learn.batches import (
    LabelledImages,
    labelled_batches,
    load_images,
    plain_batches,
)
from maskwright.photos.batches import steps_per_epoch
from maskwright.photos.images import IGNORE
from maskwright.photos.splits import Example
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.settings import Augmentation

NOTHING = Augmentation(flip=0.0)
ALL = Augmentation(flip=0.5, scale=0.4, rotate=30.0, crop=0.2, colour=0.5)


def numbered(count: int) -> LabelledImages:
    """Return images and masks of 4 x 6 pixels that are all their own index."""
    index = np.arange(count, dtype=np.uint8)
    return LabelledImages(
        np.broadcast_to(index[:, None, None, None], (count, 4, 6, 3)).copy(),
        np.broadcast_to(index[:, None, None], (count, 4, 6)).copy(),
    )


def stream(data: LabelledImages, *, epoch_images=0, batch_size=2, augmentation=NOTHING, seed=0, epochs=(0, 1)):
    found = labelled_batches(
        data,
        epoch_images=epoch_images,
        batch_size=batch_size,
        augmentation=augmentation,
        seed=seed,
        epochs=epochs,
    )
    return list(found.as_numpy_iterator())


def order(data: LabelledImages, **settings) -> list[list[int]]:
    """Return the indices of the images in each batch, having checked that masks come with their images."""
    found = []
    for images, masks in stream(data, **settings):
        assert images.dtype == np.float32
        assert masks.dtype == np.int32
        assert images.shape == (len(masks), 4, 6, 3)
        np.testing.assert_array_equal(images, np.repeat(masks[..., None], 3, axis=3))
        found.append(masks[:, 0, 0].tolist())
    return found


class TestLoading:
    def example(self, folder: Path, name: str, size: tuple[int, int], grey: int, label: int) -> Example:
        example = Example(folder / f"{name}.png", folder / f"{name}_mask.png")
        Image.fromarray(np.full((*size, 3), grey, np.uint8)).save(example.image)
        Image.fromarray(np.full(size, label, np.uint8)).save(example.mask)
        return example

    def test_sizes_are_made_equal_and_the_order_kept(self, tmp_path: Path):
        examples = [self.example(tmp_path, str(i), (3 + i, 20 - i), 10 * i, i) for i in range(10)]
        data = load_images(examples, (8, 12))
        assert data.images.shape == (10, 8, 12, 3)
        assert data.images.dtype == np.uint8
        assert data.masks.shape == (10, 8, 12)
        assert data.masks.dtype == np.uint8
        assert len(data) == 10
        assert data.images[:, 0, 0, 0].tolist() == [10 * i for i in range(10)]
        assert data.masks[:, -1, -1].tolist() == list(range(10))

    def test_masks_take_the_nearest_pixel(self, tmp_path: Path):
        example = self.example(tmp_path, "a", (2, 2), 0, 0)
        Image.fromarray(np.array([[0, IGNORE], [7, 2]], np.uint8)).save(example.mask)
        data = load_images([example], (4, 4))
        assert data.masks[0].tolist() == [[0, 0, 255, 255], [0, 0, 255, 255], [7, 7, 2, 2], [7, 7, 2, 2]]

    def test_a_broken_photograph_is_named(self, tmp_path: Path):
        examples = [self.example(tmp_path, name, (4, 4), 0, 0) for name in "abc"]
        examples[1].image.write_bytes(b"not an image")
        with pytest.raises(MaskwrightError, match=r"b.png: not an image"):
            load_images(examples, (4, 4))

    def test_a_missing_mask_is_named(self, tmp_path: Path):
        example = self.example(tmp_path, "a", (4, 4), 0, 0)
        example.mask.unlink()
        with pytest.raises(MaskwrightError, match=r"a_mask.png: no such file"):
            load_images([example], (4, 4))


class TestStream:
    def test_a_pass_shows_each_image_once(self):
        found = order(numbered(6), epochs=(0, 4))
        passes = np.reshape(found, (4, 6)).tolist()
        assert all(sorted(one) == list(range(6)) for one in passes)
        assert len({tuple(one) for one in passes}) == 4  # each in its own order

    def test_several_passes_an_epoch(self):
        # 12 images in 2 passes of 5: 3 passes, 15 images, 7 batches of 2; the last image of the epoch is dropped.
        found = order(numbered(5), epoch_images=12, epochs=(0, 2))
        assert [len(batch) for batch in found] == [2] * 14
        for epoch in np.reshape(found, (2, 14)).tolist():
            assert sorted(epoch[:5]) == sorted(epoch[5:10]) == list(range(5))
            assert len(set(epoch[10:])) == 4

    @pytest.mark.parametrize(("count", "epoch_images", "batch_size"), [(5, 12, 2), (3, 3, 16), (7, 1, 3), (1, 1, 1)])
    def test_has_the_promised_number_of_batches(self, count: int, epoch_images: int, batch_size: int):
        found = order(numbered(count), epoch_images=epoch_images, batch_size=batch_size, epochs=(0, 3))
        assert len(found) == 3 * steps_per_epoch(count, epoch_images, batch_size)
        assert len({len(batch) for batch in found}) == 1

    @pytest.mark.parametrize("start", [1, 2])
    def test_a_later_start_is_the_rest_of_the_whole(self, start: int):
        rng = np.random.default_rng(0)
        data = LabelledImages(
            rng.integers(0, 256, (5, 4, 6, 3)).astype(np.uint8), rng.integers(0, 3, (5, 4, 6)).astype(np.uint8)
        )
        settings = {"epoch_images": 12, "augmentation": ALL, "seed": 3}
        whole = stream(data, **settings, epochs=(0, 3))
        rest = stream(data, **settings, epochs=(start, 3))
        assert len(rest) == 7 * (3 - start)
        for (images, masks), (other_images, other_masks) in zip(whole[7 * start :], rest, strict=True):
            np.testing.assert_array_equal(images, other_images)
            np.testing.assert_array_equal(masks, other_masks)

    def test_an_image_is_varied_anew_each_time(self):
        data = LabelledImages(np.full((1, 4, 6, 3), 100, np.uint8), np.zeros((1, 4, 6), np.uint8))
        found = stream(data, batch_size=1, augmentation=Augmentation(colour=0.5), epoch_images=3, epochs=(0, 2))
        assert len({images[0, 0, 0].tobytes() for images, _ in found}) == 6

    def test_depends_on_the_seed_alone(self):
        data = numbered(8)
        assert order(data, seed=1) == order(data, seed=1)
        assert order(data, seed=1) != order(data, seed=2)


def test_plain_batches_keep_the_order_and_the_rest():
    data = numbered(5)
    found = list(plain_batches(data, 2))
    assert [masks[:, 0, 0].tolist() for _, masks in found] == [[0, 1], [2, 3], [4]]
    assert [images[:, 0, 0, 0].tolist() for images, _ in found] == [[0, 1], [2, 3], [4]]
