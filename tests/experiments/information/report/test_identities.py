import numpy as np
import pytest

from maskwright.experiments.information.report.identities import (
    about_identities,
    example_joints,
    identities,
    identity_table,
)


def test_both_sides_are_equal_for_every_example():
    table = identity_table()
    assert len(table) == 4 * 9
    assert table["equation"].nunique() == 9
    assert table["difference"].abs().max() < 1e-12
    # No side is trivial where the variables depend on each other and yet leave something open.
    assert (table.loc[table["joint"] == "random", "left"] > 0.1).all()


def test_the_byte_has_the_numbers_of_the_source():
    about = about_identities(identity_table())
    # log2 256 = 8, four of its bits are known: 4 are left, and 4 are shared.
    assert (about["byte"]["H(X)"], about["byte"]["H(X|Y)"], about["byte"]["I(X;Y)"]) == (8, 4, 4)
    assert about["independent"]["I(X;Y)"] == 0
    assert about["deterministic"]["I(X;Y)"] == about["deterministic"]["H(X)"] > 1
    assert set(about) == set(example_joints())


def test_a_table_by_hand():
    by_hand = identities(np.array([[0.5, 0.25], [0.0, 0.25]]))
    # H(X) = 2 - 3/4 log2 3, H(Y) = 1, H(X,Y) = 3/2; I = 3/2 - 3/4 log2 3
    mutual = 1.5 - 0.75 * np.log2(3)
    sides = {equation: (left, right) for equation, _, left, right in by_hand}
    assert sides["13.2.1"] == pytest.approx((2 - 0.75 * np.log2(3),) * 2)
    assert sides["13.2.7"] == pytest.approx((1 - mutual,) * 2)
    assert sides["13.2.8"] == pytest.approx((0.5,) * 2)
    for equation in ("13.1.1, 13.1.2", "13.2.2", "13.2.3", "13.2.4", "13.2.5", "13.2.6"):
        assert sides[equation] == pytest.approx((mutual, mutual))
