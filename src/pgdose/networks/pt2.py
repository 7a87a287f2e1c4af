"""Reading exported programs (torch.export's .pt2) from elsewhere as a list of torch calls.

torch.export.load unpickles parts of an archive, evaluates others as Python, and generates source
code of a third. Here the graph's JSON is read, and its operators are called; see `graph`. Names of
the file are keys of dicts here and nothing else.

The JSON is that of torch/_export/serde/schema.py, version 8, of torch 2.6 and later.
"""

import json
import math
import operator
import re
import zipfile
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor

from pgdose.errors import UserError
from pgdose.networks import torch_archive
from pgdose.networks.graph import (
    HALVES,
    WIDENED,
    Call,
    Device,
    GraphNetwork,
    Output,
    Refused,
    Value,
    WholeDivision,
    numbers_in,
    select_output,
)

SCHEMA = 8  # the major version of the layout
MOST_TREE = 10_000  # characters of how outputs are put together
MOST_JSON = 2**24  # bytes; the largest networks of torchvision and timm have 6 MB
# All that an archive may hold, after its root folder; `custom_obj_0` or compiled code is refused.
FILES = re.compile(
    r"data/(weights|constants)/(weight_\d+|tensor_\d+|model_(weights|constants)_config\.json"
    r"|model\.pt)"
    r"|data/sample_inputs/[\w.-]+\.pt|models/model\.json"
    r"|archive_format|archive_version|byteorder|\.data/(version|serialization_id)"
)
# The operators that networks use. Others of torch's open files or read memory.
OPERATORS = set(
    """
    adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d
    adaptive_max_pool2d adaptive_max_pool3d avg_pool1d avg_pool2d avg_pool3d max_pool1d max_pool2d
    max_pool3d max_pool1d_with_indices max_pool2d_with_indices max_pool3d_with_indices
    conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d convolution linear
    bilinear addmm addbmm baddbmm bmm mm matmul mv dot outer einsum embedding
    scaled_dot_product_attention batch_norm group_norm instance_norm layer_norm rms_norm
    native_batch_norm native_group_norm native_layer_norm _native_batch_norm_legit_no_training
    dropout feature_dropout alpha_dropout feature_alpha_dropout native_dropout
    celu elu gelu glu hardshrink hardsigmoid hardswish hardtanh leaky_relu log_sigmoid mish prelu
    relu relu6 rrelu selu sigmoid silu softplus softshrink tanh threshold
    softmax log_softmax _softmax _log_softmax logsumexp
    abs add addcdiv addcmul bitwise_and bitwise_not bitwise_or ceil clamp clamp_max clamp_min clip
    cos div divide eq erf exp expm1 floor floor_divide fmod ge gt le lerp log log10 log1p log2
    logical_and logical_not logical_or lt maximum minimum mul multiply ne neg negative pow
    reciprocal remainder round rsqrt rsub sign sin sqrt square sub subtract tan true_divide trunc
    where isnan isinf isfinite nan_to_num
    all amax amin any argmax argmin argsort cumsum cumprod linalg_vector_norm max mean
    median min norm prod sort std std_mean sum topk var var_mean
    alias as_strided_copy broadcast_to cat chunk clone concat concatenate constant_pad_nd
    contiguous detach diagonal expand expand_as flatten flip gather hstack im2col col2im index
    index_select lift_fresh_copy masked_fill meshgrid movedim narrow numpy_T pad permute
    pixel_shuffle pixel_unshuffle channel_shuffle native_channel_shuffle reflection_pad1d
    reflection_pad2d repeat repeat_interleave replication_pad1d replication_pad2d reshape
    reshape_as roll rot90 scatter scatter_add select slice split split_with_sizes squeeze stack
    swapaxes swapdims t tensor_split transpose tril triu unbind unflatten unfold unsqueeze view
    view_as vstack _unsafe_view one_hot cosine_similarity pairwise_distance
    affine_grid_generator grid_sampler grid_sampler_2d upsample_bicubic2d upsample_bilinear2d
    upsample_nearest1d upsample_nearest2d upsample_trilinear3d _upsample_bicubic2d_aa
    _upsample_bilinear2d_aa _upsample_nearest_exact2d
    arange copy eye fill full full_like linspace new_full new_ones new_zeros ones
    ones_like scalar_tensor zero zeros zeros_like
    to type_as _to_copy _adaptive_avg_pool2d sym_size sym_numel sym_stride
    """.split()  # noqa: SIM905
)
# Checks of what the exporter assumed; the reader checks the images' size itself.
CHECKS = {
    *("sym_constrain_range_for_size", "sym_constrain_range", "_assert_scalar", "_assert_async"),
    "_assert_tensor_metadata",
}
QUANTISED = re.compile(
    r"torch\.ops\.((quantized_decomposed|quantized|torchao)\.(?P<of_library>[a-z0-9_]{1,40})"
    r"|aten\._?(?P<of_torch>(de|fake_)?quantize_per_[a-z_]{1,40}|weight_int[48]pack_mm|int_mm))\b"
)
ATEN_OPERATOR = re.compile(r"torch\.ops\.aten\.(?P<name>\w+)\.(?P<overload>\w+)")
DIVISIONS = ("div", "divide", "floor_divide", "fmod", "remainder", "true_divide")
# The texts that arguments may be: modes, and the equation of einsum.
WORDS = {
    *("none", "tanh", "floor", "trunc", "constant", "reflect", "replicate", "circular", "same"),
    *("valid", "ij", "xy", "sum", "mean", "fro", "prod", "amax", "amin"),
}
EQUATION = re.compile(r"[A-Za-z,. ]{1,100}->[A-Za-z. ]{0,50}")


