"""Reading ONNX models from elsewhere as a list of torch calls; see `graph`.

onnxruntime gives no gradients, and converters make Python source of the file's names. So the graph
is carried out by torch functions from a closed table; names of the file are keys of dicts here and
nothing else.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pgdose.errors import UserError
from pgdose.networks.graph import (
    HALVES,
    MOST_CALLS,
    WIDENED,
    Call,
    GraphNetwork,
    Numbers,
    Output,
    Refused,
    Value,
    as_numbers,
    select_output,
)
from pgdose.networks.onnx_data import INSIDE, DataFiles
from pgdose.networks.onnx_operators import (
    DTYPES,
    NEWEST_OPSET,
    OLDEST_OPSET,
    OPERATORS,
    PREFIX,
    function_of,
)

STANDARD = ("", "ai.onnx")  # the domain of the standard operators
# Domains of operators that a message names; another may be anything.
LIBRARIES = ("ai.onnx.ml", "com.microsoft", "org.pytorch.aten", "pkg.onnxscript.torch_lib")
SMALL_CONSTANTS = 2**24  # bytes that functions of a model may repeat
QUANTISED = re.compile(
    r"QLinear(Conv|MatMul|Add|Mul|AveragePool|GlobalAveragePool|Sigmoid|LeakyRelu|Concat|Softmax)"
    r"|(Dynamic)?QuantizeLinear|DequantizeLinear|(Conv|MatMul)Integer(ToFloat)?|MatMulNBits"
    r"|Q(Gemm|Attention)|DynamicQuantize(MatMul|LSTM)"
)
NUMBERS_OF_HALVES, FLOAT32 = (10, 16), 1  # data types of ONNX
MOST_INSIDE = 50  # functions of a model inside each other


def read(content: bytes, name: str, data: Iterable[Path] = ()) -> GraphNetwork:
    """The network of a model; UserError, naming the file, if it is refused.

    `data`: the files beside it that its weights may be in (`onnx_locations.data_files`).
    """
    try:
        import onnx
    except ImportError:
        raise UserError(
            f"{name}: ONNX needs one more package; run: pip install 'pgdose[onnx]'"
        ) from None
    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except Exception:  # protobuf's DecodeError
        raise UserError(f"{name}: not a whole ONNX model; export it again") from None
    if not model.graph.node:
        raise UserError(f"{name}: not an ONNX model, or one without a graph; export it again")
    try:
        return _Translation(model, DataFiles(data)).network()
    except Refused as refused:
        raise UserError(f"{name}: refused, because {refused}") from None
    except (
        *(KeyError, ValueError, TypeError, AttributeError, IndexError, RecursionError),
        *(OverflowError, ZeroDivisionError, RuntimeError, MemoryError),
    ):
        raise UserError(f"{name}: not a valid ONNX model; export it again") from None


class _Translation:
    """One model on its way to a GraphNetwork. Every value of every scope has a number."""

    def __init__(self, model: Any, data: DataFiles | None = None) -> None:
        self.graph, self.data = model.graph, data or DataFiles()
        self.version = _version(model.opset_import)
        self.functions = {(f.domain, f.name, f.overload): f for f in model.functions}
        self.calls: list[Call] = []
        self.weights: dict[int, Tensor] = {}
        self.values = 0
        self.nodes = 0
        self.constants = 0  # bytes
        self.notes: list[str] = []
        self.widens = False  # whether numbers of 16 bits become float32
        self.most_constants = 2 * model.ByteSize() + SMALL_CONSTANTS

    def network(self) -> GraphNetwork:
        graph, self.widens = self.graph, True
        if graph.sparse_initializer:
            raise Refused("it holds sparse weights; export it with plain ones")
        scope = {t.name: self._weight(_tensor(t, self.data)) for t in graph.initializer}
        images = [entry for entry in graph.input if entry.name not in scope]
        if len(images) != 1:
            raise Refused(
                f"it has {len(images)} inputs; export a network that takes one: the images"
            )
        scope[images[0].name] = number = self._number()
        self._translate(graph.node, scope, self.version, {}, 0)
        outputs = [Output(o.name, scope[o.name], _sizes(o)) for o in graph.output]
        output, notes = select_output(outputs)
        # Whole numbers are shapes and places, which are computed on the CPU.
        weights = {n: tensor for n, tensor in self.weights.items() if tensor.is_floating_point()}
        constants = {n: tensor for n, tensor in self.weights.items() if n not in weights}
        shape = _shape(images[0])
        network = GraphNetwork(self.calls, weights, number, [output.number], shape, constants)
        network.notes = [*self.notes, *notes]
        return network

    def _number(self) -> int:
        self.values += 1
        return self.values

    def _weight(self, tensor: Tensor) -> int:
        number = self._number()
        self.weights[number] = self._widened(tensor)
        return number

    def _widened(self, value: Any) -> Any:
        """A tensor, or a number type of ONNX, with float32 in place of 16 bits."""
        half = value.dtype in HALVES if isinstance(value, Tensor) else value in NUMBERS_OF_HALVES
        if not (half and self.widens):
            return value
        if WIDENED not in self.notes:
            self.notes.append(WIDENED)
        return value.float() if isinstance(value, Tensor) else FLOAT32

    def _translate(
        self, nodes: Any, scope: dict[str, int], version: int, bound: dict[str, Any], inside: int
    ) -> None:
        """Add the calls of some nodes. `bound`: attributes of the function that holds them."""
        for node in nodes:
            # A function of the model stands for its nodes as often as it is called.
            self.nodes += 1 + (len(node.input) + len(node.output)) // 100
            if self.nodes > MOST_CALLS or inside > MOST_INSIDE:
                raise Refused(f"it has more than {MOST_CALLS} nodes, or functions without an end")
            inputs = [scope[name] if name else None for name in node.input]
            attributes = {
                a.name: v for a in node.attribute if (v := _attribute(a, bound)) is not None
            }
            function = self.functions.get((node.domain, node.op_type, node.overload))
            if function is not None:
                results = self._expand(function, inputs, attributes, inside)
            elif node.domain in STANDARD:
                results = self._call(node.op_type, inputs, attributes, version, len(node.output))
            elif QUANTISED.fullmatch(node.op_type):
                self._call(node.op_type, inputs, attributes, version, len(node.output))
            else:
                library = f" ({node.domain})" if node.domain in LIBRARIES else ""
                raise Refused(
                    f"it uses operators of another library{library}; export it with the standard "
                    "ones of ONNX"
                )
            for name, number in zip(node.output, results, strict=False):
                if name in scope:
                    raise ValueError("two values of one name")
                if name:
                    scope[name] = number

    def _expand(
        self, function: Any, inputs: list[int | None], attributes: dict[str, Any], inside: int
    ) -> list[int]:
        """The calls of a function of the model; returns the numbers of its results."""
        defaults = {a.name: _attribute(a, {}) for a in function.attribute_proto}
        scope = {
            name: number
            for name, number in zip(function.input, inputs, strict=False)
            if number is not None
        }
        version = _version(function.opset_import, self.version)
        self._translate(function.node, scope, version, defaults | attributes, inside + 1)
        return [scope[name] for name in function.output]

    def _call(
        self,
        name: str,
        inputs: list[int | None],
        attributes: dict[str, Any],
        version: int,
        outputs: int,
    ) -> list[int]:
        """The call of a standard operator; returns the numbers of its results."""
        if QUANTISED.fullmatch(name):
            raise Refused(
                f"it is quantised ({name}); export the network "
                "from before it was quantised, with weights in float32"
            )
        operator = OPERATORS.get(name)
        if operator is None:
            raise Refused(
                f"it uses {_shown(name)}; export it with operators of image classifiers alone, or "
                "give an exported program (torch.export.save)"
            )
        for keyword, value in (("opset", version), ("outputs", outputs)):
            if keyword in operator.keywords:
                attributes = attributes | {keyword: value}
        if unknown := attributes.keys() - operator.keywords:
            raise Refused(
                f"{name} has an attribute{_shown_attribute(name, unknown)} that is not read"
            )
        for key in ("to", "dtype", "value"):
            if isinstance(attributes.get(key), Tensor | int):
                attributes = attributes | {key: self._widened(attributes[key])}
        if name == "Constant":
            constant = operator.function(**attributes)
            self.constants += constant.numel() * constant.element_size()
            if self.constants > self.most_constants:
                raise Refused("its functions hold too many constants")
            return [self._weight(constant)]
        if operator.most_inputs is not None and len(inputs) > operator.most_inputs:
            raise Refused(f"{name} with {len(inputs)} inputs is not read")
        results = tuple(self._number() for _ in range(outputs if operator.several else 1))
        arguments = [
            self._argument(number, place in operator.numbers) for place, number in enumerate(inputs)
        ]
        function, key = function_of(name), f"{PREFIX}{name}"
        self.calls.append(Call(key, function, arguments, attributes, results, operator.several))
        return list(results)

    def _argument(self, number: int | None, in_numbers: bool) -> Any:
        if number is None:
            return None
        if in_numbers and number in self.weights:
            return as_numbers(self.weights[number])
        return Numbers(number) if in_numbers else Value(number)


def _shown(operator: str) -> str:
    """An operator of ONNX by its name; another's may be anything."""
    from onnx import defs

    return f"the operator {operator!r}" if defs.has(operator) else "an operator unknown to ONNX"


