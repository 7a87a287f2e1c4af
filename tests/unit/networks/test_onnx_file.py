"""ONNX models are carried out as ONNX's own test cases say, and nothing in them runs."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.networks import TwoClasses, as_onnx
from torch import Tensor
from torch.nn import functional

from pgdose.errors import UserError
from pgdose.networks import onnx_file, probe
from pgdose.networks.graph import GraphNetwork, Refused
from pgdose.networks.onnx_operators import DTYPES, NEWEST_OPSET, OPERATORS

onnx = pytest.importorskip("onnx")
pytestmark = pytest.mark.usefixtures("one_thread")

helper, numpy_helper, FLOAT = onnx.helper, onnx.numpy_helper, onnx.TensorProto.FLOAT


# --- what the operators mean ---------------------------------------------------------------------


def cases() -> list[Any]:
    """ONNX's own test cases of the operators that are read, with plain arrays of known types."""
    with np.errstate(all="ignore"):
        from onnx.backend.test.case.node import collect_testcases

        collected = collect_testcases(None)
    types = [torch.zeros(1, dtype=t).numpy().dtype for t in DTYPES.values() if t != torch.bfloat16]

    def readable(case: Any) -> bool:
        arrays = [array for ins, outs in case.data_sets for array in (*ins, *outs)]
        return (
            case.kind == "node"
            and {node.op_type for node in case.model.graph.node} <= OPERATORS.keys()
            and all(isinstance(a, np.ndarray | np.generic) and a.dtype in types for a in arrays)
        )

    return [case for case in collected if readable(case)]


# Reasons to refuse a test case; the others must give what ONNX says.
NOT_READ = (
    *("training mode", "dropout is active", "is not read", "opset 1;", "inputs is not read"),
    "larger output_shape",
)
DIFFERENT = {
    # By the new length as it is, as torch and onnxruntime do.
    **{
        f"test_resize_downsample_scales_{mode}_align_corners": "rounded length"
        for mode in ("linear", "cubic")
    },
    "test_range_int32_type_negative_delta": "int64 instead of int32",
    "test_range_float16_type_positive_delta": "float32 instead of float16",
    **{
        f"test_reduce_{name}": "no extreme of nothing"
        for name in ("max_empty_set", "min_empty_set")
    },
    "test_reduce_max_empty_set_bool": "no extreme of nothing",
}


def carried_out(model: Any, inputs: list[Any]) -> dict[str, Tensor]:
    """The results of a model of one test case by name."""
    translation = onnx_file._Translation(model)
    scope, weights = {}, {}
    for entry, array in zip(model.graph.input, inputs, strict=True):
        scope[entry.name] = number = translation._number()
        weights[number] = torch.from_numpy(np.array(array))
    for tensor in model.graph.initializer:
        scope[tensor.name] = translation._weight(onnx_file._tensor(tensor))
    translation._translate(model.graph.node, scope, translation.version, {}, 0)
    outputs = [output.name for output in model.graph.output if output.name in scope]
    numbers = [scope[name] for name in outputs]
    network = GraphNetwork(translation.calls, weights | translation.weights, 0, numbers)
    results = network(torch.zeros(1))
    return dict(zip(outputs, results if isinstance(results, tuple) else [results], strict=True))


def test_the_operators_mean_what_onnx_says() -> None:
    tested: set[str] = set()
    wrong = []
    for case in cases():
        if case.name in DIFFERENT:
            continue
        tolerance = 1e-2 if "fp16" in case.name else max(case.rtol, 1e-5)
        for inputs, outputs in case.data_sets:
            expected = dict(zip([o.name for o in case.model.graph.output], outputs, strict=True))
            try:
                results = carried_out(case.model, inputs)
            except Refused as refused:
                assert any(reason in str(refused) for reason in NOT_READ), (case.name, refused)
                continue
            for name, result in results.items():
                same = (
                    result.shape == expected[name].shape
                    and result.numpy().dtype == expected[name].dtype
                    and np.allclose(result, expected[name], tolerance, 1e-5, equal_nan=True)
                )
                if not same:
                    wrong.append(case.name)
            tested |= {node.op_type for node in case.model.graph.node}
    assert not wrong
    assert tested == OPERATORS.keys()


