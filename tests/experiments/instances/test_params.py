import pytest
from pydantic import ValidationError

from maskwright.experiments.instances.params import Grouping, Instances
from maskwright.params import load_params


def test_the_shipped_settings_are_those_of_the_model_where_both_say_them():
    shipped = load_params().section("instances")
    assert isinstance(shipped, Instances)
    assert (shipped.source, shipped.stuff) == ("crowd", [])
    assert shipped.grouping == Grouping()


def test_a_window_has_a_middle():
    with pytest.raises(ValidationError, match=r"must be odd, as it has a middle \(got 4\)"):
        Grouping(window=4)
    assert Grouping(window=7).window == 7