def _of_numbers(function: Callable[..., Any]) -> Callable[..., Any]:
    """Arithmetic of sizes, which must stay sizes: Python's numbers grow without an end."""

    def calculate(*numbers: Any) -> Any:
        if not all(isinstance(number, int | float) for number in numbers):
            raise Refused("it calculates sizes of things that are no numbers")
        result = function(*numbers)
        if not abs(result) < 2**63:
            raise Refused("it calculates sizes that no tensor has")
        return result

    return calculate


def _item(sequence: Any, index: Any) -> Any:
    """`_operator.getitem` of several results."""
    if not isinstance(sequence, list | tuple):
        raise Refused("it takes an item of something that has none")
    return sequence[index]


SIZE_OPERATORS = {
    "_operator.getitem": _item,
    **{
        f"_operator.{name}": _of_numbers(getattr(operator, name))
        for name in (
            *("add", "sub", "mul", "floordiv", "truediv", "mod", "neg", "eq", "ne", "le", "lt"),
            *("ge", "gt"),
        )
    },
    **{"torch.sym_max": _of_numbers(max), "torch.sym_min": _of_numbers(min)},
    **{"torch.sym_int": _of_numbers(int), "torch.sym_float": _of_numbers(float)},
    **{"math.ceil": _of_numbers(math.ceil), "math.floor": _of_numbers(math.floor)},
    "math.trunc": _of_numbers(math.trunc),
}
# Arguments that only their own kind may be: torch takes any number for one of an enumeration.
OWN_KIND = {
    **{"ScalarType": "as_scalar_type", "MemoryFormat": "as_memory_format"},
    **{"Layout": "as_layout", "Device": "as_device", "str": "as_string"},
}
TRAINING = ("training", "use_input_stats", "train")  # statistics of the batch, which are written
SCALES = (1e-3, 1e3)  # of resizing; others read outside of the image
DTYPES = {
    **{1: torch.uint8, 2: torch.int8, 3: torch.int16, 4: torch.int32, 5: torch.int64},
    **{6: torch.float16, 7: torch.float32, 8: torch.float64, 12: torch.bool, 13: torch.bfloat16},
}
MEMORY_FORMATS = {
    **{1: torch.contiguous_format, 2: torch.channels_last, 3: torch.channels_last_3d},
    4: torch.preserve_format,
}
STRIDED = 7


