"""Tensors of a PyTorch file, read without PyTorch and without running anything that the file says.

Such a file is a pickle, that is, a program: Python's `pickle` imports and calls what it names. Even with a restricted
`find_class`, it sets attributes of what it admits, and reserves the memory that a file only announces. Here the few
instructions that a dictionary of tensors needs are interpreted one by one, and any other one is refused. A name in
the file stays a pair of strings: nothing is imported, and nothing of the file is called.

The format is that of `torch.save` before PyTorch 1.6: pickles of a magic number, a version, facts about the machine,
the dictionary, and the keys of the storages; then each storage, as its number of elements and these elements.
"""

import io
import math
import pickletools
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from maskwright.shared.errors import MaskwrightError

_MAGIC = 0x1950A86A20F9469CFC6C
_VERSION = 1001
_MOST_BYTES = 2**28
_MOST_INSTRUCTIONS = 100_000
"""Of one pickle; a network of 400 tensors needs 14,000."""
_MOST_DIMENSIONS = 8


class _Name(NamedTuple):
    module: str
    name: str


class _Storage(NamedTuple):
    key: str
    dtype: np.dtype
    count: int


class _Tensor(NamedTuple):
    storage: _Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


_DICTIONARY = _Name("collections", "OrderedDict")
_REBUILD = _Name("torch._utils", "_rebuild_tensor_v2")
_STORAGES = {
    _Name("torch", "FloatStorage"): np.dtype("<f4"),
    _Name("torch", "LongStorage"): np.dtype("<i8"),
}
_NAMES = {_DICTIONARY, _REBUILD, *_STORAGES}


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """Read a file that holds a dictionary of tensors, such as the weights of a network.

    Args:
        path: the file.

    Returns:
        Arrays by name, in the order of the file: float32 or int64, of any number of dimensions.

    Raises:
        MaskwrightError: the file cannot be read, is cut short, or holds anything but a dictionary of tensors.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ValueError(f"more than {_MOST_BYTES} bytes")
        return _tensors(io.BytesIO(path.read_bytes()))
    # What is popped from an empty stack, is not in the memo, or has another type, is a mistake of the file.
    except (OSError, ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError) as error:
        message = " ".join(str(error).split())[:200]
        raise MaskwrightError(f"{path}: not a PyTorch file of tensors alone ({message}); take another") from None


def _tensors(file: io.BytesIO) -> dict[str, np.ndarray]:
    if [_unpickled(file), _unpickled(file)] != [_MAGIC, _VERSION]:
        raise ValueError("another format or version")
    if _unpickled(file)["little_endian"] is not True:
        raise ValueError("another order of bytes")
    tensors = _unpickled(file)
    if type(tensors) is not dict or not all(type(tensor) is _Tensor for tensor in tensors.values()):
        raise ValueError("something that is not a tensor")
    storages = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    if any(tensor.storage != storages[tensor.storage.key] for tensor in tensors.values()):
        raise ValueError("a storage of two kinds")
    # A storage of which a thousand tensors are made would be copied a thousand times.
    if sum(math.prod(tensor.size) for tensor in tensors.values()) > sum(each.count for each in storages.values()):
        raise ValueError("more elements in the tensors than in their storages")
    keys = [_typed(key, str) for key in _typed(_unpickled(file), list)]
    if sorted(keys) != sorted(storages):
        raise ValueError("other storages than the tensors need")
    elements = {key: _elements(file, storages[key]) for key in keys}
    if file.read(1):
        raise ValueError("bytes behind the last storage")
    return {name: _array(tensor, elements[tensor.storage.key]) for name, tensor in tensors.items()}


def _elements(file: io.BytesIO, storage: _Storage) -> np.ndarray:
    count = int.from_bytes(file.read(8), "little")
    # No more is read than there is, whatever the file announces.
    content = file.read(min(storage.count * storage.dtype.itemsize, _MOST_BYTES))
    if count != storage.count or len(content) != count * storage.dtype.itemsize:
        raise ValueError(f"storage {storage.key[:20]} is cut short")
    return np.frombuffer(content, storage.dtype)


def _array(tensor: _Tensor, elements: np.ndarray) -> np.ndarray:
    _, offset, size, stride = tensor
    last = offset + sum((side - 1) * step for side, step in zip(size, stride, strict=True))
    # A stride of 0 would make a large tensor of one element.
    if min(size, default=1) < 1 or math.prod(size) > len(elements) or last >= len(elements):
        raise ValueError("a tensor that is larger than its storage")
    steps = [step * elements.itemsize for step in stride]
    return np.lib.stride_tricks.as_strided(elements[offset:], size, steps, writeable=False).copy()


def _unpickled(file: io.BytesIO) -> Any:
    """Interpret a pickle from the file's position on, and leave the position behind it."""
    machine = _Machine([], [], {})
    for count, (opcode, argument, _) in enumerate(pickletools.genops(file)):
        if count == _MOST_INSTRUCTIONS:
            raise ValueError(f"more than {count} instructions")
        if opcode.name == "STOP":
            break
        if opcode.name not in _INSTRUCTIONS:
            raise ValueError(f"the instruction {opcode.name}")
        _INSTRUCTIONS[opcode.name](machine, argument)
    (result,) = machine.stack
    return result


