import gzip

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from maskwright.digits.idx import read_idx, read_idx_folder
from maskwright.shared.errors import MaskwrightError
from support.idx_files import idx, images, write_set


def test_reads_literal_bytes(tmp_path):
    file = tmp_path / "labels"
    file.write_bytes(b"\x00\x00\x08\x01\x00\x00\x00\x03\x05\x00\x09")
    assert read_idx(file, 1).tolist() == [5, 0, 9]
    file.write_bytes(gzip.compress(b"\x00\x00\x08\x03" + b"\x00\x00\x00\x01" * 2 + b"\x00\x00\x00\x02" + b"\x01\xff"))
    assert read_idx(file, 3).tolist() == [[[1, 255]]]


@pytest.mark.parametrize("gzipped", [False, True])
@pytest.mark.parametrize("mark", "-.")
def test_folder(tmp_path, gzipped, mark):
    folder = write_set(tmp_path / "a", gzipped=gzipped, mark=mark)
    assert list(read_idx_folder(folder)) == ["train"]
    write_set(folder, part="t10k", number=1, labels=[9], gzipped=gzipped, mark=mark)
    parts = read_idx_folder(folder)
    np.testing.assert_array_equal(parts["train"][0], images(2))
    assert parts["train"][1].tolist() == [3, 7]
    assert parts["test"][0].shape == (1, 28, 28)
    assert parts["test"][1].tolist() == [9]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "begins with nothing"),
        (b"\x89PNG\r\n", "begins with 89 50 4e 47"),
        (b"\x00\x00\x08\x03" + b"\x00" * 12, "begins with 00 00 08 03"),
        (b"\x00\x00\x0d\x01" + b"\x00" * 4, "begins with 00 00 0d 01"),
        (b"\x00\x00\x08\x01\x00\x00", "ends within its header"),
        (b"\x00\x00\x08\x01\x00\x00\x00\x03\x01\x02", "holds 2 bytes, where its header announces 3"),
        (b"\x00\x00\x08\x01\x00\x00\x00\x01\x01\x02", "holds 2 bytes, where its header announces 1"),
        (b"\x1f\x8b\x08 not gzip", "damaged gzip"),
        (gzip.compress(b"\x00\x00\x08\x01" * 9, mtime=0)[:-9], "damaged gzip"),
    ],
)
def test_damaged_files(tmp_path, content, message):
    file = tmp_path / "train-labels-idx1-ubyte"
    file.write_bytes(content)
    with pytest.raises(MaskwrightError, match=message) as caught:
        read_idx(file, 1)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.binary(max_size=40))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_bytes_are_read_whole_or_refused(tmp_path, content):
    file = tmp_path / "f"
    file.write_bytes(content)
    try:
        values = read_idx(file, 1)
    except MaskwrightError:
        assert content[:4] != b"\x00\x00\x08\x01" or int.from_bytes(content[4:8], "big") != len(content) - 8
    else:
        assert values.tobytes() == content[8:]


def test_sets_that_do_not_fit(tmp_path):
    with pytest.raises(MaskwrightError, match=r"holds no train-images-idx3-ubyte"):
        read_idx_folder(tmp_path)
    folder = write_set(tmp_path / "counts", labels=[1, 2, 3])
    with pytest.raises(MaskwrightError, match="3 labels for the 2 images of train-images-idx3-ubyte"):
        read_idx_folder(folder)
    folder = write_set(tmp_path / "classes", labels=[1, 10])
    with pytest.raises(MaskwrightError, match="label 10 at place 1"):
        read_idx_folder(folder)
    folder = write_set(tmp_path / "twice")
    write_set(folder, gzipped=True)
    with pytest.raises(MaskwrightError, match=r"train-images-idx3-ubyte and train-images-idx3-ubyte.gz"):
        read_idx_folder(folder)
    folder = write_set(tmp_path / "half")
    (folder / "t10k-labels-idx1-ubyte").write_bytes(idx([1]))
    with pytest.raises(MaskwrightError, match="holds no t10k-images-idx3-ubyte"):
        read_idx_folder(folder)
    folder = write_set(tmp_path / "size")
    (folder / "train-images-idx3-ubyte").write_bytes(idx(np.zeros((2, 4, 5))))
    with pytest.raises(MaskwrightError, match="images of 4 x 5 pixels"):
        read_idx_folder(folder)