def read(content: bytes, name: str) -> GraphNetwork:
    """The network of an exported program, with weights on the CPU; UserError if it is refused."""
    saved_by = ""
    try:
        program, weights, constants = _parts(torch_archive.entries(content))
        version = re.match(r"[0-9]{1,3}\.[0-9]{1,3}", str(program.get("torch_version", "")))
        saved_by = version[0] if version else "of an unknown version"
        if program["schema_version"]["major"] != SCHEMA:
            raise Refused(
                f"torch {saved_by} saved it in a layout that is not known here; save it again "
                "with torch.export.save of torch 2.6 or later"
            )
        return _Translation(program["graph_module"], weights, constants).network()
    except Refused as refused:
        raise UserError(f"{name}: refused, because {refused}") from None
    except (
        *(zipfile.BadZipFile, ValueError, KeyError, AttributeError, TypeError, IndexError),
        *(RecursionError, OverflowError, RuntimeError),
    ):
        by = f" (torch {saved_by} saved it)" if saved_by else ""
        raise UserError(
            f"{name}: not a whole exported program{by}; save it again with torch.export.save of "
            "torch 2.6 or later"
        ) from None


Weights = dict[str, Tensor]


def _parts(files: dict[str, bytes]) -> tuple[dict[str, Any], Weights, Weights]:
    """The program, its weights and its constants, of each of torch's layouts."""
    if "serialized_exported_program.json" in files:  # torch 2.6 and 2.7
        weights, constants = (
            torch_archive.tensors(files[f"serialized_{part}.pt"])
            for part in ("state_dict", "constants")
        )
        return _json(files["serialized_exported_program.json"]), weights, constants
    inside = {file.partition("/")[2]: part for file, part in files.items()}
    program = _json(inside["models/model.json"])
    for file in inside:
        if not FILES.fullmatch(file):
            raise Refused(
                f"it contains {_kind_of_file(file)} that no exported program has; export a network "
                "that has only plain tensors and torch's own operators"
            )
    return program, _tensors(inside, "weights"), _tensors(inside, "constants")


def _json(content: bytes) -> dict[str, Any]:
    if len(content) > MOST_JSON:
        raise Refused(f"its graph is longer than {MOST_JSON >> 20} MB")
    result: dict[str, Any] = json.loads(content)
    return result


def _tensors(files: dict[str, bytes], kind: str) -> Weights:
    """Weights or constants: in torch 2.8 a file of `torch.save`, later a file for each."""
    folder = f"data/{kind}"
    if f"{folder}/model.pt" in files:
        return torch_archive.tensors(files[f"{folder}/model.pt"])
    config = _json(files.get(f"{folder}/model_{kind}_config.json", b'{"config": {}}'))
    content_of = cache(lambda name: torch_archive.storage(files[f"{folder}/{name}"]))
    result = {}
    for name, entry in config["config"].items():
        if entry["use_pickle"] is not False:
            raise Refused("it contains pickled objects; save plain tensors")
        layout = entry["tensor_meta"]
        if layout["layout"] != STRIDED:
            raise Refused("it contains sparse tensors; save plain ones")
        content, dtype = content_of(entry["path_name"]), _one_of(DTYPES, layout["dtype"])
        result[name] = torch_archive.tensor(
            torch_archive.elements(content, dtype),
            [size["as_int"] for size in layout["sizes"]],
            [stride["as_int"] for stride in layout["strides"]],
            layout["storage_offset"]["as_int"],
        )
    torch_archive.check_size(result.values(), sum(map(len, files.values())))
    return result


def _one_of(table: dict[int, Any], number: int) -> Any:
    if number not in table:
        raise Refused("it uses a number type or memory format that is not read")
    return table[number]