class _Machine(NamedTuple):
    """The state of a pickle that is being interpreted.

    Attributes:
        stack: values, the last one on top.
        marks: heights of the stack at which marks were set.
        memo: values that the pickle may refer to again.
    """

    stack: list[Any]
    marks: list[int]
    memo: dict[int, Any]

    def since_mark(self) -> list[Any]:
        """Take what was put on the stack since the last mark."""
        height = self.marks.pop()
        values = self.stack[height:]
        del self.stack[height:]
        return values


def _push(machine: _Machine, value: Any) -> None:
    machine.stack.append(value)


def _push_tuple(machine: _Machine, count: int) -> None:
    machine.stack.append(tuple(machine.stack.pop() for _ in range(count))[::-1])


def _remember(machine: _Machine, index: int) -> None:
    machine.memo[index] = machine.stack[-1]


def _name(machine: _Machine, argument: str) -> None:
    name = _Name(*argument.split(" "))
    if name not in _NAMES:
        raise ValueError(f"it asks for {argument[:80]!r}")
    machine.stack.append(name)


def _append(machine: _Machine, values: list[Any]) -> None:
    _typed(machine.stack[-1], list).extend(values)


def _set_items(machine: _Machine, values: list[Any]) -> None:
    dictionary = _typed(machine.stack[-1], dict)
    for key, value in zip(values[::2], values[1::2], strict=True):
        # Only of a string is it known that its hash is cheap.
        dictionary[_typed(key, str)] = value


def _storage(machine: _Machine) -> None:
    kind, storage, key, _, count, view = _typed(machine.stack.pop(), tuple)
    if kind != "storage" or view is not None or _typed(storage, _Name) not in _STORAGES or _typed(count, int) < 1:
        raise ValueError("a storage of another kind")
    machine.stack.append(_Storage(_typed(key, str), _STORAGES[storage], count))


def _call(machine: _Machine) -> None:
    arguments, called = _typed(machine.stack.pop(), tuple), _typed(machine.stack.pop(), _Name)
    if called == _DICTIONARY and not arguments:
        machine.stack.append({})
    elif called == _REBUILD:
        storage, offset, size, stride, _, _ = arguments
        if len(_typed(size, tuple)) > _MOST_DIMENSIONS:
            raise ValueError(f"a tensor of {len(size)} dimensions")
        if len(_typed(stride, tuple)) != len(size):
            raise ValueError(f"a tensor of {len(size)} sides and {len(stride)} strides")
        if min([_typed(n, int) for n in (offset, *size, *stride)]) < 0:
            raise ValueError("a tensor with a negative number")
        machine.stack.append(_Tensor(_typed(storage, _Storage), offset, size, stride))
    else:
        raise ValueError(f"it calls {called.name}")


def _attributes(machine: _Machine) -> None:
    # PyTorch notes the versions of the layers as an attribute of the dictionary.
    if list(_typed(machine.stack.pop(), dict)) != ["_metadata"] or type(machine.stack[-1]) is not dict:
        raise ValueError("it sets attributes")


def _typed(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise ValueError(f"a {type(value).__name__} where a {kind.__name__} belongs")
    return value


_INSTRUCTIONS: dict[str, Callable[[_Machine, Any], None]] = {
    "PROTO": lambda machine, version: None,
    "LONG1": _push,
    "BININT": _push,
    "BININT1": _push,
    "BININT2": _push,
    "BINUNICODE": _push,
    "NONE": lambda machine, _: _push(machine, None),
    "NEWTRUE": lambda machine, _: _push(machine, True),
    "NEWFALSE": lambda machine, _: _push(machine, False),
    "EMPTY_DICT": lambda machine, _: _push(machine, {}),
    "EMPTY_LIST": lambda machine, _: _push(machine, []),
    "EMPTY_TUPLE": lambda machine, _: _push(machine, ()),
    "MARK": lambda machine, _: machine.marks.append(len(machine.stack)),
    "TUPLE": lambda machine, _: _push(machine, tuple(machine.since_mark())),
    "TUPLE1": lambda machine, _: _push_tuple(machine, 1),
    "TUPLE2": lambda machine, _: _push_tuple(machine, 2),
    "TUPLE3": lambda machine, _: _push_tuple(machine, 3),
    "APPEND": lambda machine, _: _append(machine, [machine.stack.pop()]),
    "APPENDS": lambda machine, _: _append(machine, machine.since_mark()),
    "SETITEM": lambda machine, _: _set_items(machine, [machine.stack.pop(), machine.stack.pop()][::-1]),
    "SETITEMS": lambda machine, _: _set_items(machine, machine.since_mark()),
    "BINPUT": _remember,
    "LONG_BINPUT": _remember,
    "BINGET": lambda machine, index: _push(machine, machine.memo[index]),
    "LONG_BINGET": lambda machine, index: _push(machine, machine.memo[index]),
    "GLOBAL": _name,
    "BINPERSID": lambda machine, _: _storage(machine),
    "REDUCE": lambda machine, _: _call(machine),
    "BUILD": lambda machine, _: _attributes(machine),
}
