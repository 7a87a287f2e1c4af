"""Reading exported programs (torch.export's .pt2) from elsewhere without running their code.

Torch itself warns of them: beside a graph of operators an archive can hold pickled objects and
compiled code, and parts of its graph are evaluated as Python. So `read` checks an archive before
torch reads it, and refuses everything but plain tensors and a graph of torch's own operators.
"""

import contextlib
import io
import json
import keyword
import os
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pgdose.errors import UserError

FILES = re.compile(
    r"[^/]+/(data/(weights|constants)/(weight_\d+|tensor_\d+|model_(weights|constants)_config\.json)"
    r"|data/sample_inputs/[\w.-]+\.pt|models/model\.json"
    r"|archive_format|archive_version|byteorder|\.data/(version|serialization_id))"
)
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
PLAIN_TEXT = re.compile(r"[A-Za-z0-9_.:+-]*")
PAYLOAD = re.compile(r"(weight|tensor)_\d+")
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
    local_response_norm dropout feature_dropout alpha_dropout feature_alpha_dropout native_dropout
    celu elu gelu glu hardshrink hardsigmoid hardswish hardtanh leaky_relu log_sigmoid mish prelu
    relu relu6 rrelu selu sigmoid silu softplus softshrink softsign tanh threshold
    softmax log_softmax _softmax _log_softmax logsumexp softmin
    abs add addcdiv addcmul bitwise_and bitwise_not bitwise_or ceil clamp clamp_max clamp_min clip
    cos div divide eq erf exp expm1 floor floor_divide fmod ge gt le lerp log log10 log1p log2
    logical_and logical_not logical_or lt maximum minimum mul multiply ne neg negative pow
    reciprocal remainder round rsqrt rsub sign sin sqrt square sub subtract tan true_divide trunc
    where isnan isinf isfinite nan_to_num
    all amax amin any argmax argmin argsort cumsum cumprod linalg_vector_norm linalg_norm max mean
    median min norm prod sort std std_mean sum topk var var_mean
    alias as_strided_copy broadcast_to cat chunk clone concat concatenate constant_pad_nd
    contiguous detach diagonal expand expand_as flatten flip gather hstack im2col index
    index_select lift_fresh_copy masked_fill meshgrid movedim narrow numpy_T pad permute
    pixel_shuffle pixel_unshuffle channel_shuffle native_channel_shuffle reflection_pad1d
    reflection_pad2d repeat repeat_interleave replication_pad1d replication_pad2d reshape
    reshape_as roll rot90 scatter scatter_add select slice split split_with_sizes squeeze stack
    swapaxes swapdims t tensor_split transpose tril triu unbind unflatten unfold unsqueeze view
    view_as vstack _unsafe_view _reshape_alias one_hot cosine_similarity pairwise_distance
    affine_grid_generator grid_sampler grid_sampler_2d upsample_bicubic2d upsample_bilinear2d
    upsample_nearest1d upsample_nearest2d upsample_trilinear3d _upsample_bicubic2d_aa
    _upsample_bilinear2d_aa _upsample_nearest_exact2d interpolate
    arange copy eye fill full full_like linspace new_empty new_full new_ones new_zeros ones
    ones_like scalar_tensor zero zeros zeros_like empty empty_like
    to type_as _to_copy float double _adaptive_avg_pool2d sym_size sym_numel sym_stride
    sym_constrain_range_for_size sym_constrain_range _assert_scalar _assert_async
    _assert_tensor_metadata
    """.split()  # noqa: SIM905
)
ATEN_OPERATOR = re.compile(r"torch\.ops\.aten\.(?P<name>\w+?)_?\.(?P<overload>[A-Za-z0-9_]+)")
SIZE_OPERATOR = re.compile(
    r"_operator\.(getitem|add|sub|mul|floordiv|mod|neg|eq|ne|le|lt|ge|gt)|torch\.sym_(max|min|int)"
)
# The words of expressions of sizes, which torch lets Python evaluate. No powers: they can take
# forever.
EXPRESSION_WORDS = {
    *("Symbol", "Integer", "Add", "Mul", "Mod", "FloorDiv", "Max", "Min", "Eq", "Ne", "Le"),
    *("Lt", "Ge", "Gt", "integer", "positive", "nonnegative", "negative", "zero", "True", "False"),
}
EXPRESSION = re.compile(r"(?!.*\*\*)[A-Za-z0-9_ ,()=*+/'-]{0,300}")
WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def read(content: bytes, name: str) -> nn.Module:
    """The module of an exported program, with weights on the CPU; UserError if it is refused."""
    archive = _checked(content, name)
    try:
        with _no_pickle():
            program = torch.export.load(io.BytesIO(archive))
        module = program.module(check_guards=False)
    except Exception as error:
        raise UserError(
            f"{name}: torch {torch.__version__} cannot read this exported program "
            f"({type(error).__name__}); export it with this version of torch, on the CPU"
        ) from None
    # An exported program has one mode; its own `train` and `eval` raise errors.
    del module.train, module.eval
    return module.eval()


def _checked(content: bytes, name: str) -> bytes:
    """A new archive of exactly the bytes that were checked.

    Torch's reader and Python's can see different files in one archive.
    """
    try:
        files = _unpack(content, name)
        empty = io.BytesIO()
        torch.save(((), {}), empty)
        for file in files:
            if "/sample_inputs/" in file:
                files[file] = empty.getvalue()
        (_model,) = (file for file in files if file.endswith("/models/model.json"))
        for file, part in files.items():
            if file.endswith(".json"):
                graph = json.loads(part)
                _strip(graph)
                if file.endswith("_config.json"):
                    _check_config(graph, name)
                _check(graph, name)
                files[file] = json.dumps(graph).encode()
    except (zipfile.BadZipFile, ValueError, KeyError, AttributeError, TypeError, RecursionError):
        raise UserError(
            f"{name}: not a whole exported program; save it again with torch.export.save"
        ) from None
    checked = io.BytesIO()
    with zipfile.ZipFile(checked, "w", zipfile.ZIP_STORED) as archive:
        for file, part in files.items():
            archive.writestr(file, part)
    return checked.getvalue()


def _unpack(content: bytes, name: str) -> dict[str, bytes]:
    """The archive's files; UserError if it holds others than those of an exported program."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = archive.infolist()
        files = [entry.filename for entry in entries]
        if not any(file.endswith("/archive_format") for file in files):
            raise UserError(
                f"{name}: not an exported program of torch 2.8 or later; save one with "
                "torch.export.save"
            )
        for file in files:
            if not FILES.fullmatch(file) or files.count(file) > 1:
                raise _refused(name, f"the file {Path(file).name!r} inside")
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise _refused(name, "compressed files")
        return {file: archive.read(file) for file in files}