class _Translation:
    """One program on its way to a GraphNetwork. Every value has a number."""

    def __init__(self, module: dict[str, Any], weights: Weights, constants: Weights) -> None:
        self.graph, self.signature = module["graph"], module["signature"]
        self.tree, self.notes = _output_tree(module), list[str]()
        self.tensors = {**constants, **weights}
        self.scope: dict[str, int] = {}
        self.weights: dict[int, Tensor] = {}
        self.calls: list[Call] = []
        self.images: str | None = None
        self.views: set[int] = set()  # values that may share the memory of a weight
        self.values = 0

    def network(self) -> GraphNetwork:
        for spec in self.signature["input_specs"]:
            self._input(spec)
        if self.images is None:
            raise Refused("it takes no images; export a network that takes one tensor")
        for node in self.graph["nodes"]:
            self._node(node)
        sizes = self.graph["tensor_values"][self.images]["sizes"]
        shape = [size.get("as_int") for size in sizes]
        output, notes = select_output(self._outputs())
        number = self.scope[self.images]
        network = GraphNetwork(self.calls, self.weights, number, [output.number], shape)
        network.notes = [*self.notes, *notes]
        return network

    def _outputs(self) -> list[Output]:
        """The tensors among the outputs, by their keys where the network gives a dict."""
        specs = [
            s["user_output"]["arg"] for s in self.signature["output_specs"] if "user_output" in s
        ]
        keys = _keys(self.tree, len(specs))
        tensors = [
            (key, spec["as_tensor"]["name"])
            for key, spec in zip(keys, specs, strict=True)
            if "as_tensor" in spec
        ]
        sizes = self.graph["tensor_values"]
        return [
            Output(key, self.scope[name], [n.get("as_int") for n in sizes[name]["sizes"]])
            for key, name in tensors
        ]

    def _bind(self, name: str) -> int:
        self.values += 1
        self.scope[name] = self.values
        return self.values

    def _input(self, spec: dict[str, Any]) -> None:
        """Weights, constants, the images."""
        ((kind, content),) = spec.items()
        keys = {
            "parameter": "parameter_name",
            "buffer": "buffer_name",
            "tensor_constant": "tensor_constant_name",
        }
        if kind in keys:
            number = self._bind(content["arg"]["name"])
            self.weights[number] = self._widened(self.tensors[content[keys[kind]]])
        elif kind == "user_input" and "as_tensor" in content["arg"]:
            if self.images is not None:
                raise Refused("it takes several inputs; export a network that takes the images")
            self.images = content["arg"]["as_tensor"]["name"]
            self._bind(self.images)
        elif kind not in ("user_input", "constant_input"):  # numbers that nothing refers to
            raise Refused("it contains an input that is no tensor; save plain tensors")

    def _node(self, node: dict[str, Any]) -> None:
        target = node["target"]
        aten = ATEN_OPERATOR.fullmatch(target)
        if aten and aten["name"] in CHECKS:
            return
        function = function_of(target)
        if target in SIZE_OPERATORS:
            arguments = [self._argument(entry["arg"]) for entry in node["inputs"]]
            keywords: dict[str, Any] = {}
        else:
            arguments, keywords = self._aten_arguments(function, node["inputs"])
        results, several = self._results(node["outputs"])
        if any(n in self.weights or n in self.views for n in numbers_in(arguments)):
            self.views |= set(results) if _may_be_view(function) else set()
        self.calls.append(Call(target, function, arguments, keywords, results, several))

    def _aten_arguments(
        self, function: Any, inputs: list[dict[str, Any]]
    ) -> tuple[list[Any], dict[str, Any]]:
        """By the operator's own signature, since older files do not say which are keywords."""
        given = {entry["name"]: entry["arg"] for entry in inputs}
        parameters = {argument.name: argument for argument in function._schema.arguments}
        if given.keys() - parameters.keys():
            raise ValueError("an argument that the operator has not")
        arguments: list[Any] = []
        keywords: dict[str, Any] = {}
        in_order = True
        for name, parameter in parameters.items():
            in_order = in_order and name in given and not parameter.kwarg_only
            if name == "device":  # also where the file says none, which is the CPU
                keywords[name] = Device()
                in_order = False
            elif name in given:
                _check_kind(parameter, given[name])
                if _writes(parameter):
                    self._copy_weight(given[name])
                value = self._argument(given[name])
                if in_order:
                    arguments.append(value)
                else:
                    keywords[name] = value
        _check_values(given)
        return arguments, keywords

    def _copy_weight(self, argument: dict[str, Any]) -> None:
        """An operator that changes its argument must not change the network for later passes."""
        name = argument.get("as_tensor", {}).get("name")
        number = self.scope.get(name)
        if number in self.views:
            raise Refused("it changes its own weights; export it in evaluation mode")
        if number in self.weights:
            clone = torch.ops.aten.clone.default
            self.calls.append(Call("clone", clone, [Value(number)], {}, (self._bind(name),)))

    def _argument(self, argument: dict[str, Any]) -> Any:
        """A constant, or where to find a value."""
        ((kind, content),) = argument.items()
        match kind:
            case "as_none":
                return None
            case "as_tensor":
                return Value(self.scope[content["name"]])
            case "as_tensors":
                return [Value(self.scope[item["name"]]) for item in content]
            case "as_optional_tensor" | "as_sym_int" | "as_sym_float" | "as_sym_bool":
                return self._named_or_constant(content)
            case "as_optional_tensors" | "as_sym_ints" | "as_sym_floats" | "as_sym_bools":
                return [self._named_or_constant(item) for item in content]
            case "as_int" | "as_bool":
                return int(content) if kind == "as_int" else bool(content)
            case "as_ints" | "as_bools":
                return [int(item) if kind == "as_ints" else bool(item) for item in content]
            case "as_float":
                return float(content)
            case "as_floats":
                return [float(item) for item in content]
            case "as_string" if content in WORDS or EQUATION.fullmatch(content):
                return content
            case "as_scalar_type":
                return self._widened(_one_of(DTYPES, content))
            case "as_memory_format":
                return _one_of(MEMORY_FORMATS, content)
            case "as_layout" if content == STRIDED:
                return torch.strided
            case "as_device":
                return Device()
        raise Refused(
            "it contains an argument of a kind that is not read; export it without regions of "
            "torch.no_grad or autocast, conditions and loops"
        )

    def _widened(self, value: Any) -> Any:
        """A tensor or a number type, with float32 in place of 16 bits."""
        dtype = value.dtype if isinstance(value, Tensor) else value
        if dtype not in HALVES:
            return value
        if WIDENED not in self.notes:
            self.notes.append(WIDENED)
        return value.float() if isinstance(value, Tensor) else torch.float32

    def _named_or_constant(self, item: dict[str, Any]) -> Any:
        if "as_name" in item:
            return Value(self.scope[item["as_name"]])
        return self._argument(item)

    def _results(self, outputs: list[dict[str, Any]]) -> tuple[tuple[int, ...], bool]:
        """The numbers of a call's results, and whether it returns several."""
        if len(outputs) == 1 and "as_tensors" in outputs[0]:
            return tuple(self._bind(item["name"]) for item in outputs[0]["as_tensors"]), True
        return tuple(self._bind(_name(output)) for output in outputs), len(outputs) > 1


