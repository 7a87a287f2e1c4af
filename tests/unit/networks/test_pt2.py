"""Exported programs are read without running their code."""

import contextlib
import io
import json
import pickle
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pgdose.errors import UserError
from pgdose.networks import probe, pt2
from pgdose.networks.graph import Refused

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


TOUCH = "open('executed', 'w')"
CODE = [TOUCH, f"x={TOUCH}", f"x\n    {TOUCH}", f"x: {TOUCH}", f"') or {TOUCH} or ('", "__class__"]


@pytest.fixture
def nothing_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    yield
    assert not (tmp_path / "executed").exists()


def renamed(content: bytes, code: str) -> bytes:
    """The program with `code` in every name that its graph and its weights have."""
    model = json.loads(zipfile.ZipFile(io.BytesIO(content)).read("archive/models/model.json"))
    graph, signature = model["graph_module"]["graph"], model["graph_module"]["signature"]
    names = set(graph["tensor_values"])
    for spec in signature["input_specs"]:
        ((_, entry),) = spec.items()
        names |= {value for key, value in entry.items() if key.endswith("_name")}

    def apply(part: bytes) -> bytes:
        for name in sorted(names, key=len, reverse=True):
            part = part.replace(f'"{name}"'.encode(), json.dumps(name + code).encode())
        return part

    files = ("models/model.json", "data/weights/model_weights_config.json")
    for file in (*files, "data/constants/model_constants_config.json"):
        content = changed(content, file, apply)
    return content


@pytest.mark.usefixtures("nothing_executed")
@pytest.mark.parametrize("code", CODE)
def test_a_name_is_only_a_name(small: tuple[nn.Module, bytes], code: str) -> None:
    """Names of values become Python source in torch's own reader."""
    network, content = small
    images = torch.rand(2, 1, 16, 16)
    read = pt2.read(renamed(content, code), "n.pt2")
    assert torch.allclose(read(images), network(images), atol=1e-6)


@pytest.mark.usefixtures("nothing_executed")
@pytest.mark.parametrize("code", [*CODE, "9**9**9**9", "7" * 10_000])
@pytest.mark.parametrize("key", ["expr_str", "guards_code", "in_spec", "stack_trace", "fqn"])
def test_expressions_are_not_evaluated(small: tuple[nn.Module, bytes], key: str, code: str) -> None:
    """Sizes, guards and containers: torch evaluates them as Python."""

    def write(part: Any) -> Any:
        if isinstance(part, list):
            return [write(item) for item in part]
        if isinstance(part, dict):
            return {k: (code if k == key else write(value)) for k, value in part.items()}
        return part

    def change(part: bytes) -> bytes:
        assert f'"{key}"'.encode() in part
        return json.dumps(write(json.loads(part))).encode()

    network, content = small
    images = torch.rand(2, 1, 16, 16)
    read = pt2.read(changed(content, "models/model.json", change), "n.pt2")
    assert torch.allclose(read(images), network(images), atol=1e-6)


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
        ("data/aotinductor/model/evil.so", r"a file \*\.so that"),
        ("data/constants/custom_obj_0", "a file that"),
        ("extra/code.py", r"a file \*\.py that"),
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


OLD = Path(__file__).parents[2] / "data" / "exported"
# What `Small` gave there, with some running means, for an image from 0 to 1 cut in three.
LOGITS = [
    [-0.21623243391513824, 0.047879502177238464],
    [-0.1974567174911499, 0.14509227871894836],
    [-0.1835954785346985, 0.2484772503376007],
]


@pytest.mark.parametrize("version", ["2.6.0", "2.7.1", "2.8.0", "2.9.1"])
def test_files_of_older_torch_are_read(version: str) -> None:
    network = pt2.read((OLD / f"{version}.pt2").read_bytes(), "n.pt2")
    images = torch.linspace(0, 1, 3 * 256).view(3, 1, 16, 16)
    assert torch.allclose(network(images), torch.tensor(LOGITS), atol=1e-6)


def test_another_layout_says_which_torch_saved_it(small: tuple[nn.Module, bytes]) -> None:
    def change(part: bytes) -> bytes:
        return json.dumps(
            json.loads(part)
            | {"schema_version": {"major": 9, "minor": 0}, "torch_version": "3.0.0"}
        ).encode()

    with pytest.raises(UserError, match=r"torch 3\.0 saved it in a layout .* save it again"):
        pt2.read(changed(small[1], "models/model.json", change), "n.pt2")


