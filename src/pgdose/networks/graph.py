"""Networks from elsewhere as a list of calls of torch functions, and the limits of their cost.

A reader of a file format turns the file's graph into `Call`s: each holds a function from the
reader's own table and numbers of values, never a name from the file. Python code is generated
from nothing, so nothing that a file says can become code.
"""

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

SIGNED = (torch.int8, torch.int16, torch.int32, torch.int64)
MOST_CALLS = 50_000  # the largest networks of torchvision and timm have some 5,000
MOST_NUMBERS = 1_000  # of a shape, axes, paddings
MOST_OPERATIONS = 2e12  # floating point operations for one image; InceptionV3 at 299: 1.1e10


HALVES = (torch.float16, torch.bfloat16)
WIDENED = "its numbers of 16 bits (float16 or bfloat16) are computed with as float32"


class Value(NamedTuple):
    """The result of an earlier call, or an input, by its number."""

    number: int


class Numbers(NamedTuple):
    """The same as a Python number or nested lists of them: of a shape, axes, paddings."""

    number: int


class Device(NamedTuple):
    """The device of the images, wherever a file names a device."""


@dataclass(frozen=True)
class Call:
    """One call: `function(*arguments, **keywords)`, its results stored by number.

    operator: what messages call it; from the reader's table
    arguments, keywords: constants, `Value`s and the like, and lists of them
    results: numbers of the values; several if the function returns several
    """

    operator: str
    function: Callable[..., Any]
    arguments: Sequence[Any]
    keywords: Mapping[str, Any]
    results: tuple[int, ...]
    several: bool = False


class Cost:
    """What one pass has cost so far and may cost; `charge` measures each call beforehand.

    memory: bytes of all results together, which a gradient keeps
    operations: floating point operations of matrix products and convolutions
    """

    def __init__(self, most_memory: float, most_operations: float) -> None:
        self.most_memory, self.most_operations = most_memory, most_operations
        self.memory = self.operations = 0

    def charge(self, call: Call, arguments: list[Any], keywords: dict[str, Any]) -> None:
        """Refused if the call goes over a limit."""
        from torch.utils.flop_counter import FlopCounterMode

        inputs: set[int] = set()
        arguments, keywords = _on_meta(arguments, inputs), _on_meta(keywords, inputs)
        counter = FlopCounterMode(display=False)
        with torch.device("meta"), torch.no_grad(), counter:  # which allocates nothing
            results = call.function(*arguments, **keywords)
        made = {
            result.untyped_storage()._cdata: max(
                math.prod(result.shape) * result.element_size(), result.untyped_storage().nbytes()
            )
            for result in (results if isinstance(results, list | tuple) else [results])
            if isinstance(result, Tensor)
        }
        self.memory += sum(size for storage, size in made.items() if storage not in inputs)
        self.operations += counter.get_total_flops()
        if self.memory > self.most_memory:
            raise Refused(
                f"one pass takes more than {self.most_memory / 1e6:.0f} MB; give it smaller "
                "images, or raise training.mem_mb"
            )
        if self.operations > self.most_operations:
            raise Refused(
                f"one pass takes more than {self.most_operations:.0e} operations; give it smaller "
                "images"
            )


class Refused(Exception):  # noqa: N818
    """A network that is not carried out; the text goes on from "refused, because"."""


def _on_meta(value: Any, storages: set[int]) -> Any:
    """The value with tensors that have a shape and no content; notes their storages."""
    if isinstance(value, Tensor):
        meta = value.detach().to("meta")
        storages.add(meta.untyped_storage()._cdata)
        return meta
    if isinstance(value, list | tuple):
        return type(value)(_on_meta(item, storages) for item in value)
    if isinstance(value, dict):
        return {key: _on_meta(item, storages) for key, item in value.items()}
    return torch.device("meta") if isinstance(value, torch.device) else value


