import numpy as np
import pytest

from maskwright.experiments.corner.data import CORNER_INDEX
from maskwright.experiments.corner.learn.orders import draw_batches, draw_epochs, pattern_counts, repeat_corner
from maskwright.experiments.corner.learn.variants import Setting

POSTED = Setting(epochs=2)
REPEATED = Setting(labels="matched", epochs=2, repeats=64)


def test_runs_of_one_seed_see_the_same():
    batches = next(draw_batches([POSTED, REPEATED], [7, 8], [1]))
    assert batches.shape == (16, 512, 4)
    posted, _, repeated, _ = np.moveaxis(batches.astype(int), -1, 0)
    assert (posted.sum(axis=0) == 1).all()
    assert (posted.sum(axis=1) == 32).all()
    assert repeated[:, CORNER_INDEX].sum() == 64
    # 63 of the others gave way, and all that stayed are in the batch where they were.
    others = np.delete(np.arange(512), CORNER_INDEX)
    assert (posted - repeated)[:, others].sum() == 63
    assert (posted >= repeated)[:, others].all()
    assert (posted[..., None] != batches[..., 1:2]).any()


def test_balanced_epochs_have_as_many_corners():
    rows = draw_epochs(np.random.default_rng(0), 2, balanced=True)
    assert rows.shape == (2, 1022)
    assert (rows == CORNER_INDEX).sum(axis=1).tolist() == [511, 511]
    counts = pattern_counts(rows, 512)
    assert counts.shape == (4, 512)
    assert counts.sum(axis=1).tolist() == [512, 510, 512, 510]
    np.testing.assert_array_equal(counts[0], np.bincount(rows[0, :512], minlength=512))
    np.testing.assert_array_equal(counts[3], np.bincount(rows[1, 512:], minlength=512))


def test_repeats_take_the_place_of_the_first_in_rank():
    rows = np.array([[*range(512)]])
    ranks = np.array([[*range(511)]])
    np.testing.assert_array_equal(repeat_corner(rows, ranks, 1), rows)
    # 26 others before the corner, so that the ranks 0 to 27 are the patterns 0 to 26 and 28.
    expected = np.array([[27] * 29 + [*range(29, 512)]])
    np.testing.assert_array_equal(repeat_corner(rows, ranks, 29), expected)
    assert (repeat_corner(rows, ranks, 512) == CORNER_INDEX).all()


@pytest.mark.parametrize("setting", [REPEATED, Setting(batch_size=512), Setting(batch_size=1)])
def test_a_shorter_last_part_has_the_batches_that_a_long_one_begins_with(setting):
    short, long = (np.concatenate(list(draw_batches([setting], [3], parts))) for parts in ([2, 1], [2, 2]))
    steps = {512: 1, 32: 16, 1: 512}[setting.batch_size]
    assert len(short) == 3 * steps
    np.testing.assert_array_equal(short, long[: 3 * steps])
