import os
import pickle
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from maskwright.photos.torch_file import read_tensors
from maskwright.shared.errors import MaskwrightError
from support.torch_files import EMPTY_DICTIONARY, HEADER, ORDERED_DICT, REBUILD, file_of, tensor, torch_file, value

ARRAYS = {
    "conv.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 4, 1),
    "bn.num_batches_tracked": np.array(7),
    "bn.bias": np.array([0.5, -0.25], np.float32),
}
SIX = np.arange(6, dtype=np.float32)


def read(content: bytes, folder: Path) -> dict[str, np.ndarray]:
    (folder / "a.pth").write_bytes(content)
    return read_tensors(folder / "a.pth")


def error(content: bytes, folder: Path) -> str:
    with pytest.raises(MaskwrightError) as caught:
        read(content, folder)
    start, end = f"{folder / 'a.pth'}: not a PyTorch file of tensors alone (", "); take another"
    message = str(caught.value)
    assert message.startswith(start)
    assert message.endswith(end)
    assert "\n" not in message
    return message[len(start) : -len(end)]


def one(tensor: bytes) -> bytes:
    """Return a file with one tensor, whose storage is the numbers from 0 to 5."""
    return file_of(EMPTY_DICTIONARY + value("a") + tensor + b"s", {"1": SIX})


class TestGoodFiles:
    def test_arrays_come_back(self, tmp_path: Path):
        found = read(torch_file(ARRAYS), tmp_path)
        assert list(found) == list(ARRAYS)
        for name, array in ARRAYS.items():
            assert found[name].dtype == array.dtype
            np.testing.assert_array_equal(found[name], array)

    def test_other_orders_of_the_elements(self, tmp_path: Path):
        # Columns first: element (i, j) of a 2 x 3 tensor is at i + 2 j.
        found = read(one(tensor("1", 6, (2, 3), (1, 2))), tmp_path)["a"]
        np.testing.assert_array_equal(found, [[0, 2, 4], [1, 3, 5]])

    def test_an_offset(self, tmp_path: Path):
        np.testing.assert_array_equal(read(one(tensor("1", 6, (2,), (3,), offset=2)), tmp_path)["a"], [2, 5])

    def test_a_distant_memo_costs_no_memory(self, tmp_path: Path):
        # Python's own `pickle` makes room for so many entries.
        program = EMPTY_DICTIONARY + b"r\xff\xff\xff\x7f" + value("a") + tensor("1", 6, (6,), (1,)) + b"s"
        tracemalloc.start()
        try:
            found = read(file_of(program, {"1": SIX}), tmp_path)
            assert tracemalloc.get_traced_memory()[1] < 2**20
        finally:
            tracemalloc.stop()
        np.testing.assert_array_equal(found["a"], SIX)


class Calls:
    """Pickles as a call."""

    def __init__(self, called, *arguments):
        self.call = called, arguments

    def __reduce__(self):
        return self.call


