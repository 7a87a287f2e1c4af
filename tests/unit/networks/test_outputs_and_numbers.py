"""Networks with several outputs, with numbers of 16 bits, and quantised ones."""

import io
import json
from collections import OrderedDict, namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.networks import EXPECTED, TwoClasses, as_onnx, images
from torch import Tensor, nn
from torch.utils import _pytree

from pgdose.errors import UserError
from pgdose.networks import classifier, graph_file, onnx_file, probe, pt2

pytestmark = pytest.mark.usefixtures("one_thread")
Named = namedtuple("Named", ["logits", "aux"])


class ModelOutput(OrderedDict):
    """As transformers has them; torch's pytree knows how to take one apart."""


_pytree.register_pytree_node(
    ModelOutput,
    lambda output: (list(output.values()), list(output)),
    lambda values, names: ModelOutput(zip(names, values, strict=True)),
    serialized_type_name="transformers.modeling_outputs.ImageClassifierOutput",
    to_dumpable_context=json.dumps,
    from_dumpable_context=json.loads,
)


class Outputs(nn.Module):
    """Gives the logits, and three times the logits, in some form."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self.form = form

    def forward(self, y: Tensor) -> Any:
        forms: dict[str, Any] = {
            "a tuple of one": (y,),
            "a list of one": [y],
            "a dict of one": {"anything": y},
            "a dict with logits": {"aux": 3 * y, "logits": y},
            "an ordered dict": OrderedDict(aux=3 * y, logits=y),
            "a dict without a loss": {"loss": None, "other": y},
            "a model output with logits": ModelOutput(hidden_states=3 * y, logits=y),
            "a named tuple": Named(y, 3 * y),
            "the same twice": (y, y),
            "two": (y, 3 * y),
            "a dict with out": {"features": 3 * y, "out": y},
            "a dict with output": {"out": 3 * y, "output": y},
            "a dict of two": {"anna": y, "aux": 3 * y},
        }
        return forms[self.form]


TAKEN = [
    *("a tuple of one", "a list of one", "a dict of one", "a dict with logits"),
    *(
        "a model output with logits",
        "an ordered dict",
        "a dict without a loss",
        "a dict with out",
        "a dict with output",
    ),
]


def program(network: nn.Module, dtype: torch.dtype = torch.float32) -> bytes:
    file = io.BytesIO()
    some = (torch.rand(2, 1, 16, 16, dtype=dtype),)
    dynamic = ({0: torch.export.Dim.DYNAMIC},)
    torch.export.save(torch.export.export(network.eval(), some, dynamic_shapes=dynamic), file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("layer", "named"),
    [(nn.Dropout(0.5), "dropout is active"), (nn.BatchNorm2d(1), "batch norm is")],
)
def test_the_layer_in_training_mode_is_named(layer: nn.Module, named: str) -> None:
    network = nn.Sequential(layer, nn.Flatten(), nn.Linear(256, 2)).train()
    file, dynamic = io.BytesIO(), ({0: torch.export.Dim.DYNAMIC},)
    exported = torch.export.export(network, (torch.rand(2, 1, 16, 16),), dynamic_shapes=dynamic)
    torch.export.save(exported, file)
    with pytest.raises(UserError, match=rf"{named}.* in training mode; export it in evaluation"):
        pt2.read(file.getvalue(), "n")


@pytest.mark.parametrize("form", [*TAKEN, "the same twice"])
def test_the_logits_are_taken_out_of_what_a_program_gives(form: str) -> None:
    network = TwoClasses(last=Outputs(form)).eval()
    read = pt2.read(program(network), "n")
    some = images(3, 1, 16)
    assert torch.equal(read(some), TwoClasses().eval()(some))
    assert any("' is taken" in note for note in read.notes) == (
        any(word in form for word in ("logits", "ordered", "with out"))
    )


@pytest.mark.parametrize("form", [*TAKEN, "a named tuple"])
def test_the_logits_are_taken_out_of_what_a_module_gives(form: str) -> None:
    """As TorchScript does."""
    network = TwoClasses(last=Outputs(form)).eval()
    wrapped = classifier.Classifier(network, EXPECTED, opaque=True).frozen()
    probe.check(wrapped, images(9, 1, 16), 2, "n")
    expected = TwoClasses().eval()((images(3, 1, 16) - 0.5) / 0.25)
    assert torch.allclose(wrapped(images(3, 1, 16)), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("form", "listed"),
    [
        ("two", r"another: n x 2, another: n x 2"),
        ("a dict of two", r"another: n x 2, aux: n x 2"),
    ],
)
def test_several_outputs_are_refused_with_their_shapes(form: str, listed: str) -> None:
    content = program(TwoClasses(last=Outputs(form)))
    with pytest.raises(
        UserError,
        match=rf"2 outputs, of which not one is called logits or output or out \({listed}",
    ):
        pt2.read(content, "n")


def of_onnx(names: list[str]) -> bytes:
    onnx = pytest.importorskip("onnx")
    model = onnx.ModelProto()
    model.ParseFromString(as_onnx(TwoClasses().eval()))
    model.graph.node[-1].output[0] = "result"
    del model.graph.output[:]
    for i, name in enumerate(names):
        kind = "Identity" if name == "logits" or i == 0 else "Neg"
        model.graph.node.append(onnx.helper.make_node(kind, ["result"], [name]))
        model.graph.output.append(onnx.helper.make_tensor_value_info(name, 1, ["n", 2]))
    return model.SerializeToString()


def test_of_several_outputs_of_onnx_the_logits_are_taken() -> None:
    some = images(3, 1, 16)
    for names in (["any"], ["aux", "logits"], ["logits", "aux"]):
        read = onnx_file.read(of_onnx(names), "n")
        tensors, description = graph_file.written(read)
        for network in (read, graph_file.read(tensors, description)):
            assert torch.allclose(network(some), TwoClasses().eval()(some), atol=1e-6)
        assert bool(read.notes) == (len(names) > 1)
    with pytest.raises(
        UserError, match=r"not one is called logits or .* \(another: n x 2, aux: n x 2\)"
    ):
        onnx_file.read(of_onnx(["anna", "aux"]), "n")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_programs_of_16_bits_are_computed_in_32(dtype: torch.dtype) -> None:
    network = TwoClasses().eval().to(dtype)
    read = pt2.read(program(network, dtype), "n")
    some = images(3, 1, 16)
    assert torch.allclose(read(some), network.float()(some), atol=1e-5)
    assert any("computed with as float32" in note for note in read.notes)
    wrapped = classifier.Classifier(read, EXPECTED, opaque=True).frozen()
    probe.check(wrapped, some, 2, "n")


@pytest.mark.parametrize("cast", [False, True])
@pytest.mark.parametrize("kind", [10, 16])
def test_onnx_of_16_bits_is_computed_in_32(kind: int, cast: bool) -> None:
    """All of it, or images as float32 that the graph casts."""
    onnx = pytest.importorskip("onnx")
    network = TwoClasses().eval().to(torch.float16 if kind == 10 else torch.bfloat16)
    model = onnx.ModelProto()
    model.ParseFromString(as_onnx(network.float()))
    for tensor in model.graph.initializer:
        array = onnx.numpy_helper.to_array(tensor)
        half = torch.from_numpy(array.copy()).to(torch.float16 if kind == 10 else torch.bfloat16)
        raw = half.view(torch.int16).numpy().astype("<i2").tobytes()
        tensor.CopyFrom(
            onnx.TensorProto(name=tensor.name, data_type=kind, dims=array.shape, raw_data=raw)
        )
    if cast:
        nodes = [onnx.helper.make_node("Cast", ["images"], ["half"], to=kind), *model.graph.node]
        nodes[1].input[0] = "half"
        nodes[-1].output[0] = "last"
        nodes.append(onnx.helper.make_node("Cast", ["last"], ["logits"], to=1))
        del model.graph.node[:]
        model.graph.node.extend(nodes)
    else:
        model.graph.input[0].type.tensor_type.elem_type = kind
    read = onnx_file.read(model.SerializeToString(), "n")
    some = images(3, 1, 16)
    assert torch.allclose(read(some), network(some), atol=1e-5)
    assert read(some).dtype == torch.float32
    assert any("computed with as float32" in note for note in read.notes)


@pytest.mark.parametrize(
    ("kind", "domain"),
    [
        *(("QLinearConv", ""), ("DequantizeLinear", ""), ("QuantizeLinear", "")),
        *(("ConvInteger", ""), ("QLinearAdd", "com.microsoft"), ("MatMulInteger", "")),
    ],
)
def test_a_quantised_model_is_named(kind: str, domain: str) -> None:
    onnx = pytest.importorskip("onnx")
    model = onnx.ModelProto()
    model.ParseFromString(as_onnx(TwoClasses().eval()))
    model.graph.node.insert(0, onnx.helper.make_node(kind, ["images"], ["q"], domain=domain))
    with pytest.raises(UserError, match=rf"it is quantised \({kind}\); export the network from b"):
        onnx_file.read(model.SerializeToString(), "n")


def test_a_quantised_program_is_named() -> None:
    import torch.ao.quantization.fx._decomposed

    class Decomposed(nn.Module):
        def forward(self, y: Tensor) -> Tensor:
            library = torch.ops.quantized_decomposed
            options = (0.1, 0, -128, 127, torch.int8)
            q = library.quantize_per_tensor.default(y, *options)
            result: Tensor = library.dequantize_per_tensor.default(q, *options)
            return result

    with pytest.raises(UserError, match=r"it is quantised \(quantize_per_tensor\); export the"):
        pt2.read(program(TwoClasses(last=Decomposed())), "n")


def test_a_converted_model_with_channels_last_inside() -> None:
    """As converters from Keras write it: images n x rows x columns x channels, transposed."""
    onnx = pytest.importorskip("onnx")
    helper, network = onnx.helper, TwoClasses(3).eval()
    state = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    nodes = [
        helper.make_node("Transpose", ["images"], ["x"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["x", "body.0.weight", "body.0.bias"], ["a"]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Transpose", ["b"], ["c"], perm=[0, 2, 3, 1]),
        helper.make_node("Transpose", ["c"], ["d"], perm=[0, 3, 1, 2]),
        helper.make_node("AveragePool", ["d"], ["e"], kernel_shape=[7, 7], strides=[7, 7]),
        helper.make_node("Flatten", ["e"], ["f"]),
        helper.make_node("Gemm", ["f", "head.weight", "head.bias"], ["logits"], transB=1),
    ]
    tensors = [onnx.numpy_helper.from_array(np.asarray(v), k) for k, v in state.items()]
    info = helper.make_tensor_value_info
    ends = ([info("images", 1, ["n", 16, 16, 3])], [info("logits", 1, ["n", 2])])
    graph = helper.make_graph(nodes, "g", *ends, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    read = onnx_file.read(model.SerializeToString(), "n")
    last = classifier.Preprocessing(**{**vars(EXPECTED), "channels": 3, "layout": "channels_last"})
    some = images(3, 3, 16)
    wrapped = classifier.Classifier(read, last, opaque=True).frozen()
    assert torch.allclose(wrapped(some), network((some - 0.5) / 0.25), atol=1e-5)


@pytest.fixture(scope="module")
def exporter() -> None:
    pytest.importorskip("onnxscript")


@pytest.mark.usefixtures("exporter")
@pytest.mark.parametrize("dynamic", [False, True])
def test_torch_s_own_exporter(dynamic: bool, tmp_path: Path) -> None:
    from pgdose.study.onnx_locations import data_files

    network, path = TwoClasses().eval(), tmp_path / "f.onnx"
    shapes = ({0: torch.export.Dim.DYNAMIC},) if dynamic else None
    some = torch.rand(2 if dynamic else 1, 1, 16, 16)
    torch.onnx.export(network, (some,), str(path), dynamic_shapes=shapes, verbose=False)
    read = onnx_file.read(path.read_bytes(), "f.onnx", data_files(path))
    some = images(5, 1, 16)
    assert torch.allclose(read(some), network(some), atol=1e-5)
