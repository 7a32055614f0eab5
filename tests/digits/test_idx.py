import gzip
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskwright.digits.idx import read_idx, read_idx_folder
from maskwright.shared.errors import MaskwrightError
from support.idx_files import idx, images, write_set
from support.refusals import refusal


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
        (b"\x00\x00\x08\x01\x00\x00\x00\x01\x01\x02", "holds more bytes, where its header announces 1"),
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


HEADERS = st.sampled_from([b"", b"\x00\x00\x08\x01", b"\x00\x00\x08\x03"])
NUMBERS = st.integers(0, 4) | st.sampled_from([28, 2**16, 2**31, 2**32 - 1])


@st.composite
def files(draw):
    """Nearly an IDX file, plain or gzipped, whole or damaged."""
    numbers = b"".join(number.to_bytes(4, "big") for number in draw(st.lists(NUMBERS, max_size=3)))
    content = draw(HEADERS) + numbers + draw(st.binary(max_size=30))
    if draw(st.booleans()):
        content = bytearray(gzip.compress(content, mtime=0))
        for at in draw(st.lists(st.integers(0, len(content) - 1), max_size=2)):
            content[at] ^= draw(st.integers(0, 255))
        content = content[: draw(st.just(len(content)) | st.integers(0, len(content)))]
    return bytes(content)


@given(files() | st.binary(max_size=40), st.sampled_from([1, 3]))
def test_any_bytes_are_read_whole_or_refused_in_one_line(tmp_path, content, dimensions):
    file = tmp_path / "f"
    file.write_bytes(content)
    message = refusal(read_idx, file, dimensions)
    if message is None:
        whole = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
        assert read_idx(file, dimensions).tobytes() == whole[4 + 4 * dimensions :]
    else:
        assert message.startswith(f"{file}: ")
        vector = dimensions == 1 and content[:4] == b"\x00\x00\x08\x01"
        assert not vector or int.from_bytes(content[4:8], "big") != len(content) - 8


@given(st.tuples(files(), files(), files(), files()))
def test_any_folder_is_read_or_refused_in_one_line(tmp_path, contents):
    names = [f"{part}-{what}" for part in ("train", "t10k") for what in ("images-idx3-ubyte", "labels-idx1-ubyte")]
    for name, content in zip(names, contents, strict=True):
        (tmp_path / name).write_bytes(content)
    message = refusal(read_idx_folder, tmp_path)
    assert message is None or message.startswith(f"{tmp_path}")


@pytest.mark.parametrize("announced", [b"\xff" * 12, b"\x00\x00\x00\x00" + b"\xff" * 8, b"\x00\x00\xff\xff" * 3])
def test_a_header_announces_too_much(tmp_path, announced):
    file = tmp_path / "f"
    file.write_bytes(b"\x00\x00\x08\x03" + announced)
    with pytest.raises(MaskwrightError, match="bytes, more than 1 GiB; is it the right file"):
        read_idx(file, 3)


def test_a_file_that_unpacks_to_much_more_costs_no_memory(tmp_path):
    file = tmp_path / "f"
    # 10 MB of zeros in 50 kB, behind a header that announces one byte.
    file.write_bytes(gzip.compress(b"\x00\x00\x08\x01\x00\x00\x00\x01" + bytes(10**7), compresslevel=1))
    tracemalloc.start()
    with pytest.raises(MaskwrightError, match="holds more bytes, where its header announces 1"):
        read_idx(file, 1)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 1e6


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