class WholeDivision:
    """A division that refuses the one pair of whole numbers at which the processor stops."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    @property
    def _schema(self) -> Any:
        return getattr(self.function, "_schema", None)

    def __call__(self, first: Any, *others: Any, **keywords: Any) -> Any:
        signed = isinstance(first, Tensor) and first.dtype in SIGNED
        if signed and first.device.type != "meta" and (first == torch.iinfo(first.dtype).min).any():
            raise Refused("it divides a number that is too small")
        return self.function(first, *others, **keywords)


class GraphNetwork(nn.Module):
    """Images in, the results of the last calls out: a tensor, or a tuple of several.

    It has one mode: `train` and `eval` change nothing.

    Args:
        calls: in the order of their execution.
        weights: tensors by the number of their value; they follow the network to its device.
        images: the number of the input.
        outputs: the numbers of the results.
        shape: n, channels, rows and columns of the images; None where any will do.
        constants: tensors that stay on the CPU.

    `notes`: what a reader decided, in sentences for a person.
    """

    def __init__(
        self,
        calls: Sequence[Call],
        weights: Mapping[int, Tensor],
        images: int,
        outputs: Sequence[int],
        shape: Sequence[int | None] = (),
        constants: Mapping[int, Tensor] | None = None,
    ) -> None:
        super().__init__()
        if len(calls) > MOST_CALLS:
            raise Refused(f"it has {len(calls)} operations; at most {MOST_CALLS} are read")
        self.calls, self.images, self.outputs = list(calls), images, list(outputs)
        self.shape, self.cost = tuple(shape), cast(Cost | None, None)
        self.notes: list[str] = []
        self.weights, self.constants = sorted(weights), dict(constants or {})
        for number in self.weights:
            self.register_buffer(f"weight_{number}", weights[number])
        self._last_use = _last_uses(self.calls, self.outputs)

    def forward(self, images: Tensor) -> Any:
        if self.shape[:1] == (1,) and len(images) > 1:  # exported for one image at a time
            each = [self._pass(image) for image in images.split(1)]
            if isinstance(each[0], tuple):
                return tuple(map(torch.cat, zip(*each, strict=True)))
            return torch.cat(each)
        return self._pass(images)

    def _pass(self, images: Tensor) -> Any:
        self._check_shape(images)
        values = {number: self.get_buffer(f"weight_{number}") for number in self.weights}
        values |= self.constants | {self.images: images}
        before = self._writes()
        for position, call in enumerate(self.calls):
            arguments = [_resolved(item, values, images.device) for item in call.arguments]
            keywords = {k: _resolved(v, values, images.device) for k, v in call.keywords.items()}
            if self.cost:
                self.cost.charge(call, arguments, keywords)
            results = call.function(*arguments, **keywords)
            values.update(zip(call.results, results if call.several else [results], strict=False))
            for number in self._last_use[position]:
                values.pop(number, None)
        if self._writes() != before:
            raise Refused("it changes its own weights; export it in evaluation mode")
        outputs = tuple(values[number] for number in self.outputs)
        return outputs[0] if len(outputs) == 1 else outputs

    def _writes(self) -> int:
        """Changes when anything writes into a weight, be it through a view."""
        weights = [self.get_buffer(f"weight_{number}") for number in self.weights]
        return sum(tensor._version for tensor in (*weights, *self.constants.values()))

    def _check_shape(self, images: Tensor) -> None:
        """Operators would pass over many a wrong size without a word."""
        expected = self.shape or images.shape
        wrong = len(expected) != images.ndim or any(
            size not in (None, length) for size, length in zip(expected, images.shape, strict=True)
        )
        if wrong:
            names = ["any" if size is None else str(size) for size in expected]
            raise ValueError(f"it takes {' x '.join(names)}")


# Names of outputs that a message may show: others may be anything.
OUTPUT_NAMES = {
    *("logits", "output", "outputs", "out", "aux", "aux_logits", "loss", "features", "embedding"),
    *("embeddings", "hidden_states", "attentions", "last_hidden_state", "pooler_output", "probs"),
    *("probabilities", "prediction", "predictions", "scores", "segmentation", "mask", "heatmap"),
    *("cls_logits", "distillation_logits", "image_embeds", "output_0", "output_1", "label"),
}


# What logits are called among several outputs: the first of these that one output has.
LOGITS = ("logits", "output", "out")


def logits_name(names: Sequence[str]) -> str | None:
    """Which of several outputs holds the logits, by its name; None if that is not clear."""
    found = [name for name in LOGITS if name in names]
    return found[0] if found and names.count(found[0]) == 1 else None


class Output(NamedTuple):
    """One of a network's outputs: its name in the file, if it has one, number and shape."""

    name: str
    number: int
    shape: Sequence[int | None]


