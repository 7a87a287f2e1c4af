"""Exported programs are read without running their code."""

import contextlib
import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pgdose.errors import UserError
from pgdose.networks import pt2

pytestmark = pytest.mark.usefixtures("one_thread")


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
        )
        self.last = nn.Sequential(nn.Linear(4, 2))
        self.gain = torch.tensor([1.0, 2.0])

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.last(self.body(images)) * self.gain
        return logits


@pytest.fixture(scope="module")
def small() -> tuple[nn.Module, bytes]:
    torch.manual_seed(0)
    network = Small().eval()
    batch = torch.export.Dim("batch", min=1, max=1024)
    program = torch.export.export(
        network, (torch.rand(2, 1, 16, 16),), dynamic_shapes=({0: batch},)
    )
    file = io.BytesIO()
    torch.export.save(program, file)
    return network, file.getvalue()


def test_a_program_says_what_its_network_said(small: tuple[nn.Module, bytes]) -> None:
    network, content = small
    read = pt2.read(content, "n.pt2")
    for n in (1, 3):
        images = torch.rand(n, 1, 16, 16, requires_grad=True)
        assert torch.allclose(read(images), network(images), atol=1e-6)
    (gradient,) = torch.autograd.grad(read(images)[:, 0].sum(), images)
    assert gradient.abs().max() > 0


def changed(content: bytes, file: str, change: Callable[[bytes], bytes]) -> bytes:
    """The archive with one file in it changed, or added."""
    old, new = zipfile.ZipFile(io.BytesIO(content)), io.BytesIO()
    with zipfile.ZipFile(new, "w") as archive:
        root = old.namelist()[0].split("/")[0]
        for name in old.namelist():
            part = old.read(name)
            archive.writestr(name, change(part) if name == f"{root}/{file}" else part)
        if f"{root}/{file}" not in old.namelist():
            archive.writestr(f"{root}/{file}", change(b""))
    return new.getvalue()


def in_graph(change: Callable[[dict], Any]) -> Callable[[bytes], bytes]:
    def apply(part: bytes) -> bytes:
        model = json.loads(part)
        change(model["graph_module"]["graph"])
        return json.dumps(model).encode()

    return apply


def test_an_archive_that_was_only_written_again_is_read(small: tuple[nn.Module, bytes]) -> None:
    """Otherwise the tests below would show nothing."""
    for file in ("models/model.json", "data/weights/model_weights_config.json"):
        same = changed(small[1], file, lambda part: json.dumps(json.loads(part)).encode())
        assert pt2.read(same, "n.pt2")(torch.rand(2, 1, 16, 16)).shape == (2, 2)


@pytest.mark.parametrize(
    "target",
    [
        "torch.load",
        "torch.hub.load",
        "torch.ops.mine.evil.default",
        "math.sqrt",
        "torch.ops.aten.from_file.default",
        "torch.ops.aten.set_.source_Storage",
        "torch.ops.aten._print.default",
        "#evil",
        "os.system",
    ],
)
def test_other_operators_than_torch_s_are_refused(
    small: tuple[nn.Module, bytes], target: str
) -> None:
    def change(graph: dict) -> None:
        graph["nodes"][2]["target"] = target

    with pytest.raises(UserError, match=r"n\.pt2: refused, because it contains '.*' as target"):
        pt2.read(changed(small[1], "models/model.json", in_graph(change)), "n.pt2")


@pytest.mark.parametrize(
    "name", ["x=__import__('os').system('true')", "x\n    import os", "a b", "x:print(1)"]
)
def test_names_that_would_be_code_are_refused(small: tuple[nn.Module, bytes], name: str) -> None:
    def change(graph: dict) -> None:
        graph["inputs"][-1]["as_tensor"]["name"] = name

    with pytest.raises(UserError, match=r"n\.pt2: refused, because it contains .* as name"):
        pt2.read(changed(small[1], "models/model.json", in_graph(change)), "n.pt2")


@pytest.mark.parametrize(
    "expression",
    ["__import__('os').system('true')", "Symbol.__class__", "open('x')", "(lambda: 1)()", "s0[0]"],
)
def test_expressions_that_would_be_code_are_refused(
    small: tuple[nn.Module, bytes], expression: str
) -> None:
    def change(part: bytes) -> bytes:
        first = part.index(b'"expr_str": "') + len(b'"expr_str": ')
        end = part.index(b'"', first + 1) + 1
        return part[:first] + json.dumps(expression).encode() + part[end:]

    with pytest.raises(UserError, match=r"n\.pt2: refused, because it contains .* as expr_str"):
        pt2.read(changed(small[1], "models/model.json", change), "n.pt2")


TOUCH = "open('executed', 'w')"