def _output_tree(module: dict[str, Any]) -> Any:
    """How the outputs are put together, as torch's pytree writes it; None if it is not there."""
    whole = [call for call in module.get("module_call_graph", []) if call.get("fqn") == ""]
    text = (whole[0].get("signature") or {}).get("out_spec") if whole else None
    if not isinstance(text, str) or len(text) > MOST_TREE:
        return None
    tree = json.loads(text)
    return tree[1] if isinstance(tree, list) and len(tree) == 2 else None


def _keys(tree: Any, count: int) -> list[str]:
    """The key of each output where the network gives a flat dict or named tuple, else ''.

    Outputs of transformers are such dicts.
    """
    unnamed = [""] * count
    if not isinstance(tree, dict) or len(tree["children_spec"]) != count:
        return unnamed
    if any(child["children_spec"] for child in tree["children_spec"]):
        return unnamed
    context = tree["context"]
    names = json.loads(context) if isinstance(context, str) else context
    if isinstance(names, list) and len(names) == 2 and isinstance(names[1], list):  # OrderedDict
        names = names[1]
    if isinstance(names, list) and len(names) == count and all(isinstance(n, str) for n in names):
        return names
    return unnamed


def _is_plain(function: Any, name: str) -> bool:
    """Whether an operator returns tensors, or a size, and writes only if its name ends in _."""
    schema = function._schema
    of_tensors = {str(result.type) for result in schema.returns} <= {"Tensor", "List[Tensor]"}
    writes = any(_writes(argument) for argument in schema.arguments)
    return (
        bool(schema.returns)
        and (of_tensors or name.startswith("sym_"))
        and (not writes or name.endswith("_"))
    )