def test_images_of_another_size_are_refused(small: tuple[nn.Module, bytes]) -> None:
    """Adaptive pools would take any, where torch's own module refuses them."""
    read = pt2.read(small[1], "n.pt2")
    with pytest.raises(ValueError, match="it takes any x 1 x 16 x 16"):
        read(torch.rand(2, 1, 17, 16))


class Counting(nn.Module):
    """Changes a buffer in each pass, and the images."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(256, 2)
        self.register_buffer("passes", torch.zeros(1))

    def forward(self, images: Tensor) -> Tensor:
        self.passes += 1
        first, second = images.flatten(1).split(128, dim=1)
        logits: Tensor = self.last(torch.cat([first.mul_(2), second], 1)) + self.passes
        return logits


def exported(network: nn.Module) -> bytes:
    batch = torch.export.Dim("batch", min=1, max=1024)
    inputs = (torch.rand(2, 1, 16, 16),)
    file = io.BytesIO()
    torch.export.save(
        torch.export.export(network.eval(), inputs, dynamic_shapes=({0: batch},)), file
    )
    return file.getvalue()


def test_no_pass_changes_the_network() -> None:
    network = pt2.read(exported(Counting()), "n.pt2")
    images = torch.rand(2, 1, 16, 16)
    assert torch.equal(network(images.clone()), network(images.clone()))


def size_bomb(operations: int) -> Callable[[dict], None]:
    """A graph that multiplies a size with itself again and again."""

    def change(graph: dict) -> None:
        size = {"name": "", "arg": {"as_sym_int": {"as_int": 1000}}, "kind": 1}
        nodes = []
        for i in range(operations):
            nodes.append(
                {
                    "target": "_operator.mul",
                    "inputs": [size, size],
                    "outputs": [{"as_sym_int": {"as_name": f"s{i}"}}],
                    "metadata": {},
                }
            )
            size = {"name": "", "arg": {"as_sym_int": {"as_name": f"s{i}"}}, "kind": 1}
        graph["nodes"] = nodes + graph["nodes"]

    return change


def ones_bomb(graph: dict) -> None:
    """Adds the mean of a tensor of 80 GB."""
    sizes = {"name": "size", "arg": {"as_ints": [100_000, 200_000]}, "kind": 1}
    graph["nodes"].insert(
        0,
        {
            "target": "torch.ops.aten.ones.default",
            "inputs": [sizes],
            "outputs": [{"as_tensor": {"name": "bomb"}}],
            "metadata": {},
        },
    )


@pytest.mark.parametrize("bomb", [size_bomb(60), size_bomb(100_000), ones_bomb])
def test_a_small_file_takes_no_memory_and_no_time(
    small: tuple[nn.Module, bytes], bomb: Callable[[dict], None]
) -> None:
    content = changed(small[1], "models/model.json", in_graph(bomb))
    with pytest.raises(UserError, match=r"n\.pt2: refused, because .*; ?\w+|refused, because it"):
        probe.check(pt2.read(content, "n.pt2"), torch.rand(8, 1, 16, 16), 2, "n.pt2")


@pytest.mark.parametrize(
    ("layout", "message"),
    [
        ({"strides": [{"as_int": 0}] * 4, "sizes": [{"as_int": 10**6}] * 2}, "not a whole"),
        ({"strides": [{"as_int": 0}] * 2, "sizes": [{"as_int": 10**6}] * 2}, "tensors are larger"),
        ({"sizes": [{"as_int": 10**6}] * 4}, "not a whole"),
        ({"storage_offset": {"as_int": 2**40}}, "not a whole"),
        ({"sizes": [{"as_int": -1}] * 4}, "not a whole"),
    ],
)
def test_weights_lie_inside_their_file(
    small: tuple[nn.Module, bytes], layout: dict, message: str
) -> None:
    def change(part: bytes) -> bytes:
        config = json.loads(part)
        config["config"]["body.0.weight"]["tensor_meta"] |= layout
        return json.dumps(config).encode()

    content = changed(small[1], "data/weights/model_weights_config.json", change)
    with pytest.raises(UserError, match=message):
        pt2.read(content, "n.pt2")


def test_regions_that_are_not_read_are_named() -> None:
    class WithoutGradient(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            with torch.no_grad():
                mean = images.mean(dim=(1, 2, 3))
            return torch.stack([mean, -mean], 1) + images.sum()

    with pytest.raises(UserError, match=r"n\.pt2: refused, because it contains .*; export"):
        pt2.read(exported(WithoutGradient()), "n.pt2")


def aten(target: str, output: str, *inputs: tuple[str, Any]) -> dict[str, Any]:
    """A node of a graph; `inputs` are names and arguments."""
    return {
        "target": f"torch.ops.aten.{target}",
        "inputs": [{"name": name, "arg": argument, "kind": 1} for name, argument in inputs],
        "outputs": [{"as_tensor": {"name": output}}],
        "metadata": {},
    }


X, WEIGHT = {"as_tensor": {"name": "images"}}, {"as_tensor": {"name": "p_body_0_bias"}}
VIEW = {"as_tensor": {"name": "view"}}
ONE, YES = {"as_int": 1}, {"as_bool": True}
# What memory they read or write outside, or which state they keep, is none of the file's business.
DANGEROUS = {
    "a view without bounds": [
        aten(
            "_reshape_alias.default",
            "o",
            ("self", WEIGHT),
            ("size", {"as_ints": [10**6]}),
            ("stride", {"as_ints": [1]}),
        )
    ],
    "memory as it was": [aten("empty.memory_format", "o", ("size", {"as_ints": [4]}))],
    "a weight changed through a view": [
        aten("detach.default", "view", ("self", WEIGHT)),
        aten("add_.Scalar", "o", ("self", VIEW), ("other", ONE)),
    ],
    "a weight changed through two views": [
        aten("detach.default", "v", ("self", WEIGHT)),
        aten(
            "view.default",
            "view",
            ("self", {"as_tensor": {"name": "v"}}),
            ("size", {"as_ints": [4]}),
        ),
        aten("add_.Scalar", "o", ("self", VIEW), ("other", ONE)),
    ],
    "a number for a memory format": [
        aten("ones_like.default", "o", ("self", X), ("memory_format", {"as_int": -1}))
    ],
    "a number for a type": [aten("_to_copy.default", "o", ("self", X), ("dtype", {"as_int": 99}))],
    "an absurd scale": [
        aten(
            "_upsample_bilinear2d_aa.default",
            "o",
            ("self", X),
            ("output_size", {"as_ints": [64, 64]}),
            ("align_corners", {"as_bool": False}),
            ("scales_h", {"as_float": 1e-7}),
            ("scales_w", {"as_float": 1e-7}),
        )
    ],
    "a division of plain numbers": [aten("remainder.int", "o", ("a", ONE), ("b", {"as_int": 0}))],
    "texts that grow": [
        aten("add.str", "o", ("a", {"as_string": "mean"}), ("b", {"as_string": "mean"}))
    ],
    "results in other arguments": [
        aten("max.dim_max", "o", ("self", X), ("dim", ONE), ("max", X), ("max_values", X))
    ],
    "statistics of the batch": [
        aten(
            "batch_norm.default",
            "o",
            ("input", X),
            *((name, WEIGHT) for name in ("weight", "bias", "running_mean", "running_var")),
            ("training", YES),
            ("momentum", {"as_float": 0.1}),
            ("eps", {"as_float": 1e-5}),
            ("cudnn_enabled", YES),
        )
    ],
}


@pytest.mark.parametrize("name", DANGEROUS)
def test_dangerous_arguments_and_overloads_are_refused(
    small: tuple[nn.Module, bytes], name: str
) -> None:
    def change(graph: dict) -> None:
        graph["nodes"] = DANGEROUS[name] + graph["nodes"]

    with pytest.raises(UserError, match=r"^n\.pt2: refused, because "):
        pt2.read(changed(small[1], "models/model.json", in_graph(change)), "n.pt2")


def test_the_smallest_whole_number_is_not_divided(small: tuple[nn.Module, bytes]) -> None:
    """By -1 it would stop the processor, and with it the job."""
    smallest = {"as_int": -(2**63)}
    sizes, longs = ("size", {"as_ints": [2]}), ("dtype", {"as_scalar_type": 5})

    def change(graph: dict) -> None:
        graph["nodes"] = [
            aten("full.default", "a", sizes, ("fill_value", smallest), longs),
            aten("full.default", "b", sizes, ("fill_value", {"as_int": -1}), longs),
            aten(
                "div.Tensor_mode",
                "o",
                ("self", {"as_tensor": {"name": "a"}}),
                ("other", {"as_tensor": {"name": "b"}}),
                ("rounding_mode", {"as_string": "trunc"}),
            ),
            *graph["nodes"],
        ]

    read = pt2.read(changed(small[1], "models/model.json", in_graph(change)), "n.pt2")
    with pytest.raises(Refused, match="it divides a number that is too small"):
        read(torch.rand(2, 1, 16, 16))


def test_every_operator_that_is_read_exists() -> None:
    assert [name for name in pt2.OPERATORS if not hasattr(torch.ops.aten, name)] == []