def _shown_attribute(operator: str, names: Iterable[str]) -> str:
    from onnx import defs

    known = sorted(set(names) & defs.get_schema(operator).attributes.keys())
    return f" {known[0]!r}" if known else ""


def _version(imports: Any, default: int | None = None) -> int:
    """The version of the standard operators."""
    versions = [entry.version for entry in imports if entry.domain in STANDARD]
    version = versions[0] if versions else default
    if version is None or not OLDEST_OPSET <= version <= NEWEST_OPSET:
        raise Refused(
            f"its operators are those of opset {version}; export it with an opset_version from "
            f"{OLDEST_OPSET} to {NEWEST_OPSET}"
        )
    return version


def _shape(entry: Any) -> list[int | None]:
    """The declared shape of the images, None where any length will do; empty if none is."""
    tensor = entry.type.tensor_type
    if tensor.elem_type == 11:
        raise Refused("its input is float64; export it with images and weights as float32")
    if tensor.elem_type not in (1, 10, 16):
        raise Refused("its input is not of floating point; export it for images as float32")
    return _sizes(entry)


def _sizes(entry: Any) -> list[int | None]:
    return [d.dim_value if d.dim_value > 0 else None for d in entry.type.tensor_type.shape.dim]


def _attribute(attribute: Any, bound: dict[str, Any]) -> Any:
    """The value of an attribute; None if it refers to one that its function was not given."""
    if attribute.ref_attr_name:
        return bound.get(attribute.ref_attr_name)
    match attribute.type:
        case 1:
            return attribute.f
        case 2:
            return attribute.i
        case 3:
            return attribute.s.decode()
        case 4:
            return _tensor(attribute.t)
        case 6:
            return list(attribute.floats)
        case 7:
            return list(attribute.ints)
    raise Refused(
        "an attribute holds a graph or the like, which is not read; "
        "export it without conditions and loops"
    )


def _tensor(tensor: Any, data: DataFiles | None = None) -> Tensor:
    """A tensor of the file, of which the data must be as long as its shape says."""
    from onnx import numpy_helper

    if tensor.data_type not in DTYPES or any(size < 0 for size in tensor.dims):
        raise Refused(f"it holds a tensor of type {tensor.data_type}, which is not read")
    dtype = DTYPES[tensor.data_type]
    if tensor.data_location == 1 or tensor.external_data:
        if data is None:
            raise Refused(f"it holds constants that are in another file; {INSIDE}")
        return data.tensor(tensor, dtype)
    array = numpy_helper.to_array(tensor)
    if dtype == torch.bfloat16:
        array = array.astype(np.float32)
    return torch.from_numpy(np.array(array)).to(dtype)