class TestHostileFiles:
    @pytest.mark.parametrize(
        ("program", "expected"),
        [
            (b"cos\nsystem\n" + value("touch marker") + b"\x85R", "it asks for 'os system'"),
            (b"cposix\nsystem\n" + value("touch marker") + b"\x85R", "it asks for 'posix system'"),
            (b"cbuiltins\neval\n" + value("open('marker', 'w')") + b"\x85R", "it asks for 'builtins eval'"),
            (b"c__builtin__\nexec\n" + value("open('marker', 'w')") + b"\x85R", "it asks for '__builtin__ exec'"),
            # getattr(OrderedDict, "__init__") and so on to __globals__
            (b"cbuiltins\ngetattr\n" + ORDERED_DICT + value("__init__") + b"\x86R", "it asks for 'builtins getattr'"),
            (b"coperator\nattrgetter\n" + value("__class__") + b"\x85R", "it asks for 'operator attrgetter'"),
            # The attribute of an admitted name; and an admitted name of another module.
            (b"ccollections\nOrderedDict.__init__\n", "it asks for 'collections OrderedDict.__init__'"),
            (b"ctorch._utils\n_rebuild_tensor_v2.__globals__\n", "it asks for 'torch._utils _rebuild_tensor_v2.__"),
            (b"ctorch\nOrderedDict\n", "it asks for 'torch OrderedDict'"),
            (b"ctorch._utils\n_rebuild_parameter\n", "it asks for 'torch._utils _rebuild_parameter'"),
            (b"cmarker\nx\x1b[2J\n", "it asks for 'marker x\\x1b[2J'"),
            (b"(ios\nsystem\n", "the instruction INST"),
            (b"(" + ORDERED_DICT + b"o", "the instruction OBJ"),
            (ORDERED_DICT + b")\x81", "the instruction NEWOBJ"),
            (b"\x82\x01", "the instruction EXT1"),
            (b"Pa\n", "the instruction PERSID"),
            (b"\x8c\x02os\x8c\x06system\x93", "the instruction SHORT_BINUNICODE"),
            (value("os") + value("system") + b"\x93", "the instruction STACK_GLOBAL"),
            (b"\x8e" + b"\xff" * 7 + b"\x7f", "expected 9223372036854775807 bytes in a bytes8"),
            (b"X\xff\xff\xff\x7fa", "expected 2147483647 bytes in a unicodestring4, but only"),
            # Calls: of an admitted name with other arguments, of a storage's, of a plain value.
            (ORDERED_DICT + b"(]tR", "it calls OrderedDict"),
            (b"ctorch\nFloatStorage\n" + value(2**62) + b"\x85R", "it calls FloatStorage"),
            (value("a") + b")R", "a str where a _Name belongs"),
            (REBUILD + b")R", "not enough values to unpack"),
            # Attributes: of the dictionary, of a name, of what a call returned.
            (EMPTY_DICTIONARY + b"}" + value("__class__") + value(1) + b"sb", "it sets attributes"),
            (ORDERED_DICT + b"}" + value("_metadata") + value(1) + b"sb", "it sets attributes"),
            (REBUILD + b"}" + value("__code__") + value(1) + b"sb", "it sets attributes"),
            (EMPTY_DICTIONARY + b"N}" + value("__dict__") + value(1) + b"s\x86b", "a tuple where a dict belongs"),
            (tensor("1", 6, (6,), (1,)) + b"}" + value("_metadata") + value(1) + b"sb", "it sets attributes"),
            # What would cost more than the file's own size.
            (b"N" * 100_001, "more than 100000 instructions"),
            (EMPTY_DICTIONARY + b")" + b"\x85" * 50_000 + b"Ns", "a tuple where a str belongs"),
            # Nothing that makes sense.
            (b"", "not enough values to unpack"),
            (b"NN", "too many values to unpack"),
            (b"t", "pop from empty list"),
            (b"h\x07", "7"),
            (b"N", "something that is not a tensor"),
            (EMPTY_DICTIONARY + value("a") + value(1) + b"s", "something that is not a tensor"),
            (EMPTY_DICTIONARY + value(1) + value(1) + b"s", "a int where a str belongs"),
            (EMPTY_DICTIONARY + b"(" + value("a") + b"u", "zip() argument 2 is shorter than argument 1"),
        ],
    )
    def test_is_refused(self, program: bytes, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        (tmp_path / "marker.py").write_text("open('marker', 'w')")
        monkeypatch.chdir(tmp_path)
        monkeypatch.syspath_prepend(tmp_path)
        assert error(file_of(program), tmp_path).startswith(expected)
        assert not (tmp_path / "marker").exists()
        assert "marker" not in sys.modules

    @pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
    @pytest.mark.parametrize("place", ["alone", "before", "after"])
    def test_a_real_pickle_that_calls_is_not_obeyed(self, protocol: int, place: str, tmp_path: Path):
        marker = tmp_path / "marker"
        hostile = pickle.dumps(Calls(os.mkdir, str(marker)), protocol)
        good = torch_file(ARRAYS)
        content = {"alone": hostile, "before": hostile + good, "after": HEADER + hostile + good[len(HEADER) :]}
        error(content[place], tmp_path)
        assert not marker.exists()
        pickle.loads(hostile)
        assert marker.exists()  # so it would have been obeyed

    @pytest.mark.parametrize(
        ("tensor", "expected"),
        [
            (tensor("1", 7, (7,), (1,)), "storage 1 is cut short"),
            (tensor("1", 2**40, (2**40,), (1,)), "storage 1 is cut short"),
            (tensor("1", 2**600, (1,), (1,)), "storage 1 is cut short"),
            (tensor("1", 0, (1,), (1,)), "a storage of another kind"),
            (tensor("1", -6, (1,), (1,)), "a storage of another kind"),
            (tensor("1", 6, (7,), (1,)), "more elements in the tensors than in their storages"),
            (tensor("1", 6, (2**40,), (0,)), "more elements in the tensors than in their storages"),
            (tensor("1", 6, (2,), (6,)), "a tensor that is larger than its storage"),
            (tensor("1", 6, (2,), (1,), offset=5), "a tensor that is larger than its storage"),
            (tensor("1", 6, (0,), (1,), offset=0), "a tensor that is larger than its storage"),
            (tensor("1", 6, (2,), (-1,), offset=5), "a tensor with a negative number"),
            (tensor("1", 6, (2,), (1,), offset=-1), "a tensor with a negative number"),
            (tensor("1", 6, (2, 3), (1,)), "a tensor of 2 sides and 1 strides"),
            (tensor("1", 6, (1,), (2**100,)), "Python int too large to convert to C long"),
            (tensor("1", 6, (1,) * 9, (1,) * 9), "a tensor of 9 dimensions"),
            (tensor("2", 6, (6,), (1,)), "other storages than the tensors need"),
            (tensor("1", 6, (6,), (1,), kind=REBUILD), "a storage of another kind"),
        ],
    )
    def test_a_tensor_that_is_not_in_its_storage(self, tensor: bytes, expected: str, tmp_path: Path):
        assert error(one(tensor), tmp_path).startswith(expected)

    def test_a_storage_that_is_taken_many_times(self, tmp_path: Path):
        # Each of them would be a copy of its own.
        items = b"".join(value(f"a{index}") + tensor("1", 6, (6,), (1,)) for index in range(100))
        content = file_of(EMPTY_DICTIONARY + b"(" + items + b"u", {"1": SIX})
        assert error(content, tmp_path) == "more elements in the tensors than in their storages"

    def test_a_storage_of_two_kinds(self, tmp_path: Path):
        items = (value("a") + tensor("1", 6, (6,), (1,)), value("b") + tensor("1", 5, (1,), (1,)))
        content = file_of(EMPTY_DICTIONARY + b"(" + b"".join(items) + b"u", {"1": SIX})
        assert error(content, tmp_path) == "a storage of two kinds"

    def test_a_file_that_is_cut_short_anywhere(self, tmp_path: Path):
        content = torch_file(ARRAYS)
        for length in range(0, len(content), 3):
            error(content[:length], tmp_path)
        assert error(content + b"\0", tmp_path) == "bytes behind the last storage"

    @pytest.mark.filterwarnings("ignore:invalid escape sequence")
    def test_a_file_with_a_wrong_byte_is_refused_or_read(self, tmp_path: Path):
        content = torch_file(ARRAYS)
        rng = np.random.default_rng(0)
        refused = 0
        for _ in range(600):
            changed = bytearray(content)
            changed[rng.integers(len(content))] = rng.integers(256)
            try:
                found = read(bytes(changed), tmp_path)
                assert all(type(array) is np.ndarray for array in found.values())
            except MaskwrightError:
                refused += 1
        assert 100 < refused < 600


class TestOtherFiles:
    def test_a_missing_one(self, tmp_path: Path):
        with pytest.raises(MaskwrightError, match="No such file or directory"):
            read_tensors(tmp_path / "none.pth")

    @pytest.mark.parametrize("content", [b"", b"PK\x03\x04" + bytes(100), b"text", bytes(1000)])
    def test_another_format(self, content: bytes, tmp_path: Path):
        assert error(content, tmp_path)  # the reason

    def test_another_version(self, tmp_path: Path):
        content = torch_file(ARRAYS).replace(pickle.dumps(1001, 2), pickle.dumps(1002, 2), 1)
        assert error(content, tmp_path) == "another format or version"

    def test_another_order_of_bytes(self, tmp_path: Path):
        start = HEADER.index(b"little_endian")
        assert HEADER[start:].count(b"\x88") == 1
        content = HEADER[:start] + HEADER[start:].replace(b"\x88", b"\x89") + torch_file(ARRAYS)[len(HEADER) :]
        assert error(content, tmp_path) == "another order of bytes"

    def test_a_large_one_is_not_even_read(self, tmp_path: Path):
        with (tmp_path / "large.pth").open("wb") as file:
            file.truncate(2**28 + 1)  # sparse
        with pytest.raises(MaskwrightError, match="more than 268435456 bytes"):
            read_tensors(tmp_path / "large.pth")
