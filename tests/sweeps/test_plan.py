"""Which trials a sweep has, and what is refused before any of them runs."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskwright.params import load_params
from maskwright.shared.errors import MaskwrightError
from maskwright.sweeps.plan import plan_sweep
from support.sweep_trials import SHIPPED, parameters

TWO_BY_THREE = {"factors": {"hidden": [4, 9], "learning_rate": [0.1, 1, 10.0]}, "seeds": 2}
HALVED = {
    "factors": {
        "mask": ["signal", "none"],
        "steps": [50, 100, 150],
        "hidden": [4, 9],
        "learning_rate": [0.1, 1.0],
    },
    "fraction": "half",
    "seeds": 1,
}


def plan(section, **changes):
    return plan_sweep("toy", parameters(section, **changes))


def levels(section):
    seen = [tuple(trial.levels.values()) for trial in plan(section).trials]
    return list(dict.fromkeys(seen))


def refused(section, **changes):
    with pytest.raises(MaskwrightError) as caught:
        plan(section, **changes)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_full_grid_with_seeds():
    trials = plan(TWO_BY_THREE, seed=7).trials
    assert [(trial.levels["hidden"], trial.levels["learning_rate"], trial.seed) for trial in trials] == [
        (4, 0.1, 7), (4, 0.1, 8), (4, 1, 7), (4, 1, 8), (4, 10.0, 7), (4, 10.0, 8),
        (9, 0.1, 7), (9, 0.1, 8), (9, 1, 7), (9, 1, 8), (9, 10.0, 7), (9, 10.0, 8),
    ]  # fmt: skip
    assert [trial.seed for trial in plan({**TWO_BY_THREE, "seeds": [5, -3]}).trials[:2]] == [5, -3]


def test_settings_of_a_trial():
    laid = plan({**TWO_BY_THREE, "fixed": {"steps": 50}})
    settings = laid.settings(laid.trials[-1])
    assert (settings.hidden, settings.learning_rate, settings.steps, settings.seed) == (9, 10.0, 50, 1)
    assert laid.base.steps == 5000


def test_a_key_may_lie_deeper():
    section = {
        "experiment": "segmentation",
        "response": "miou",
        "factors": {"loss.name": ["focal", "dice"]},
        "seeds": 1,
    }
    laid = plan(section)
    assert [laid.settings(trial).loss.name for trial in laid.trials] == ["focal", "dice"]
    assert [laid.settings(trial).loss.focal_gamma for trial in laid.trials] == [2.0, 2.0]
    assert "sweeps.toy.factors.loss.nam: the section segmentation has no such key" in refused(
        {**section, "factors": {"loss.nam": ["focal"]}}
    )
    assert "sweeps.toy.factors.epochs.x: " in refused({**section, "factors": {"epochs.x": [1]}})


def test_half_fraction():
    # Of mask x hidden x learning_rate those with an even number of second levels, with all three of steps.
    assert levels(HALVED) == [
        ("signal", 50, 4, 0.1), ("signal", 50, 9, 1.0),
        ("signal", 100, 4, 0.1), ("signal", 100, 9, 1.0),
        ("signal", 150, 4, 0.1), ("signal", 150, 9, 1.0),
        ("none", 50, 4, 1.0), ("none", 50, 9, 0.1),
        ("none", 100, 4, 1.0), ("none", 100, 9, 0.1),
        ("none", 150, 4, 1.0), ("none", 150, 9, 0.1),
    ]  # fmt: skip


def test_excluded_combinations():
    section = {**TWO_BY_THREE, "exclude": [{"hidden": 4, "learning_rate": 1}, {"learning_rate": 10}]}
    assert levels(section) == [(4, 0.1), (9, 0.1), (9, 1)]
    # A subset is one of what is left.
    assert "subset.configurations: 4 of only 3" in refused({**section, "subset": {"configurations": 4}})


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 12), st.integers(0, 5))
def test_random_subset(size, seed):
    chosen = levels({**HALVED, "subset": {"configurations": size, "seed": seed}})
    everything = levels(HALVED)
    assert len(chosen) == size
    assert [one for one in everything if one in chosen] == chosen
    assert chosen == levels({**HALVED, "subset": {"configurations": size, "seed": seed}})


def test_subsets_differ_by_their_seed():
    chosen = {tuple(levels({**HALVED, "subset": {"configurations": 6, "seed": seed}})) for seed in range(5)}
    assert len(chosen) == 5


def test_names_are_those_of_the_settings():
    names = [trial.name for trial in plan(TWO_BY_THREE).trials]
    assert len(set(names)) == 12
    assert all(len(name) == 10 for name in names)
    # Other sweep, same settings: what is fixed there is the default here.
    turned = {"factors": {"learning_rate": [1.0], "hidden": [9, 4]}, "fixed": {"steps": 5000}, "seeds": [0]}
    assert [trial.name for trial in plan(turned).trials] == [names[8], names[2]]
    assert plan(TWO_BY_THREE, steps=50).trials[0].name not in names


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"experiment": "nothing"}, "params.yaml: sweeps.toy.experiment: no experiment 'nothing'; there is "),
        ({"factors": {"hiden": [4]}}, "params.yaml: sweeps.toy.factors.hiden: the section xor has no such key"),
        ({"fixed": {"stepss": 4}}, "params.yaml: sweeps.toy.fixed.stepss: the section xor has no such key"),
        (
            {"factors": {"hidden": [4, 0]}},
            "params.yaml: sweeps.toy.factors.hidden: 0: Input should be greater than or",
        ),
        ({"factors": {"mask": ["Signal"]}}, 'params.yaml: sweeps.toy.factors.mask: "Signal": Input should be '),
        (
            {"factors": {"hidden": [True]}},
            "params.yaml: sweeps.toy.factors.hidden: true: Input should be a valid int",
        ),
        ({"fixed": {"initial": [0.9, 0.1]}}, "initial: the first number must be the smaller one"),
        ({"factors": {"seed": [0, 1]}}, "params.yaml: sweeps.toy: seed is not a factor; list the seeds under seeds"),
        ({"fixed": {"hidden": 3}}, "params.yaml: sweeps.toy: hidden is both a factor and fixed; remove one"),
        ({"factors": {"learning_rate": [1, 1.0]}}, "learning_rate = 1 and learning_rate = 1.0 are the same; remove"),
        ({"fraction": "half"}, "sweeps.toy.fraction: half needs 3 or more factors with two levels, but there are 1;"),
        ({"subset": {"configurations": 7}}, "params.yaml: sweeps.toy.subset.configurations: 7 of only 6; lower"),
        (
            {"seeds": 0},
            "params.yaml: sweeps.toy.seeds: must be a number of seeds, or a list of different ones (got 0)",
        ),
        ({"seeds": [1, 1]}, "params.yaml: sweeps.toy.seeds: must be a number of seeds, or a list of different ones"),
        ({"exclude": [{"hidden": 5}]}, "params.yaml: sweeps.toy.exclude: hidden = 5 is not a level of a factor"),
        ({"exclude": [{"steps": 50}]}, "params.yaml: sweeps.toy.exclude: steps = 50 is not a level of a factor"),
        ({"exclude": [{"hidden": 4}, {}]}, "params.yaml: sweeps.toy.exclude: row 2 names no factor"),
        ({"exclude": [{"hidden": 4}, {"hidden": 9}]}, "params.yaml: sweeps.toy.exclude: leaves no combination"),
        ({"factors": {}}, "params.yaml: sweeps.toy.factors: "),
        ({"factors": {"hidden": []}}, "params.yaml: sweeps.toy.factors.hidden: "),
        ({"repeats": 3}, "params.yaml: sweeps.toy.repeats: unknown key; remove it or correct its spelling"),
    ],
)
def test_refused(changes, message):
    assert message in refused({**TWO_BY_THREE, **changes})


def test_no_such_sweep():
    with pytest.raises(MaskwrightError, match=r"other: no such sweep; params\.yaml has, under sweeps: toy"):
        plan_sweep("other", parameters(TWO_BY_THREE))


def test_the_shipped_sweep_is_all_32_combinations_five_times():
    trials = plan_sweep("autoencoder", load_params(SHIPPED)).trials
    assert len(trials) == 160
    assert len({tuple(trial.levels.values()) for trial in trials}) == 32