RESIZED = [
    (scale, mode, corners)
    for scale in (0.5, 0.7, 1.1, 1.3, 1.7, 2.0)
    for mode, corners in (
        *(("nearest", None), ("bilinear", False), ("bilinear", True), ("bicubic", False)),
        ("bicubic", True),
    )
]


@pytest.mark.parametrize(("scale", "mode", "corners"), RESIZED)
def test_resizing_is_torch_s(scale: float, mode: str, corners: bool | None) -> None:
    """As both of torch's exporters write F.interpolate(scale_factor=...)."""
    attributes = {
        "mode": {"bilinear": "linear", "bicubic": "cubic"}.get(mode, mode),
        "coordinate_transformation_mode": "align_corners" if corners else "pytorch_half_pixel",
    }
    if mode == "nearest":
        attributes |= {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    scales = np.array([1, 1, scale, scale], np.float32)
    resize = helper.make_node("Resize", ["images", "", "scales"], ["logits"], **attributes)
    for side in (10, 30, 45):
        network = onnx_file.read(
            model([resize], {"scales": scales}, shape=("n", 1, None, None)), "n"
        )
        images = torch.rand(2, 1, side, side)
        expected = functional.interpolate(
            images, scale_factor=scale, mode=mode, align_corners=corners
        )
        assert torch.allclose(network(images), expected, atol=1e-4)


def test_the_norm_of_nothing_has_the_gradient_0() -> None:
    nodes = [node("ReduceL2", "images axes", "logits", keepdims=0)]
    network = onnx_file.read(model(nodes, {"axes": np.array([2, 3])}, opset=18), "n")
    images = torch.zeros(2, 1, 4, 4, requires_grad=True)
    network(images).sum().backward()
    assert images.grad is not None and not images.grad.any()


# --- whole models --------------------------------------------------------------------------------


def model(
    nodes: list[Any],
    weights: dict[str, Any] | None = None,
    opset: int = 17,
    shape: Any = ("n", 1, 4, 4),
    **more: Any,
) -> bytes:
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("images", FLOAT, shape)],
        [helper.make_tensor_value_info("logits", FLOAT, None)],
        [numpy_helper.from_array(np.asarray(v), k) for k, v in (weights or {}).items()],
    )
    imports = [helper.make_opsetid("", opset)]
    content: bytes = helper.make_model(graph, opset_imports=imports, **more).SerializeToString()
    return content


def node(kind: str, inputs: str, outputs: str, **attributes: Any) -> Any:
    return helper.make_node(kind, inputs.split(), outputs.split(), **attributes)


LAST = [node("Flatten", "x", "flat"), node("MatMul", "flat weight", "logits")]
WEIGHT = {"weight": np.random.default_rng(0).normal(size=(16, 2)).astype(np.float32)}
IMAGES = torch.rand(3, 1, 4, 4, generator=torch.Generator().manual_seed(0))


def logits(images: Tensor) -> Tensor:
    return images.flatten(1) @ torch.tensor(WEIGHT["weight"])


TOUCH = "open('executed', 'w')"
CODE = [f"x'), {TOUCH}, ('", f"x\n    {TOUCH}", TOUCH, "__class__", "forward", "a b", "weight_1"]


