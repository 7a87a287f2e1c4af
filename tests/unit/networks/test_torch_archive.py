"""Tensors of torch's archives are those that were saved, and no pickle is run."""

import io
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from pgdose.networks import torch_archive
from pgdose.networks.graph import Refused


def saved(value: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, **options)
    return file.getvalue()


def test_tensors_are_those_that_were_saved() -> None:
    whole = torch.arange(24.0).view(2, 3, 4)
    tensors = {
        "plain": whole,
        "view of the same": whole[1, :, ::2],
        "transposed": whole.transpose(0, 2),
        "parameter": nn.Parameter(torch.rand(3)),
        "empty": torch.zeros(0, 5),
        "number": torch.tensor(3),
        **{str(dtype): torch.ones(2, 2).to(dtype) for dtype in torch_archive.STORAGES.values()},
    }
    read = torch_archive.tensors(saved(tensors))
    assert read.keys() == tensors.keys()
    assert all(torch.equal(read[name], tensors[name]) for name in tensors)
    state = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)).state_dict()
    read = torch_archive.tensors(saved(state))
    assert isinstance(state, OrderedDict)
    assert all(torch.equal(read[name], state[name]) for name in state)


class Evil:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


EVIL = [
    Evil(Path.touch, Path("executed")),
    Evil(exec, "open('executed', 'w')"),
    Evil(getattr, Path("executed"), "touch"),
    Evil(bytearray, 10**12),
    Evil(torch.load, "executed"),
]


@pytest.mark.parametrize("evil", EVIL)
def test_nothing_is_called(evil: Evil, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for value in (evil, {"weight": evil}, {"weight": torch.ones(1), "more": [evil]}):
        with pytest.raises(Refused, match="it holds a pickled"):
            torch_archive.tensors(saved(value))
    assert not (tmp_path / "executed").exists()


def with_pickle(program: bytes, content: bytes = b"\0" * 16) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", program)
        archive.writestr("archive/data/0", content)
    return file.getvalue()


def tensor_pickle(offset: int, sizes: tuple[int, ...], strides: tuple[int, ...]) -> bytes:
    """A pickle of {"w": one tensor of the storage 0}."""

    class Pickler(pickle._Pickler):  # type: ignore[name-defined,misc]
        def persistent_id(self, value: Any) -> Any:
            kind = "storage"
            return (kind, torch.FloatStorage, "0", "cpu", 4) if value == "STORAGE" else None

    arguments = ("STORAGE", offset, sizes, strides, False, OrderedDict())
    file = io.BytesIO()
    Pickler(file, 2).dump({"w": Evil(torch._utils._rebuild_tensor_v2, *arguments)})
    return file.getvalue()


@pytest.mark.parametrize(
    ("offset", "sizes", "strides", "error"),
    [
        (0, (10**12,), (1,), ValueError),
        (0, (4,), (2**62,), ValueError),
        (3, (2,), (1,), ValueError),
        (-1, (1,), (1,), ValueError),
        (0, (10**5, 10**5), (0, 0), Refused),
        (0, (2**62, 2**62), (0, 0), (Refused, RuntimeError)),
    ],
)
def test_a_tensor_lies_inside_its_storage(
    offset: int, sizes: tuple[int, ...], strides: tuple[int, ...], error: Any
) -> None:
    assert torch.equal(
        torch_archive.tensors(with_pickle(tensor_pickle(0, (4,), (1,))))["w"], torch.zeros(4)
    )
    with pytest.raises(error):
        torch_archive.tensors(with_pickle(tensor_pickle(offset, sizes, strides)))


def zipped(method: int, *files: tuple[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, part in files:
            archive.writestr(name, part)
    return file.getvalue()


def test_archives_are_no_longer_unpacked_than_packed() -> None:
    assert torch_archive.entries(zipped(zipfile.ZIP_STORED, ("a", b"1"))) == {"a": b"1"}
    packed = zipped(zipfile.ZIP_DEFLATED, ("a", b"\0" * 10**6))
    assert len(torch_archive.entries(packed, compressed=10**6)["a"]) == 10**6
    with pytest.raises(Refused, match="compressed"):
        torch_archive.entries(packed)
    with pytest.raises(Refused, match="compressed"):
        torch_archive.entries(packed, compressed=10**5)


def test_entries_that_overlap_are_refused() -> None:
    """Many names for the same bytes: a bomb that needs no compression."""
    whole = zipped(zipfile.ZIP_STORED, ("a", b"\0" * 1000))
    directory = whole.index(b"PK\x01\x02")
    end = whole.index(b"PK\x05\x06")
    entry = whole[directory:end]
    copies = b"".join(entry[:46] + bytes([97 + i]) + entry[47:] for i in range(20))
    count, size = (20).to_bytes(2, "little"), len(copies).to_bytes(4, "little")
    tail = whole[end : end + 8] + count * 2 + size + whole[end + 16 :]
    with pytest.raises(Refused, match="longer than the archive"):
        torch_archive.entries(whole[:directory] + copies + tail)


def test_encrypted_and_doubled_entries_are_refused() -> None:
    whole = bytearray(zipped(zipfile.ZIP_STORED, ("a", b"1")))
    for start in (whole.index(b"PK\x01\x02") + 8, 6):
        whole[start] |= 1
    with pytest.raises(Refused, match="encrypted"):
        torch_archive.entries(bytes(whole))
    with pytest.warns(UserWarning, match="Duplicate"):
        twice = zipped(zipfile.ZIP_STORED, ("a", b"1"), ("a", b"2"))
    with pytest.raises(Refused, match="two files of one name"):
        torch_archive.entries(twice)
