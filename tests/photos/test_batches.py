from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from maskwright.photos.augment import NUMBERS, random_numbers
from maskwright.photos.batches import decode_images, decode_masks, image_visits, passes_per_epoch, steps_per_epoch
from maskwright.shared.errors import MaskwrightError


class TestDecoding:
    def write(self, folder: Path, *, mode: str) -> list[Path]:
        """Write ten images of unlike sizes, each of them its own index in all its pixels."""
        paths = []
        for index in range(10):
            paths.append(folder / f"{index}.png")
            Image.fromarray(np.full((3 + index, 20 - index), index, np.uint8)).convert(mode).save(paths[-1])
        return paths

    def test_images(self, tmp_path: Path):
        found = decode_images(self.write(tmp_path, mode="RGB"), (8, 12))
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, np.broadcast_to(np.arange(10)[:, None, None, None], (10, 8, 12, 3)))

    def test_masks(self, tmp_path: Path):
        found = decode_masks(self.write(tmp_path, mode="L"), (8, 12))
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, np.broadcast_to(np.arange(10)[:, None, None], (10, 8, 12)))

    def test_none(self):
        assert decode_images([], (8, 12)).shape == (0, 8, 12, 3)

    def test_a_broken_one_is_named(self, tmp_path: Path):
        paths = self.write(tmp_path, mode="L")
        paths[4].write_bytes(b"not an image")
        for decode in (decode_images, decode_masks):
            with pytest.raises(MaskwrightError, match=r"4\.png: not an image"):
                decode(paths, (8, 12))


class TestEpochLength:
    @pytest.mark.parametrize(
        ("images", "epoch_images", "passes"), [(10, 1, 1), (10, 10, 1), (10, 11, 2), (10, 30, 3), (1000, 320, 1)]
    )
    def test_passes(self, images: int, epoch_images: int, passes: int):
        assert passes_per_epoch(images, epoch_images) == passes

    def test_steps(self):
        assert steps_per_epoch(10, 25, 4) == 7  # 3 passes, 30 images, 7 whole batches of 4
        assert steps_per_epoch(3, 1, 16) == 1  # a smaller batch rather than none

    @given(st.integers(1, 200), st.integers(1, 400), st.integers(1, 64))
    def test_an_epoch_sees_what_was_asked_for(self, images: int, epoch_images: int, batch: int):
        passes, steps = passes_per_epoch(images, epoch_images), steps_per_epoch(images, epoch_images, batch)
        assert passes * images >= epoch_images
        assert (passes - 1) * images < max(epoch_images, 1)
        assert steps >= 1
        if passes * images >= batch:
            assert passes * images - batch < steps * batch <= passes * images


class TestVisits:
    def test_numbers_follow_what_has_been_seen(self):
        # 12 images in 2 passes of 5: 3 passes, 15 images, 7 batches of 2; the last image of the epoch is dropped.
        visits = image_visits(5, epoch_images=12, batch_size=2, seed=3, epochs=(0, 2))
        indices, numbers = (np.concatenate(values) for values in zip(*visits.as_numpy_iterator(), strict=True))
        assert indices.dtype == np.int32
        assert numbers.dtype == np.float32
        assert indices.shape == (28,)
        assert numbers.shape == (28, NUMBERS)
        seen = [*range(14), *range(15, 29)]
        np.testing.assert_array_equal(numbers, [random_numbers(np.array([3, place])) for place in seen])
        assert sorted(indices[14:19]) == list(range(5))
