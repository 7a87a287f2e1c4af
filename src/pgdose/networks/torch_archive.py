"""What torch saves in its zip archives, read without torch and without unpickling.

`torch.save` writes a pickle that names each tensor's storage, and the storages beside it as plain
bytes. A pickle is a program for a small machine, and Python's machine can call anything. The one
here knows only what a dict of tensors needs.
"""

import io
import math
import pickletools
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor

from pgdose.networks.graph import Refused

MOST_FILES = 50_000
MOST_SHARED = 2**26  # bytes that elements and tensors which share memory may stand for


def entries(content: bytes, compressed: int = 0) -> dict[str, bytes]:
    """The files in an archive by name; Refused, BadZipFile or ValueError if it is none of torch's.

    Torch stores its files as they are, so all together are no longer than the archive;
    `compressed`: bytes that others may have when unpacked.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = archive.infolist()
        packed = [file for file in files if file.compress_type != zipfile.ZIP_STORED]
        total = sum(max(f.file_size, f.compress_size) for f in files if f not in packed)
        if any(file.flag_bits & 1 for file in files):
            raise Refused("the archive is encrypted; save it again with torch")
        if packed and sum(file.file_size for file in packed) > compressed:
            raise Refused("the archive holds compressed files; save it again with torch")
        if total > len(content) or len(files) > MOST_FILES:
            raise Refused("the archive's files are longer than the archive; save it again")
        if len({file.filename for file in files}) < len(files):
            raise Refused("the archive holds two files of one name; save it again with torch")
        try:
            return {file.filename: archive.read(file) for file in files}
        except (NotImplementedError, RuntimeError, EOFError, zlib.error):
            raise zipfile.BadZipFile from None


def tensors(archive: bytes) -> dict[str, Tensor]:
    """The tensors of `torch.save(dictionary)` by name, on the CPU.

    Refused if it holds anything else; KeyError, ValueError and the like if it is damaged.
    """
    files = {name.partition("/")[2]: part for name, part in entries(archive).items()}
    if files.get("byteorder", b"little") != b"little":
        raise Refused("its weights were saved on a big-endian machine; save it again")
    content_of = cache(lambda name: storage(files[f"data/{name}"]))

    def persistent(key: Any) -> Tensor:
        kind, dtype, name, _device, _length = key
        if kind != "storage" or not isinstance(name, str):
            raise ValueError("something else than a storage")
        return elements(content_of(name), dtype)

    result = _run_pickle(files["data.pkl"], persistent)
    if not isinstance(result, dict) or not all(isinstance(v, Tensor) for v in result.values()):
        raise Refused("it holds other things than tensors by name")
    check_size(result.values(), len(archive))
    return result


def storage(content: bytes) -> Tensor:
    """The bytes of a stored tensor."""
    return torch.frombuffer(bytearray(content or b"\0" * 8), dtype=torch.uint8)


def elements(content: Tensor, dtype: torch.dtype) -> Tensor:
    """The elements in a storage's bytes, which they share, one after the other."""
    return content[: len(content) // dtype.itemsize * dtype.itemsize].view(dtype)


def tensor(stored: Tensor, sizes: Sequence[int], strides: Sequence[int], offset: int = 0) -> Tensor:
    """A tensor of stored elements, which it shares; ValueError if it does not lie inside."""
    counts = (*sizes, *strides, offset)
    if any(type(n) is not int or not 0 <= n < 2**63 for n in counts) or len(sizes) > 64:
        raise ValueError("sizes that are none")
    steps = zip(sizes, strides, strict=True)
    last = offset + sum((size - 1) * stride for size, stride in steps)
    if math.prod(sizes) and last >= len(stored):
        raise ValueError("a tensor outside of its storage")
    return stored.as_strided(list(sizes), list(strides), offset)


def check_size(tensors: Iterable[Tensor], bytes_stored: int) -> None:
    """Refuse tensors that would take far more memory than they were stored in."""
    total = sum(part.numel() * part.element_size() for part in tensors)
    if total > bytes_stored + MOST_SHARED:
        raise Refused("its tensors are larger than the file that holds them; save it again")


def _rebuilt(stored: Tensor, offset: int, sizes: Any, strides: Any, *_others: Any) -> Tensor:
    """Stands for torch._utils._rebuild_tensor_v2."""
    return tensor(stored, sizes, strides, offset)


def _parameter(data: Tensor, *_others: Any) -> Tensor:
    """Stands for torch._utils._rebuild_parameter, and the one with attributes."""
    return data


def _dictionary() -> dict[Any, Any]:
    """Stands for collections.OrderedDict, which torch pickles empty and fills afterwards."""
    return {}


CALLABLE: dict[str, Callable[..., Any]] = {
    "collections OrderedDict": _dictionary,
    "torch._utils _rebuild_tensor_v2": _rebuilt,
    "torch._utils _rebuild_parameter": _parameter,
    "torch._utils _rebuild_parameter_with_state": _parameter,
}
STORAGES = {
    **{"torch FloatStorage": torch.float32, "torch DoubleStorage": torch.float64},
    **{"torch HalfStorage": torch.float16, "torch BFloat16Storage": torch.bfloat16},
    **{"torch LongStorage": torch.int64, "torch IntStorage": torch.int32},
    **{"torch ShortStorage": torch.int16, "torch CharStorage": torch.int8},
    **{"torch ByteStorage": torch.uint8, "torch BoolStorage": torch.bool},
}
PLAIN = {"BINUNICODE", "SHORT_BINUNICODE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"}
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}


