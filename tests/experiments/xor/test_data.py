import numpy as np
import pytest

from maskwright.experiments.xor.data import VARIANTS, read_xor, write_xor, xor_rows
from maskwright.shared.errors import MaskwrightError


def test_rows_by_hand():
    rows = xor_rows("signal").tolist()
    assert len(rows) == 48
    # Position 0, operands 0 and 0, noise behind them.
    assert rows[:2] == [[0, 0, 0, 0, 0, 0, 1, 1, 0, 0], [0, 0, 0, 0, 0, 1, 1, 1, 0, 0]]
    # Position 1, operands 0 and 1, noise 1 before and 0 behind: from row 16, four for an operand pair.
    assert rows[16 + 4 + 2] == [1, 1, 1, 0, 1, 0, 0, 1, 1, 0]
    # Position 2, operands 1 and 1, noise 1 1.
    assert rows[-1] == [2, 0, 1, 1, 1, 1, 0, 0, 1, 1]


@pytest.mark.parametrize(
    ("variant", "number", "different"), [("signal", 48, 48), ("random", 768, 256), ("none", 48, 16)]
)
def test_every_possible_input_is_there(variant, number, different):
    rows = xor_rows(variant)
    assert len(rows) == number
    assert len({tuple(row[2:]) for row in rows.tolist()}) == different
    assert len({tuple(row) for row in np.delete(rows, 1, axis=1).tolist()}) == number
    positions, labels, bits = rows[:, 0], rows[:, 1], rows[:, 2:6].astype(int)
    operands = np.take_along_axis(bits, np.stack([positions, positions + 1], 1).astype(int), axis=1)
    np.testing.assert_array_equal(operands[:, 0] ^ operands[:, 1], labels)
    # Groups of equal position and operands stand together, in order.
    groups = positions * 4 + operands[:, 0] * 2 + operands[:, 1]
    np.testing.assert_array_equal(groups, np.repeat(np.arange(12), number // 12))


def test_files(tmp_path):
    write_xor(tmp_path / "xor")
    assert sorted(path.name for path in (tmp_path / "xor").iterdir()) == ["none.csv", "random.csv", "signal.csv"]
    lines = (tmp_path / "xor/signal.csv").read_text().splitlines()
    assert lines[:2] == ["position,label,bit_0,bit_1,bit_2,bit_3,mask_0,mask_1,mask_2,mask_3", "0,0,0,0,0,0,1,1,0,0"]
    assert (tmp_path / "xor/none.csv").read_text().splitlines()[0] == "position,label,bit_0,bit_1,bit_2,bit_3"
    first = {path.name: path.read_bytes() for path in (tmp_path / "xor").iterdir()}
    write_xor(tmp_path / "xor")
    assert first == {path.name: path.read_bytes() for path in (tmp_path / "xor").iterdir()}


def test_reading(tmp_path):
    write_xor(tmp_path)
    inputs, labels = read_xor(tmp_path, "signal")
    assert inputs.shape == (48, 4, 2)
    assert inputs.dtype == labels.dtype == np.float32
    np.testing.assert_array_equal(inputs[22], [[1, 0], [0, 1], [1, 1], [0, 0]])
    np.testing.assert_array_equal(labels[22], [0, 1])
    assert read_xor(tmp_path, "none")[0].shape == (48, 4, 1)
    assert {variant: read_xor(tmp_path, variant)[1].mean(axis=0).tolist() for variant in VARIANTS} == {
        variant: [0.5, 0.5] for variant in VARIANTS
    }


@pytest.mark.parametrize("content", [None, "", "position,label\n1,x\n", "position,label\n1,0\n"])
def test_a_missing_or_damaged_table_is_one_line(tmp_path, content):
    if content is not None:
        (tmp_path / "signal.csv").write_text(content)
    with pytest.raises(MaskwrightError, match=r"signal\.csv: (no such file|damaged).*run `maskwright generate xor`"):
        read_xor(tmp_path, "signal")