def _strip(graph: Any) -> None:
    """Remove what nothing needs: metadata, guards, devices. In place."""
    graph_module = graph.get("graph_module")
    if graph_module is not None:
        graph_module["metadata"] = {}
        for node in graph_module["graph"]["nodes"]:
            node["metadata"] = {}
    if "guards_code" in graph:
        graph["guards_code"] = []
    pending = [graph]
    while pending:
        part = pending.pop()
        below = list(part.values()) if isinstance(part, dict) else part
        if isinstance(part, dict) and part.keys() == {"type", "index"}:
            part |= {"type": "cpu", "index": None}
        pending += [value for value in below if isinstance(value, dict | list)]


def _check_config(config: Any, name: str) -> None:
    """Check that every tensor of the archive is stored as plain bytes."""
    for entry in config["config"].values():
        if entry["use_pickle"] is not False:
            raise _refused(name, "pickled objects")
        if not PAYLOAD.fullmatch(entry["path_name"]):
            raise _refused(name, f"{entry['path_name'][:60]!r} as path_name")


def _check(part: Any, name: str, key: str = "") -> None:
    """Check every name, operator and expression of a graph, at any depth."""
    if isinstance(part, dict):
        for below, value in part.items():
            if not PLAIN_TEXT.fullmatch(below):
                raise _refused(name, f"{below[:60]!r} as a name")
            _check(value, name, below)
    elif isinstance(part, list):
        for value in part:
            _check(value, name, key)
    elif isinstance(part, str) and not _is_allowed(part, key):
        raise _refused(name, f"{part[:60]!r} as {key}")


def _is_allowed(text: str, key: str) -> bool:
    """Whether a text may be the value of a key of the graph."""
    if key == "target":
        return _is_operator(text)
    if key == "expr_str":
        return _is_expression(text)
    if key in ("in_spec", "out_spec"):  # the containers of inputs and outputs
        return _is_plain(json.loads(text))
    if key in ("name", "forward_arg_names"):  # become names in a Python function
        return _is_name(text)
    return PLAIN_TEXT.fullmatch(text) is not None  # names of modules, types and devices


def _is_operator(target: str) -> bool:
    aten = ATEN_OPERATOR.fullmatch(target)
    if aten is None:
        return SIZE_OPERATOR.fullmatch(target) is not None
    return aten["name"] in OPERATORS


def _is_expression(text: str) -> bool:
    """Whether it is arithmetic of sizes (s0, u1, z2) and numbers of less than 19 digits."""
    words = set(WORD.findall(text)) - EXPRESSION_WORDS
    return (
        EXPRESSION.fullmatch(text) is not None
        and all(re.fullmatch(r"[suz]\d+", word) for word in words)
        and all(len(number) < 19 for number in re.findall(r"\d+", text))
    )


def _is_name(text: Any) -> bool:
    return isinstance(text, str) and bool(NAME.fullmatch(text)) and not keyword.iskeyword(text)


def _is_plain(spec: Any) -> bool:
    """Whether a tree of inputs or outputs consists of Python's own containers."""
    _, tree = spec
    pending = [tree]
    while pending:
        node = pending.pop()
        context = json.loads(node["context"] or "null")
        if node["type"] not in (None, "builtins.tuple", "builtins.list", "builtins.dict"):
            return False
        if not (context is None or all(_is_name(key) for key in context)):  # arguments, by name
            return False
        pending += node["children_spec"]
    return True


def _refused(name: str, fault: str) -> UserError:
    return UserError(
        f"{name}: refused, because it contains {fault}; export a network that has only plain "
        "tensors and torch's own operators"
    )


@contextlib.contextmanager
def _no_pickle() -> Iterator[None]:
    """Inside, torch loads everything with `weights_only`."""
    name = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