def _run_pickle(program: bytes, persistent: Callable[[Any], Tensor]) -> Any:
    """The value of a pickle that calls nothing but CALLABLE."""
    stack: list[Any] = []
    marks: list[int] = []
    memo: dict[int, Any] = {}

    def cut(start: int) -> list[Any]:
        items = stack[start:]
        del stack[start:]
        return items

    argument: Any
    for opcode, argument, _ in pickletools.genops(program):
        name = opcode.name
        if name in PLAIN:
            stack.append(argument)
        elif name in CONSTANTS:
            stack.append(CONSTANTS[name])
        elif name == "GLOBAL":
            stack.append(CALLABLE.get(argument) or STORAGES.get(argument) or _refuse(argument))
        elif name in ("BINPUT", "LONG_BINPUT"):
            memo[argument] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(memo[argument])
        elif name == "MARK":
            marks.append(len(stack))
        elif name in ("EMPTY_DICT", "EMPTY_TUPLE", "EMPTY_LIST"):
            stack.append({"EMPTY_DICT": {}, "EMPTY_TUPLE": (), "EMPTY_LIST": []}[name])
        elif name in ("TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"):
            start = marks.pop() if name == "TUPLE" else len(stack) - int(name[-1])
            stack.append(tuple(cut(start)))
        elif name in ("SETITEM", "SETITEMS"):
            items = cut(marks.pop() if name == "SETITEMS" else len(stack) - 2)
            if not all(isinstance(key, str) for key in items[::2]):  # others may hash for ever
                raise ValueError("a name that is no text")
            stack[-1].update(zip(items[::2], items[1::2], strict=True))
        elif name == "BINPERSID":
            stack.append(persistent(stack.pop()))
        elif name == "REDUCE":
            function, arguments = cut(len(stack) - 2)
            if function not in CALLABLE.values():
                raise ValueError("a call of a value")
            stack.append(function(*arguments))
        elif name == "BUILD":  # attributes of the dict, such as its version
            stack.pop()
        elif name == "STOP":
            return stack.pop()
        elif name != "PROTO":
            _refuse(name)
    raise ValueError("a pickle without an end")


def _refuse(what: str) -> Any:
    """Names the module of a pickled object, if everybody has it: another may be anything."""
    module = what.partition(" ")[0].partition(".")[0]
    known = module in sys.stdlib_module_names or module in ("torch", "numpy", "__builtin__")
    raise Refused(
        f"it holds a pickled object{f' of {module}' if known else ''}; save plain tensors"
    )
