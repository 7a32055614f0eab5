import numpy as np
import pytest
import tensorflow as tf

from maskwright.experiments.instances.learn.grouping import Objects, find_centres, group, grouper, things_of
from maskwright.experiments.instances.params import Grouping

CLASSES = ["background", "cup", "can", "table"]
THINGS = things_of(CLASSES, ["table"])


def outputs_of(mask, numbers, centres, *, heat=1.0):
    """What a perfect network says: sure classes, offsets to the centres, and a hot pixel at each centre."""
    rows, columns = np.indices(mask.shape)
    outputs = np.zeros((*mask.shape, len(CLASSES) + 3), np.float32)
    outputs[..., : len(CLASSES)] = 20 * np.eye(len(CLASSES))[mask]
    for number, (down, across) in enumerate(centres, start=1):
        where = numbers == number
        outputs[where, -2], outputs[where, -1] = (down - rows)[where], (across - columns)[where]
        outputs[round(down), round(across), -3] = heat
    return outputs


def squares(places, shape=(40, 60), side=6, labels=None):
    mask, numbers = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    for number, (top, left) in enumerate(places, start=1):
        mask[top : top + side, left : left + side] = 1 if labels is None else labels[number - 1]
        numbers[top : top + side, left : left + side] = number
    centres = [(top + side // 2, left + side // 2) for top, left in places]
    return mask, numbers, centres


def run(outputs, size=None, **settings):
    found = group(tf.constant(outputs), tf.constant(size or outputs.shape[:2]), THINGS, Grouping(**settings))
    return Objects(*map(np.asarray, found))


def same_objects(found, numbers):
    """Return whether two numberings divide the pixels alike."""
    pairs = {(one, two) for one, two in zip(found.ravel().tolist(), numbers.ravel().tolist(), strict=True)}
    return len(pairs) == len({one for one, _ in pairs}) == len({two for _, two in pairs})


def test_squares_that_touch_are_told_apart():
    mask, numbers, centres = squares([(4, 4), (4, 10), (10, 4), (20, 30)], labels=[1, 1, 1, 2])
    found = run(outputs_of(mask, numbers, centres))
    assert same_objects(found.numbers, numbers)
    assert (found.mask == mask).all()
    assert sorted(found.classes.tolist()) == [1, 1, 1, 2]
    assert found.scores == pytest.approx([1, 1, 1, 1], abs=1e-5)
    assert sorted(found.centres.tolist()) == [[7.5, 7.5], [7.5, 13.5], [13.5, 7.5], [23.5, 33.5]]


def test_an_object_has_the_class_of_most_of_its_pixels_and_stuff_is_not_divided():
    mask, numbers, centres = squares([(4, 4), (20, 30)])
    mask[4:6, 4:10] = 2  # 12 of the first object's 36 pixels
    mask[30:, :] = 3
    found = run(outputs_of(mask, numbers, centres))
    assert found.classes.tolist() == [1, 1]
    assert (found.mask[4:10, 4:10] == 1).all()
    assert (found.mask[30:] == 3).all()
    assert (found.numbers[30:] == 0).all()


def test_small_objects_are_dropped_and_faint_centres_are_none():
    mask, numbers, centres = squares([(4, 4), (20, 30)], side=3)
    outputs = outputs_of(mask, numbers, centres)
    assert run(outputs).numbers.max() == 0  # 9 pixels each
    assert run(outputs, least_pixels=9).numbers.max() == 2
    nothing = run(outputs_of(mask, numbers, centres, heat=0.05), least_pixels=1)
    assert (nothing.numbers.max(), nothing.mask.max(), len(nothing.classes)) == (0, 0, 0)


def test_scores_order_the_numbers():
    mask, numbers, centres = squares([(4, 4), (20, 30)])
    outputs = outputs_of(mask, numbers, centres)
    outputs[centres[0]][..., -3] = 0.5
    found = run(outputs)
    assert found.scores == pytest.approx([1, 0.5], abs=1e-5)
    assert found.numbers[22, 32] == 1
    assert found.numbers[6, 6] == 2


def test_of_centres_in_a_window_the_hottest_counts():
    heat = np.zeros((9, 12), np.float32)
    heat[4, 2], heat[4, 4], heat[4, 9] = 0.9, 0.5, 0.3
    places, values = find_centres(tf.constant(heat), Grouping(window=5))
    assert np.asarray(places).tolist() == [[4, 2], [4, 9]]
    assert np.asarray(values) == pytest.approx([0.9, 0.3])
    places, _ = find_centres(tf.constant(heat), Grouping(window=3))
    assert len(places) == 3
    places, _ = find_centres(tf.constant(heat), Grouping(window=3, most=2))
    assert np.asarray(places).tolist() == [[4, 2], [4, 4]]


@pytest.mark.parametrize("count", [1, 20, 1500])
def test_the_nearest_centre_is_that_of_a_search_through_all(count):
    """With few centres exactly; with many, pixels that point halfway between two may go to either."""
    rng = np.random.default_rng(count)
    shape = (60, 80)
    outputs = rng.normal(size=(*shape, len(CLASSES) + 3)).astype(np.float32)
    outputs[..., 0] = -9
    outputs[..., 3] = -9
    outputs[..., -2:] *= 3
    spots = rng.choice(shape[0] * shape[1], count, replace=False)
    heat = np.zeros(shape[0] * shape[1], np.float32)
    heat[spots] = rng.uniform(0.5, 1, count)
    outputs[..., -3] = heat.reshape(shape)
    settings = Grouping(window=3, least_pixels=1, most=5000)
    found = run(outputs, window=3, least_pixels=1, most=5000)
    centres = np.asarray(find_centres(tf.constant(outputs[..., -3]), settings)[0])
    rows, columns = np.indices(shape)
    points = np.stack([rows + outputs[..., -2], columns + outputs[..., -1]], axis=-1)
    points = np.clip(np.rint(points), 0, [shape[0] - 1, shape[1] - 1])
    distances = np.linalg.norm(points[:, :, None] - centres, axis=-1)
    given = found.centres[found.numbers - 1] - 0.5  # each pixel's centre, in the network's pixels
    excess = np.linalg.norm(points - given, axis=-1) - distances.min(axis=-1)
    assert excess.max() <= (1e-4 if 60 * 80 * len(centres) <= 2_000_000 else 2 * np.sqrt(2) * 1.5)


def test_a_larger_photograph_has_the_same_objects():
    mask, numbers, centres = squares([(4, 4), (4, 10), (20, 30)])
    found = run(outputs_of(mask, numbers, centres), size=(160, 240))
    large = numbers.repeat(4, 0).repeat(4, 1)
    assert found.numbers.shape == (160, 240)
    for number in (1, 2, 3):
        here = large == number
        values, counts = np.unique(found.numbers[here], return_counts=True)
        best = values[counts.argmax()]
        assert (here & (found.numbers == best)).sum() / (here | (found.numbers == best)).sum() > 0.8
    assert found.centres.max() == pytest.approx(33.5 * 4)


def test_thousands_of_objects_and_one_over_the_whole_photograph():
    places = [(top, left) for top in range(0, 160, 4) for left in range(0, 240, 4)]
    mask, numbers, centres = squares(places, (160, 240), 4)
    found = run(outputs_of(mask, numbers, centres), window=3, least_pixels=4, most=5000)
    assert len(found.classes) == 2400
    assert len(run(outputs_of(mask, numbers, centres), window=3, most=1000, least_pixels=1).classes) == 1000
    whole = np.ones((40, 60), np.int64)
    found = run(outputs_of(whole, whole, [(20, 30)]))
    assert (found.numbers == 1).all()


def test_compiled_it_finds_the_same():
    mask, numbers, centres = squares([(4, 4), (20, 30)])
    outputs = outputs_of(mask, numbers, centres)
    compiled = grouper(THINGS, Grouping())
    for size in ((40, 60), (55, 99)):
        for one, other in zip(compiled(outputs, size), run(outputs, size), strict=True):
            assert one.dtype == other.dtype
            assert np.allclose(one, other)


def test_it_runs_in_a_map_over_a_batch():
    mask, numbers, centres = squares([(4, 4), (20, 30)])
    batch = tf.constant(np.stack([outputs_of(mask, numbers, centres), 0 * outputs_of(mask, numbers, centres)]))
    maps = tf.map_fn(
        lambda one: group(one, tf.constant([40, 60]), THINGS, Grouping()).numbers,
        batch,
        fn_output_signature=tf.TensorSpec((None, None), tf.int32),
    )
    assert np.asarray(maps).max(axis=(1, 2)).tolist() == [2, 0]


def test_background_and_stuff_are_no_things():
    assert np.flatnonzero(THINGS).tolist() == [1, 2]
