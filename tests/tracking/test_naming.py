"""Names in MLflow: runs by what differs, measures in the order to be read."""

import pytest

from maskwright.tracking.naming import measures, training_label, trial_label

FACTORS = {
    "batch_norm": [False, True],
    "dropout": [0.0, 0.2],
    "attention": ["none", "spatial"],
    "activation": ["elu", "relu"],
    "loss.name": ["dice", "relu"],
}


@pytest.mark.parametrize(
    ("changed", "variant", "data", "label"),
    [
        ({}, "", "", "defaults"),
        ({}, "random", "", "random"),
        ({}, "", "photos", "photos"),
        ({"toy.hidden": 16}, "", "", "hidden=16"),
        ({"toy.seed": 1, "toy.hidden": 16}, "signal", "photos", "signal hidden=16 s1 photos"),
        ({"toy.loss.name": "focal", "toy.loss.weights": None}, "", "", "focal weights=null"),
        # A word that many settings have says nothing alone, and neither does one that two of them have.
        ({"toy.attention": "none", "toy.a": "x", "toy.b": "x"}, "", "", "attention=none a=x b=x"),
        # The shortest end that is one key's alone; other sections keep their name.
        ({"toy.loss.rate": 0.5, "toy.schedule.rate": 1e-5}, "", "", "loss.rate=0.5 schedule.rate=1e-05"),
        ({"digits.seed": 3, "toy.flip": True}, "", "", "digits.seed=3 flip=1"),
        ({"toy.size": [96, 128], "toy.variants": []}, "", "", "size=96,128 variants=[]"),
        ({"toy.weights": "a\n\tb"}, "", "", "a b"),
    ],
)
def test_a_training_is_named_by_what_differs(changed, variant, data, label):
    assert training_label(changed, section="toy", variant=variant, data=data) == label


def test_a_long_name_is_cut_and_says_so():
    changed = {f"toy.setting_{number:02}": number for number in range(20)}
    label = training_label(changed, section="toy")
    # The first ten, such as "setting_00=0", have 12 characters: seven with spaces are 90, and " +13 more" makes 99.
    assert label == " ".join(f"setting_{number:02}={number}" for number in range(7)) + " +13 more"
    assert len(training_label({"toy.word": "w" * 300}, section="toy")) == 100


@pytest.mark.parametrize(
    ("levels", "label"),
    [
        ({"batch_norm": True, "dropout": 0.2, "activation": "elu"}, "batch_norm=1 dropout=0.2 elu s7"),
        ({"attention": "none", "loss.name": "dice"}, "attention=none dice s7"),
        ({"attention": "spatial", "activation": "relu"}, "spatial activation=relu s7"),
        ({"batch_norm": None}, "batch_norm=null s7"),
    ],
)
def test_a_trial_is_named_by_its_levels_and_its_seed(levels, label):
    assert trial_label(levels, 7, FACTORS) == label


def test_every_trial_of_a_sweep_has_another_name():
    from itertools import product

    levels = [dict(zip(FACTORS, combination, strict=True)) for combination in product(*FACTORS.values())]
    names = {trial_label(one, seed, FACTORS) for one in levels for seed in (0, 1)}
    assert len(names) == 2 * 2**5


def test_measures_stand_in_the_order_of_their_sections():
    found = measures(
        {
            "miou": 0.5,
            "images": 3,
            "accuracy": {"mean": 0.75, "low": 0.5, "test_high": 1},
            "loss": {"median": 2.0},
            "per_class": {"a/b": {"iou": 0.25}, "low": {"iou": 1}},
            "nms": {"soft": {"ap": 0.125}},
            "test_intervals": {"miou": [0.25, 0.75]},
            "gate": "soft",
            "none": None,
        }
    )
    assert found == {
        "test/miou": 0.5,
        "test/images": 3.0,
        "test/accuracy.mean": 0.75,
        "test_intervals/accuracy.low": 0.5,
        "test_intervals/accuracy.test_high": 1.0,
        "test/loss.median": 2.0,
        "test_per_class/a/b.iou": 0.25,
        "test_per_class/low.iou": 1.0,
        "test_nms/soft.ap": 0.125,
    }
    sections = sorted({"curves", "validation", *(name.split("/")[0] for name in found)})
    assert sections == ["curves", "test", "test_intervals", "test_nms", "test_per_class", "validation"]