def select_output(outputs: Sequence[Output]) -> tuple[Output, list[str]]:
    """The output that holds the logits, with a note if there are several.

    Refused if there are several, and not one of them has a name of LOGITS.
    """
    if not outputs:
        raise Refused("it gives no tensor; export it with the logits as its output")
    names = [output.name for output in outputs]
    name = logits_name(names)
    if len({output.number for output in outputs}) == 1:
        return outputs[0], []
    if name is None:
        listed = ", ".join(map(_described, outputs[:5])) + ", ..." * (len(outputs) > 5)
        raise Refused(
            f"it has {len(outputs)} outputs, of which not one is called {' or '.join(LOGITS)} "
            f"({listed}); export it with the logits as its only output, or (ONNX) with "
            "output_names that call them logits"
        )
    place = names.index(name)
    return outputs[place], [f"of its {len(outputs)} outputs {name!r} is taken, number {place + 1}"]


def _described(output: Output) -> str:
    name = output.name if output.name in OUTPUT_NAMES else "another"
    shape = " x ".join("n" if size is None else str(size) for size in output.shape)
    return f"{name}: {shape or 'of a shape that the file does not say'}"


def _last_uses(calls: Sequence[Call], outputs: Sequence[int]) -> list[set[int]]:
    """For each call, the values that no later call needs."""
    seen = set(outputs)
    last: list[set[int]] = []
    for call in reversed(calls):
        used = {*call.results, *numbers_in([*call.arguments, *call.keywords.values()])}
        last.append(used - seen)
        seen |= used
    return last[::-1]


def numbers_in(value: Any) -> Iterator[int]:
    """The numbers of the values that an argument refers to."""
    if isinstance(value, Value | Numbers):
        yield value.number
    elif isinstance(value, list | tuple):
        for item in value:
            yield from numbers_in(item)


def _resolved(value: Any, values: Mapping[int, Any], device: torch.device) -> Any:
    """An argument with the values that it refers to."""
    match value:
        case Value(number):
            return values[number]
        case Numbers(number):
            return as_numbers(values[number])
        case Device():
            return device
        case list():
            return [_resolved(item, values, device) for item in value]
    return value


def as_numbers(value: Any) -> Any:
    """A tensor's elements as Python numbers: of a shape, axes, paddings."""
    if not isinstance(value, Tensor):
        return value
    if value.numel() > MOST_NUMBERS:
        raise Refused("it has a shape of too many numbers")
    return value.tolist()


@contextlib.contextmanager
def limited(
    network: nn.Module, memory: float, operations: float = MOST_OPERATIONS
) -> Iterator[Cost]:
    """Inside, a pass of the graphs in `network` raises Refused before it goes over a limit.

    `memory` is in bytes. Yields what a pass has cost: nothing, if there is no graph. A pass is a
    little slower, since each call is measured first.
    """
    graphs = [module for module in network.modules() if isinstance(module, GraphNetwork)]
    cost = Cost(memory, operations)
    for graph in graphs:
        graph.cost = cost
    try:
        yield cost
    finally:
        for graph in graphs:
            graph.cost = None