@pytest.mark.parametrize("code", CODE)
def test_a_name_is_only_a_name(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of nodes, values, weights, attributes and functions; a converter makes source of them."""
    monkeypatch.chdir(tmp_path)
    nodes = [
        helper.make_node("Relu", ["images"], [code + "1"], name=code, doc_string=code),
        helper.make_node(code, [code + "1"], [code + "2"], name=code + "f", domain=code),
        helper.make_node("Flatten", [code + "2"], [code + "3"], name=code + "g"),
        helper.make_node("MatMul", [code + "3", code], ["logits"], name=code),
    ]
    function = helper.make_function(
        *(code, code, [code], [code + "out"]),
        [helper.make_node("Neg", [code], [code + "out"], name=code)],
        [helper.make_opsetid("", 17)],
    )
    content = model(nodes, {code: WEIGHT["weight"]}, functions=[function])
    network = onnx_file.read(content, "n.onnx")
    assert torch.allclose(network(IMAGES), logits(-IMAGES), atol=1e-6)
    assert not (tmp_path / "executed").exists()


def test_functions_have_attributes_with_defaults() -> None:
    alpha = onnx.AttributeProto(name="alpha", type=1, ref_attr_name="slope")
    leaky = node("LeakyRelu", "x", "y")
    leaky.attribute.append(alpha)
    function = helper.make_function(
        *("mine", "Leaky", ["x"], ["y"], [leaky], [helper.make_opsetid("", 17)]),
        attribute_protos=[helper.make_attribute("slope", 0.5)],
    )
    for given, slope in (({}, 0.5), ({"slope": 0.25}, 0.25)):
        nodes = [node("Neg", "images", "m"), node("Leaky", "m", "x", domain="mine", **given), *LAST]
        network = onnx_file.read(model(nodes, WEIGHT, functions=[function]), "n")
        assert torch.allclose(network(IMAGES), logits(-IMAGES * slope), atol=1e-6)


def test_a_shape_is_computed_from_the_images() -> None:
    """As torch's exporter writes `view(n, -1)`."""
    nodes = [
        node("Shape", "images", "shape"),
        node("Gather", "shape zero", "n", axis=0),
        node("Unsqueeze", "n axes", "n1"),
        node("Concat", "n1 rest", "target", axis=0),
        node("Reshape", "images target", "flat"),
        node("MatMul", "flat weight", "logits"),
    ]
    weights = {"zero": np.int64(0), "axes": np.array([0]), "rest": np.array([-1])}
    network = onnx_file.read(model(nodes, weights | WEIGHT), "n")
    assert torch.allclose(network(IMAGES), logits(IMAGES), atol=1e-6)
    # On another device only weights move: whole numbers stay where Python can read them.
    network.to("meta")
    assert network(IMAGES.to("meta")).shape == (3, 2)


def nested(depth: int, width: int) -> list[Any]:
    """Functions that call the one before them several times."""
    functions = []
    for level in range(depth):
        inside = f"f{level - 1}" if level else "Neg"
        domain = "mine" if level else ""
        names = [f"v{i}" for i in range(width + 1)]
        nodes = [
            helper.make_node(inside, [a], [b], domain=domain) for a, b in itertools.pairwise(names)
        ]
        imports = [helper.make_opsetid("", 17), helper.make_opsetid("mine", 1)]
        functions.append(
            helper.make_function("mine", f"f{level}", ["v0"], [names[-1]], nodes, imports)
        )
    return functions


def endless() -> list[Any]:
    call = helper.make_node("f0", ["x"], ["y"], domain="mine")
    return [helper.make_function("mine", "f0", ["x"], ["y"], [call], [])]


def of_shape(sizes: list[int]) -> list[Any]:
    return [
        helper.make_node("ConstantOfShape", ["sizes"], ["ones"]),
        node("ReduceMean", "ones", "mean", keepdims=0),
        node("Add", "images mean", "x"),
    ]


def added(*nodes: Any) -> list[Any]:
    """Adds the mean of the last result, `r`, to the images."""
    return [*nodes, node("ReduceMean", "r", "mean", keepdims=0), node("Add", "images mean", "x")]


CALL = [node("f0", "images", "x", domain="mine")]
ONES = helper.make_tensor("value", 7, [1], [1])
# Nodes, weights, functions.
BOMBS: dict[str, tuple[list[Any], dict[str, Any], list[Any]]] = {
    "functions in functions": ([node("f19", "images", "x", domain="mine")], {}, nested(20, 4)),
    "a function in itself": (CALL, {}, endless()),
    "a constant of 8 GB": (
        added(node("ConstantOfShape", "sizes", "r")),
        {"sizes": np.array([1000, 2_000_000])},
        [],
    ),
    "a constant of absurd dims": (
        added(node("ConstantOfShape", "sizes", "r")),
        {"sizes": np.array([2**40, 2**20])},
        [],
    ),
    "a shape of many numbers": (
        [node("ConstantOfShape", "sizes", "s", value=ONES), node("Expand", "images s", "x")],
        {"sizes": np.array([10_000_000])},
        [],
    ),
    "an image of many pixels": (
        added(helper.make_node("Resize", ["images", "", "", "sizes"], ["r"])),
        {"sizes": np.array([3, 1, 2_000_000_000, 4])},
        [],
    ),
    "a padding of many pixels": (
        added(node("Pad", "images pads", "r")),
        {"pads": np.array([0, 0, 0, 0, 0, 0, 50_000, 50_000])},
        [],
    ),
    "copies": (added(node("Tile", "images t", "r")), {"t": np.array([1, 1, 30_000, 30_000])}, []),
    "a product of large matrices": (
        added(
            node("ConstantOfShape", "sizes", "a"),
            node("MatMul", "a a", "r"),
        ),
        {"sizes": np.array([11_000, 11_000])},
        [],
    ),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_small_file_takes_no_memory_and_no_time(bomb: str) -> None:
    nodes, weights, functions = BOMBS[bomb]
    content = model([*nodes, *LAST], weights | WEIGHT, functions=functions)
    with pytest.raises(UserError, match=r"^n\.onnx: refused, because"):
        probe.check(onnx_file.read(content, "n.onnx"), IMAGES, 2, "n.onnx")


def without_data(dims: list[int]) -> Any:
    return onnx.TensorProto(name="weight", data_type=FLOAT, dims=dims)


def elsewhere() -> Any:
    tensor = numpy_helper.from_array(WEIGHT["weight"], "weight")
    onnx.external_data_helper.set_external_data(tensor, location="../../secret")
    return tensor


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (without_data([2**31, 2**31]), "not a valid ONNX model"),
        (without_data([-1]), "holds a tensor of type"),
        (onnx.TensorProto(name="weight", data_type=8, string_data=[b"x"]), "of type 8"),
        (elsewhere(), r"its weights are in another file, .*put them into this one: python -c"),
    ],
)
def test_weights_are_whole_and_inside(tensor: Any, message: str) -> None:
    whole = onnx.ModelProto()
    whole.ParseFromString(model([node("Identity", "images", "x"), *LAST]))
    whole.graph.initializer.append(tensor)
    with pytest.raises(UserError, match=message):
        onnx_file.read(whole.SerializeToString(), "n.onnx")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not an ONNX model"),
        (b"no protobuf at all", "not a"),
        (model([node("Relu", "images", "x"), *LAST], WEIGHT)[:-20], "not a"),
        (model([node("Relu", "nothing", "x"), *LAST], WEIGHT), "not a valid"),
        (model([*LAST, node("Relu", "images", "x")], WEIGHT), "not a valid"),
        (model([node("Relu", "images", "x"), *LAST], WEIGHT, opset=6), "are those of opset 6"),
        (
            model([node("Relu", "images", "x"), *LAST], WEIGHT, opset=NEWEST_OPSET + 1),
            f"export it with an opset_version from 7 to {NEWEST_OPSET}",
        ),
        (
            model([node("Quantize", "images", "x"), *LAST], WEIGHT),
            "uses an operator unknown to ONNX; export it with",
        ),
        (
            model([node("FusedConv", "images", "x", domain="com.microsoft"), *LAST], WEIGHT),
            r"operators of another library \(com\.microsoft\)",
        ),
        (
            model([node("Relu", "images", "x", gain=2.0), *LAST], WEIGHT),
            "Relu has an attribute that is not read",
        ),
        (model([node("MatMul", "images extra", "x"), *LAST], WEIGHT), "not a valid"),
    ],
)
def test_what_is_not_read_is_named(content: bytes, message: str) -> None:
    with pytest.raises(UserError, match=rf"^n\.onnx: .*{message}"):
        onnx_file.read(content, "n.onnx")


def test_a_model_with_two_inputs_is_refused() -> None:
    whole = onnx.ModelProto()
    whole.ParseFromString(model([node("Identity", "images", "x"), *LAST]))
    with pytest.raises(UserError, match=r"it has 0 inputs|not a valid"):
        onnx_file.read(whole.SerializeToString(), "n.onnx")
    whole.graph.input.append(helper.make_tensor_value_info("weight", FLOAT, [16, 2]))
    with pytest.raises(UserError, match="it has 2 inputs; export a network that takes one"):
        onnx_file.read(whole.SerializeToString(), "n.onnx")


def test_images_of_another_size_are_refused() -> None:
    network = onnx_file.read(as_onnx(TwoClasses().eval()), "n.onnx")
    assert network(torch.rand(2, 1, 16, 16)).shape == (2, 2)
    with pytest.raises(ValueError, match="it takes any x 1 x 16 x 16"):
        network(torch.rand(2, 1, 17, 16))


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with np.errstate(all="ignore"):
        yield
