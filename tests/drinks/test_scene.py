from collections import Counter
from functools import cache

import numpy as np
import pytest
import shapely
from scipy import ndimage
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from maskwright.drinks.difficulty import Difficulty
from maskwright.drinks.objects import CLASSES, make_drink
from maskwright.drinks.scene import Scene, draw_scene
from maskwright.drinks.textures import PHOTOGRAPHS, photograph
from maskwright.via.model import LabelledRegion
from maskwright.via.rasterise import rasterise

SIZE = (120, 160)


@cache
def _scenes() -> list[Scene]:
    return [draw_scene((0, 0, i), SIZE) for i in range(120)]


def _rasterised(scene: Scene) -> np.ndarray:
    regions = [
        LabelledRegion(
            number,
            1 + CLASSES.index(name),
            "polygon",
            {"all_points_x": tuple(outline[:, 0].tolist()), "all_points_y": tuple(outline[:, 1].tolist())},
        )
        for number, (name, outline) in enumerate(scene.objects)
    ]
    return rasterise(regions, *scene.mask.shape)


def test_the_same_seed_gives_the_same_scene():
    one, other = draw_scene((7, 1, 3), (48, 64)), draw_scene((7, 1, 3), (48, 64))
    np.testing.assert_array_equal(one.image, other.image)
    np.testing.assert_array_equal(one.mask, other.mask)
    assert one.quality == other.quality
    for (name, outline), (other_name, other_outline) in zip(one.objects, other.objects, strict=True):
        assert name == other_name
        np.testing.assert_array_equal(outline, other_outline)


@pytest.mark.parametrize("seed", [(8, 1, 3), (7, 2, 3), (7, 1, 4)])
def test_seed_split_and_number_each_change_the_scene(seed: tuple[int, ...]):
    assert (draw_scene((7, 1, 3), (48, 64)).image != draw_scene(seed, (48, 64)).image).any()


def test_every_scene_holds_something_and_all_of_it_is_inside():
    for scene in _scenes():
        assert scene.image.shape == (*SIZE, 3)
        assert scene.image.dtype == np.uint8
        assert scene.mask.dtype == np.uint8
        assert scene.objects
        assert scene.image.std() > 2
        assert 1 <= scene.quality <= 95
        for name, outline in scene.objects:
            assert name in CLASSES
            assert outline.dtype.kind == "i"
            assert outline.min() >= 0
            assert (outline.max(axis=0) <= (SIZE[1], SIZE[0])).all()
            assert shapely.Polygon(outline).is_valid


def test_outlines_agree_with_the_truth():
    ious = []
    for scene in _scenes():
        drawn = _rasterised(scene)
        for index in np.unique(scene.mask):
            both, either = (drawn == index) & (scene.mask == index), (drawn == index) | (scene.mask == index)
            ious.append(both.sum() / either.sum())
    assert np.mean(ious) >= 0.97
    assert np.min(ious) >= 0.85


def test_outlines_are_as_short_as_a_person_draws_them():
    counts = [len(outline) for scene in _scenes() for _, outline in scene.objects]
    assert max(counts) <= 60
    assert 10 <= np.median(counts) <= 30


def test_outlines_are_of_what_is_seen():
    # Annotated areas of different things do not overlap: what is hidden is not part of an outline.
    for scene in _scenes():
        shapes = [shapely.Polygon(outline) for _, outline in scene.objects]
        total, union = sum(shape.area for shape in shapes), shapely.union_all(shapes).area
        assert total <= 1.03 * union


def test_some_things_are_hidden_in_part_and_some_cut_by_the_frame():
    touching = sum(
        outline.min() == 0 or (outline.max(axis=0) == (SIZE[1], SIZE[0])).any()
        for scene in _scenes()
        for _, outline in scene.objects
    )
    assert 0.02 < touching / sum(len(scene.objects) for scene in _scenes()) < 0.5
    meeting = sum((ndimage.grey_dilation(scene.mask, 3) - scene.mask)[scene.mask > 0].any() for scene in _scenes())
    assert 0.07 < meeting / len(_scenes()) < 0.5


def test_classes_are_equally_common():
    """Though wide cans find room less often than slim bottles."""
    counts = Counter(name for i in range(240) for name, _ in draw_scene((1, 0, i), (60, 80)).objects)
    total = sum(counts.values())
    assert total > 300
    for name in CLASSES:
        # Three standard deviations of a third of 350 are 0.076.
        assert counts[name] / total == pytest.approx(1 / 3, abs=0.085)


def test_colour_does_not_give_the_class_away():
    colours, classes = [], []
    for scene in _scenes():
        for index in (1, 2, 3):
            parts, count = ndimage.label(scene.mask == index)  # pyright: ignore
            for part in range(1, count + 1):
                pixels = scene.image[parts == part]
                if len(pixels) > 50:
                    colours.append(pixels.mean(axis=0) / 255)
                    classes.append(index)
    most_common = max(Counter(classes).values()) / len(classes)
    for model in (LogisticRegression(), KNeighborsClassifier(15)):
        # Chance is most_common; the accuracy over n = 250 has a standard deviation of 0.03.
        assert cross_val_score(model, np.array(colours), np.array(classes), cv=5).mean() < most_common + 0.09


def test_proportions_of_the_classes_overlap():
    rng = np.random.default_rng(0)
    widest = {
        name: np.array([make_drink(rng, name, Difficulty()).radius.max() for _ in range(100)]) for name in CLASSES
    }
    for slim, wide in (("water bottle", "soda can"), ("soda can", "juice can")):
        low, high = widest[wide].min(), widest[slim].max()
        assert low < high  # some of the wider class are slimmer than some of the slimmer one


def test_a_thing_hidden_too_much_is_neither_drawn_nor_annotated():
    difficulty = Difficulty(overlap=1.0, visible=0.9, cut=0.0, distractors=0, drinks=(0, 0, 0, 1.0), lying=0.0)
    for i in range(5):
        scene = draw_scene(i, (96, 128), difficulty=difficulty)
        # Unhidden things that stand apart: as many connected parts as outlines.
        assert len(scene.objects) >= 1
        assert (_rasterised(scene) > 0).sum() == pytest.approx((scene.mask > 0).sum(), rel=0.06)


@pytest.mark.parametrize("size", [(8, 8), (8, 60), (60, 8), (33, 47)])
def test_tiny_and_odd_sizes(size: tuple[int, int]):
    for i in range(5):
        scene = draw_scene(i, size)
        assert scene.image.shape == (*size, 3)
        assert scene.mask.any()
        assert scene.objects


def test_splits_share_no_photograph():
    names = [name for split in PHOTOGRAPHS.values() for name in split]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", [name for split in PHOTOGRAPHS.values() for name in split])
def test_photographs_are_colour_and_cannot_be_changed(name: str):
    image = photograph(name)
    assert image.ndim == 3
    assert image.shape[2] == 3
    assert image.dtype == np.uint8
    with pytest.raises(ValueError, match="read-only"):
        image[0, 0] = 0
