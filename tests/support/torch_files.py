"""Files as `torch.save` wrote them before PyTorch 1.6, assembled from the instructions of a pickle."""

import pickle
from collections.abc import Mapping, Sequence

import numpy as np

ORDERED_DICT = b"ccollections\nOrderedDict\n"
EMPTY_DICTIONARY = ORDERED_DICT + b")R"
REBUILD = b"ctorch._utils\n_rebuild_tensor_v2\n"
KINDS = {np.dtype("float32"): b"ctorch\nFloatStorage\n", np.dtype("int64"): b"ctorch\nLongStorage\n"}
HEADER = b"".join(
    pickle.dumps(value, 2)
    for value in (
        0x1950A86A20F9469CFC6C,
        1001,
        {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}},
    )
)


def value(of: object) -> bytes:
    """Return the instructions that put a plain value on the stack."""
    return pickle.dumps(of, 2)[2:-1]


def tensor(
    key: str,
    count: int,
    size: Sequence[int],
    stride: Sequence[int],
    *,
    offset: int = 0,
    kind: bytes = KINDS[np.dtype("float32")],
) -> bytes:
    """Return the instructions that put a tensor on the stack."""
    storage = b"(" + value("storage") + kind + value(key) + value("cpu") + value(count) + b"NtQ"
    size_and_stride = (b"(" + b"".join(value(n) for n in numbers) + b"t" for numbers in (size, stride))
    return REBUILD + b"(" + storage + value(offset) + b"".join(size_and_stride) + b"\x89" + EMPTY_DICTIONARY + b"tR"


def file_of(program: bytes, storages: Mapping[str, np.ndarray] | None = None) -> bytes:
    """Return a file whose dictionary is what a program leaves on the stack, with these storages behind it."""
    storages = storages or {}
    data = (len(array).to_bytes(8, "little") + array.tobytes() for array in storages.values())
    return HEADER + b"\x80\x02" + program + b"." + pickle.dumps(list(storages), 2) + b"".join(data)


def torch_file(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return a file with these arrays (float32 or int64), in the order of C."""
    items, storages = [], {}
    for index, (name, array) in enumerate(arrays.items()):
        key = str(1000 + index)
        storages[key] = array.reshape(-1)
        stride = [step // array.itemsize for step in np.ascontiguousarray(array).strides] if array.ndim else []
        items.append(value(name) + tensor(key, array.size, array.shape, stride, kind=KINDS[array.dtype]))
    metadata = b"}" + value("_metadata") + EMPTY_DICTIONARY + b"s"
    return file_of(EMPTY_DICTIONARY + b"(" + b"".join(items) + b"u" + metadata + b"b", storages)