def test_no_part_of_a_graph_is_left_out(
    small: tuple[nn.Module, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tensor may be called like a part that torch does not evaluate."""
    monkeypatch.chdir(tmp_path)

    def change(part: bytes) -> bytes:
        model = json.loads(part.replace(b'"relu"', b'"metadata"'))
        values = model["graph_module"]["graph"]["tensor_values"]
        values["metadata"]["sizes"][1] = {"as_expr": {"expr_str": TOUCH, "hint": None}}
        return json.dumps(model).encode()

    with pytest.raises(UserError, match=r"refused, because it contains .* as expr_str"):
        pt2.read(changed(small[1], "models/model.json", change), "n.pt2")
    assert not (tmp_path / "executed").exists()


def test_arguments_names_are_names(small: tuple[nn.Module, bytes]) -> None:
    def change(part: bytes) -> bytes:
        model = json.loads(part)
        signature = model["graph_module"]["module_call_graph"][0]["signature"]
        spec = json.loads(signature["in_spec"])
        spec[1]["children_spec"][1]["context"] = json.dumps([f"y: {TOUCH}"])
        spec[1]["children_spec"][1]["children_spec"] = [
            {"type": None, "context": None, "children_spec": []}
        ]
        signature["in_spec"] = json.dumps(spec)
        return json.dumps(model).encode()

    with pytest.raises(UserError, match=r"refused, because it contains .* as in_spec"):
        pt2.read(changed(small[1], "models/model.json", change), "n.pt2")


@pytest.mark.parametrize("expression", ["9**9**9**9", "Pow(Integer(9), Integer(9))", "7" * 30])
def test_endless_numbers_are_refused(small: tuple[nn.Module, bytes], expression: str) -> None:
    test_expressions_that_would_be_code_are_refused(small, expression)


def test_torch_reads_the_bytes_that_were_checked(
    small: tuple[nn.Module, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two archives in one file, of which Python's reader sees the second and torch's the first."""
    monkeypatch.chdir(tmp_path)

    def change(part: bytes, evil: bool) -> bytes:
        model = json.loads(part)
        if evil:
            values = model["graph_module"]["graph"]["tensor_values"]
            values["relu"]["sizes"][1] = {"as_expr": {"expr_str": TOUCH, "hint": None}}
        return json.dumps(model).encode().ljust(40_000)

    def three(archive: bytes) -> tuple[bytes, bytes, bytes]:
        """Files, directory, end."""
        end = archive.rindex(b"PK\x05\x06")
        start = int.from_bytes(archive[end + 16 : end + 20], "little")
        return archive[:start], archive[start:end], archive[end:]

    evil, good = (
        changed(small[1], "models/model.json", lambda part, evil=evil: change(part, evil))
        for evil in (True, False)
    )
    first = three(evil)
    start = len(first[0]).to_bytes(4, "little")
    _, _, end = three(good)
    both = first[0] + first[1] + good[: -len(end)] + end[:16] + start + end[20:]
    read = pt2.read(both, "n.pt2")
    assert read(torch.rand(2, 1, 16, 16)).shape == (2, 2)
    assert not (tmp_path / "executed").exists()
    with contextlib.suppress(Exception):
        torch.export.load(io.BytesIO(both))  # that would have been it
    assert (tmp_path / "executed").exists()


def test_a_program_from_a_gpu_is_read_on_a_cpu(small: tuple[nn.Module, bytes]) -> None:
    content = small[1]
    for file in ("models/model.json", "data/weights/model_weights_config.json"):

        def change(part: bytes) -> bytes:
            before = json.dumps({"type": "cpu", "index": None}).encode()
            return part.replace(before, b'{"type": "cuda", "index": 0}')

        content = changed(content, file, change)
    assert pt2.read(content, "n.pt2")(torch.rand(2, 1, 16, 16)).shape == (2, 2)


class Evil:
    def __reduce__(self) -> Any:
        return (Path.touch, (Path("executed"),))


@pytest.mark.parametrize(
    ("file", "what"),
    [
        ("data/aotinductor/model/evil.so", "the file 'evil.so' inside"),
        ("data/constants/custom_obj_0", "the file 'custom_obj_0' inside"),
        ("extra/code.py", "the file 'code.py' inside"),
    ],
)
def test_other_files_inside_are_refused(
    small: tuple[nn.Module, bytes], file: str, what: str
) -> None:
    with pytest.raises(UserError, match=f"refused, because it contains {what}"):
        pt2.read(changed(small[1], file, lambda part: pickle.dumps(Evil())), "n.pt2")


def test_pickled_weights_are_refused(small: tuple[nn.Module, bytes]) -> None:
    def change(part: bytes) -> bytes:
        return part.replace(b'"use_pickle": false', b'"use_pickle": true', 1)

    with pytest.raises(UserError, match="refused, because it contains pickled objects"):
        pt2.read(changed(small[1], "data/weights/model_weights_config.json", change), "n.pt2")


def test_pickled_sample_inputs_are_not_executed(
    small: tuple[nn.Module, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    evil = io.BytesIO()
    torch.save(((Evil(),), {}), evil)
    content = changed(small[1], "data/sample_inputs/model.pt", lambda part: evil.getvalue())
    assert pt2.read(content, "n.pt2")(torch.rand(2, 1, 16, 16)).shape == (2, 2)
    assert not (tmp_path / "executed").exists()
    torch.load(io.BytesIO(evil.getvalue()), weights_only=False)  # that would have been it
    assert (tmp_path / "executed").exists()


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 and no more"])
def test_a_file_that_is_no_program_is_named(content: bytes) -> None:
    with pytest.raises(UserError, match=r"n\.pt2: not a whole exported program"):
        pt2.read(content, "n.pt2")


def test_a_program_that_was_cut_off_is_named(small: tuple[nn.Module, bytes]) -> None:
    with pytest.raises(UserError, match=r"n\.pt2: not an? (whole )?exported program"):
        pt2.read(small[1][:-50], "n.pt2")
