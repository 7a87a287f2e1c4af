"""The softmax or sigmoid at the end of a graph, left out where the graph shows it.

Probabilities are saturated where a network is sure: in single precision they are exactly 0 or 1,
and their gradient is 0. The numbers that they were made of have a gradient everywhere.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from pgdose.errors import UserError
from pgdose.networks.classifier import Preprocessing
from pgdose.networks.graph import Call, GraphNetwork, Refused, Value, limited, numbers_in
from pgdose.networks.onnx_operators import PREFIX

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "softmax": lambda logits: logits.softmax(dim=1),
    "log_softmax": lambda logits: logits.log_softmax(dim=1),
    "sigmoid": torch.sigmoid,
}
NAMES = {"Softmax": "softmax", "LogSoftmax": "log_softmax", "Sigmoid": "sigmoid", "Clip": "clamp"}
# By the declared kind of outputs: the activation that is left out, and the kind of what is left.
LEFT_OUT = {
    "logits": ("log_softmax", "logits"),
    "probabilities": ("softmax", "logits"),
    "sigmoid": ("sigmoid", "logit"),
    "multilabel": ("sigmoid", "multilabel"),
}
UNDECLARED = {
    "logits": "'outputs: multilabel' with the 'label' to be audited",
    "logit": "'outputs: sigmoid'",
}
# Operators behind an activation that change no number, so that they may stay behind its input.
OF_SHAPE = set(
    """
    Identity Cast Reshape Flatten Squeeze Unsqueeze Transpose Dropout alias clone contiguous
    reshape view flatten squeeze unsqueeze permute transpose t dropout to _to_copy _unsafe_view
    """.split()  # noqa: SIM905
)
SLACK = 1e-3  # by which clipped probabilities may be away from 0 and 1
MEMORY = 1.5e9  # bytes of the passes that compare both
MOST_BEHIND = 20  # operators
ATEN = re.compile(r"torch\.ops\.aten\._?(?P<name>\w+)\.\w+")

USED = (
    "its last operation, a {activation}, is left out: the numbers before it are used as logits, so "
    "that saturated probabilities do not hide gradients"
)
HIDDEN = (
    "it gives probabilities, and its file does not show the numbers that they are made of: their "
    "logarithms are used, whose gradient is lost where a probability is 0 or 1 in single precision"
)
AS_LOGITS = (
    "its outputs are taken as logits: no sigmoid is seen at their end, and 'activation' gives none"
)


def logits_of(
    body: torch.nn.Module, expected: Preprocessing, size: tuple[int, int]
) -> tuple[torch.nn.Module, Preprocessing, list[str]]:
    """The network up to its final activation, what its outputs then mean, and a note of it.

    Unchanged where the activation is not the one that the declared outputs have.

    Args:
        body: as a reader gives it; nothing is left out of one that is no GraphNetwork.
        expected: as declared.
        size: rows and columns of the images.
    """
    activation, kind = LEFT_OUT.get(expected.outputs, ("", ""))
    if activation and not expected.logits_insisted and isinstance(body, GraphNetwork):
        before = _before(body, activation)
        if before is not None and _agrees(body, before, activation, _example(expected, size)):
            before.notes = body.notes
            # What a softmax or sigmoid was made of are logits, also if they lie in [0, 1].
            rest = replace(expected, outputs=kind, activated=False, logits_insisted=True)
            return before, rest, [USED.format(activation=activation.replace("_", " "))]
    if expected.outputs in ("probabilities", "sigmoid") or expected.activated:
        return body, expected, [HIDDEN]
    several = expected.outputs == "multilabel" and not expected.logits_insisted
    return body, expected, [AS_LOGITS] if several else []


def check_declared(body: torch.nn.Module, expected: Preprocessing, name: str) -> None:
    """UserError if the graph shows a sigmoid at the end of what is declared as logits."""
    instead = UNDECLARED.get(expected.outputs)
    if instead is None or expected.logits_insisted or not isinstance(body, GraphNetwork):
        return
    if _before(body, "sigmoid") is not None:
        raise UserError(
            f"{name}: its last operation is a sigmoid, but 'outputs' is {expected.outputs}; set "
            f"{instead}, or 'activation: none' if its outputs are logits all the same"
        )


def _name(call: Call) -> str:
    if call.operator.startswith(PREFIX):
        name = call.operator.removeprefix(PREFIX)
        return NAMES.get(name, name)
    aten = ATEN.fullmatch(call.operator)
    return {"clip": "clamp"}.get(aten["name"], aten["name"]) if aten else ""


def _before(network: GraphNetwork, activation: str) -> GraphNetwork | None:
    """The network without the activation; None if no such one is its last operation of numbers."""
    if len(network.outputs) != 1:
        return None
    maker = {number: call for call in network.calls for number in call.results}
    behind: list[Call] = []
    (number,) = network.outputs
    while len(behind) < MOST_BEHIND:
        call = maker.get(number)
        first = call.arguments[0] if call and call.arguments else None
        if call is None or call.several or not isinstance(first, Value):
            return None
        name = _name(call)
        if name == activation:
            return _rewired(network, behind, call, first.number)
        if name not in OF_SHAPE and not (name == "clamp" and _keeps_probabilities(network, call)):
            return None
        behind.append(call)
        number = first.number
    return None


def _rewired(
    network: GraphNetwork, behind: list[Call], activation: Call, number: int
) -> GraphNetwork:
    """What stood behind the activation takes its input; clipping is left out with it."""
    replaced: dict[int, Call] = {}
    left_out = [activation]
    for call in reversed(behind):
        if _name(call) == "clamp":
            left_out.append(call)
            continue
        rest = list(call.arguments)[1:]
        replaced[id(call)] = replace(call, arguments=[Value(number), *rest])
        (number,) = call.results
    calls = [replaced.get(id(call), call) for call in network.calls]
    for call in reversed(left_out):  # from the end; something else may use one of them
        used = {n for c in calls for n in numbers_in([*c.arguments, *c.keywords.values()])}
        if not used & set(call.results):
            calls = [other for other in calls if other is not call]
    return GraphNetwork(
        calls,
        {n: network.get_buffer(f"weight_{n}") for n in network.weights},
        network.images,
        [number],
        network.shape,
        network.constants,
    )


def _keeps_probabilities(network: GraphNetwork, call: Call) -> bool:
    """Whether a clip leaves probabilities as they are, but for some close to 0 and 1."""
    names = dict(zip(("min", "max"), list(call.arguments)[1:3], strict=False)) | dict(call.keywords)
    low, high = (_number(network, names.get(key)) for key in ("min", "max"))
    return (low is None or low <= SLACK) and (high is None or high >= 1 - SLACK)


def _number(network: GraphNetwork, value: Any) -> float | None:
    """A bound; one that only a pass would show is as bad as 0.5."""
    if isinstance(value, Value):
        if value.number in network.weights:
            value = network.get_buffer(f"weight_{value.number}")
        else:
            value = network.constants.get(value.number, 0.5)
    if isinstance(value, Tensor):
        return float(value) if value.numel() == 1 else 0.5
    return value if value is None or isinstance(value, int | float) else 0.5


def _example(expected: Preprocessing, size: tuple[int, int]) -> Tensor:
    source = torch.Generator().manual_seed(0)
    low, high = expected.range
    pixels = torch.rand(2, expected.channels, *size, generator=source) * (high - low) + low
    mean, std = (torch.tensor(v).view(-1, 1, 1) for v in (expected.mean, expected.std))
    pixels = (pixels - mean) / std
    last = expected.layout == "channels_last"
    return (pixels.permute(0, 2, 3, 1) if last else pixels).contiguous()


@torch.no_grad()
def _agrees(whole: GraphNetwork, before: GraphNetwork, activation: str, images: Tensor) -> bool:
    """Whether the activation, of the classes of each image, makes the outputs again."""
    try:
        with limited(whole, MEMORY), limited(before, MEMORY):
            outputs, logits = whole(images), before(images)
    except (Refused, RuntimeError, ValueError, TypeError, IndexError):
        return False  # `probe` says why
    if outputs.shape != logits.shape or outputs.ndim not in (1, 2):
        return False
    if outputs.ndim == 1 and activation != "sigmoid":
        return False
    return torch.allclose(ACTIVATIONS[activation](logits), outputs, atol=2 * SLACK, rtol=1e-4)