def _writes(parameter: Any) -> bool:
    return parameter.alias_info is not None and bool(parameter.alias_info.is_write)


def _may_be_view(function: Any) -> bool:
    """Whether a result may share the memory of an argument."""
    schema = getattr(function, "_schema", None)
    return schema is None or any(result.alias_info is not None for result in schema.returns)


def _check_kind(parameter: Any, argument: dict[str, Any]) -> None:
    """Refuse numbers in place of types, formats and texts, and the other way round."""
    ((kind, _),) = argument.items()
    declared = str(parameter.real_type)
    for name, own in OWN_KIND.items():
        if kind != "as_none" and (own == kind) != (name in declared):
            raise Refused("it contains an argument that its operator does not take")


def _check_values(given: dict[str, dict[str, Any]]) -> None:
    """Refuse training mode, and scales that no image has."""
    if given.get("running_mean", {}).get("as_none") is None and any(
        given.get(name) == {"as_bool": True} for name in TRAINING
    ):
        what = "batch norm is" if "running_mean" in given else "dropout is active: it is"
        raise Refused(f"{what} in training mode; export it in evaluation mode (model.eval())")
    for name, argument in given.items():
        if name.startswith("scale") and name != "scale":
            ((_, content),) = argument.items()
            factors = content if isinstance(content, list) else [content]
            numbers = [f for f in factors if isinstance(f, int | float) and not isinstance(f, bool)]
            if any(not SCALES[0] <= abs(factor) <= SCALES[1] for factor in numbers):
                raise Refused("it resizes by a factor that no image has")


def _name(output: dict[str, Any]) -> str:
    """The name of a result; what nothing refers to has none."""
    ((_, content),) = output.items()
    return str(content.get("name", content.get("as_name"))) if isinstance(content, dict) else ""


def _kind_of_file(name: str) -> str:
    """Its type if it is a usual one: a name may be anybody's."""
    suffix = name[name.rfind(".") :]
    usual = (".so", ".py", ".pkl", ".pt", ".pth", ".json", ".csv", ".txt", ".bin", ".onnx")
    return f"a file *{suffix}" if suffix in usual else "a file"


def _usual(operator: str) -> str:
    """The name of an operator of quantised networks; another's may be anything."""
    usual = r"(de)?quantize_(per_(tensor|channel|group|token)|affine)|(conv2d|linear)(_relu)?"
    return operator if re.fullmatch(usual, operator) else "an operator of whole numbers"


def function_of(target: str) -> Callable[..., Any]:
    """The function of an operator by its name in a program; Refused if it is not read.

    One of torch's that ends in _ changes its argument.
    """
    if target in SIZE_OPERATORS:
        return SIZE_OPERATORS[target]
    aten = ATEN_OPERATOR.fullmatch(target)
    if aten and aten["name"].removesuffix("_") in OPERATORS and "out" not in aten["overload"]:
        packet = getattr(torch.ops.aten, aten["name"], None)
        function = getattr(packet, aten["overload"], None)
        if isinstance(function, torch._ops.OpOverload) and _is_plain(function, aten["name"]):
            return WholeDivision(function) if aten["name"].rstrip("_") in DIVISIONS else function
    if quantised := QUANTISED.match(target):
        name = quantised["of_torch"] or _usual(quantised["of_library"])
        raise Refused(
            f"it is quantised ({name}); export the network from before it was "
            "quantised, with weights in float32"
        )
    known = aten and hasattr(torch.ops.aten, aten["name"])
    shown = target if known else "(a name not shown here)"  # it may be anything
    raise Refused(
        f"it contains {shown!r} as target; export a network that has only plain tensors "
        "and the operators of image classifiers"
    )
