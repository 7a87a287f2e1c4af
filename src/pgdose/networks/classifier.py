"""The wrapper of every network: images in [0, 1] in, logits in the group's class order out."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn

from pgdose.networks.graph import logits_name
from pgdose.networks.outputs import class_logits, offset
from pgdose.study.networks import Input, Outputs

LOGITS = Outputs()


@dataclass(frozen=True)
class Preprocessing:
    """The input that a network from elsewhere expects, and what its outputs mean.

    outputs: logits, probabilities, logit, sigmoid or multilabel, as in the study
    order: for each class of the group, the number of its logit; None: as they are
    mean, std: in `range`; one number for all channels, or one each
    channels: 1 or 3
    layout: channels_first or channels_last
    range: the values of black and white
    size: pixels of a side, or rows and columns, if it is declared
    threshold: the second logit's class is predicted where its probability is over it; None: 0.5
    label: of several labels, the number of the audited output
    n_labels: of several labels, how many outputs have a name; None if they have none
    activated: whether outputs of several labels are probabilities
    logits_insisted: whether outputs in [0, 1] are logits all the same
    """

    outputs: str
    order: list[int] | None
    mean: list[float]
    std: list[float]
    channels: int
    layout: str
    range: list[float]
    size: int | Sequence[int] | None = None
    threshold: float | None = None
    label: int = 0
    n_labels: int | None = None
    activated: bool = False
    logits_insisted: bool = False

    @classmethod
    def from_study(
        cls,
        declared: Input,
        outputs: Outputs = LOGITS,
        order: list[int] | None = None,
        architecture: "Classifier | None" = None,
    ) -> Self:
        """Complete the study's `input`, and add what it says about the outputs.

        A mean and std that it leaves out are 0 and 1, or those of `architecture`, a network for
        images in [0, 1], scaled to the declared range.
        """
        low, high = declared.range
        mean, std = [0.0], [1.0]
        if architecture is not None:
            mean = [low + value * (high - low) for value in architecture.mean.flatten().tolist()]
            std = [value * (high - low) for value in architecture.std.flatten().tolist()]
        return cls(
            outputs=outputs.outputs,
            threshold=outputs.threshold,
            label=outputs.label_index,
            n_labels=None if outputs.labels is None else len(outputs.labels),
            activated=outputs.activation == "sigmoid",
            logits_insisted=outputs.activation == "none",
            order=order,
            mean=declared.mean or mean,
            std=declared.std or std,
            channels=declared.channels,
            layout=declared.layout,
            range=[low, high],
            size=declared.size,
        )

    def as_metadata(self) -> dict[str, Any]:
        """Plain values for a file's metadata; `Preprocessing(**values)` reads them."""
        return {key: value for key, value in asdict(self).items() if value is not None}


class Network(nn.Module):
    """What is attacked: images in [0, 1] in, logits in the group's class order out.

    A Classifier, or one of `defences` and `ensembles`, which are made of others. The largest logit
    is the class that it decides for.

    offset: classes, or None where that is nothing; softmax(logits + offset) are its probabilities
    notes:  what an import decided or could not find out
    """

    offset: Tensor | None

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []

    def other_labels(self, images: Tensor) -> Tensor | None:
        """n x (labels - 1), bool: which labels that are not audited the network sees.

        None for a network without other labels.
        """
        raise NotImplementedError

    def frozen(self) -> Self:
        """The network itself, in evaluation mode and without gradients of its weights."""
        return self.eval().requires_grad_(False)


class Classifier(Network):
    """Images in [0, 1], n x 1 or 3 x rows x columns, to logits, n x classes.

    Each image is expanded to the expected channels (a grey one to three equal ones), normalised,
    and given to the body in the expected layout. Its outputs are turned into logits
    (`outputs.class_logits`), which are put in the order of the group's classes; with a threshold
    they are less `offset`, so that the largest is the class that the network decides for. In
    training mode a body with auxiliary heads gives a tuple: the logits, then those of the heads.

    `opaque` marks a body that was built outside of pgdose: its modules are never changed, and its
    images are contiguous, as its graph may take for granted.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, body: nn.Module, expected: Preprocessing, *, opaque: bool = False) -> None:
        super().__init__()
        self.body, self.opaque, self.expected = body, opaque, expected
        self.channels, self.order = expected.channels, expected.order
        self.channels_last = expected.layout == "channels_last"
        low, high = expected.range
        mean = [(value - low) / (high - low) for value in expected.mean]  # of images in [0, 1]
        std = [value / (high - low) for value in expected.std]
        for name, values in (("mean", mean), ("std", std)):
            self.register_buffer(name, torch.tensor(values).view(-1, 1, 1), persistent=False)
        shift = offset(expected.threshold)
        if shift is not None and self.order is not None:
            shift = [shift[number] for number in self.order]
        self.register_buffer(
            "offset", None if shift is None else torch.tensor(shift), persistent=False
        )

    def forward(self, images: Tensor) -> Tensor | tuple[Tensor, ...]:
        output = self.outputs(images)
        if isinstance(output, Tensor):
            expected = self.expected
            output = class_logits(
                output, expected.outputs, expected.label, activated=expected.activated
            )
            # A wrong number of outputs stays as it is: `probe` refuses it.
            if self.order is not None and output.shape[1:] == (len(self.order),):
                output = output[:, self.order]
            if self.offset is not None and output.shape[1:] == self.offset.shape:
                output = output - self.offset
        return output

    def outputs(self, images: Tensor) -> Any:
        """What the network itself gives for images in [0, 1]; of several tensors the logits."""
        pixels = ((images - self.mean) / self.std).expand(-1, self.channels, -1, -1)
        if self.channels_last:
            pixels = pixels.permute(0, 2, 3, 1)
        if self.opaque:
            pixels = pixels.contiguous()
        output = self.body(pixels)
        if self.opaque and not isinstance(output, Tensor):
            output = self._logits_among(output)
        return output

    def other_labels(self, images: Tensor) -> Tensor | None:
        """n x (labels - 1), bool: the other labels that are over 0.5; None for other outputs."""
        if self.expected.outputs != "multilabel":
            return None
        seen: Tensor = self.outputs(images) > (0.5 if self.expected.activated else 0)
        label = self.expected.label
        return torch.cat([seen[:, :label], seen[:, label + 1 :]], dim=1)

    def _logits_among(self, output: Any) -> Any:
        """The output that is called logits, or the only tensor; else all, which `probe` refuses."""
        if not isinstance(output, dict | tuple | list):  # an object with tensors, or none
            output = dict(getattr(output, "__dict__", {}))
        if isinstance(output, dict):
            named = {key: part for key, part in output.items() if isinstance(part, Tensor)}
        else:  # a named tuple has names, another tuple or a list has none
            names = getattr(output, "_fields", None) or [""] * len(output)
            parts = enumerate(zip(names, output, strict=True))
            named = {name or str(i): part for i, (name, part) in parts if isinstance(part, Tensor)}
        if len(named) == 1:
            return next(iter(named.values()))
        name = logits_name(list(named))
        if name is None:
            return output
        note = f"of its {len(named)} outputs {name!r} is taken"
        if note not in self.notes:
            self.notes.append(note)
        return named[name]


def classifier_in(network: nn.Module) -> Classifier | None:
    """The Classifier that a network is, or that wrappers of precision and libraries hold."""
    return next((module for module in network.modules() if isinstance(module, Classifier)), None)


def network_in(network: nn.Module) -> Network | None:
    """The Network that a module is, or that wrappers of precision and libraries hold.

    Of one that is made of others it is the whole, not its parts.
    """
    return next((module for module in network.modules() if isinstance(module, Network)), None)


def changed_labels(network: nn.Module, before: Tensor, after: Tensor) -> Tensor | None:
    """n, how many labels that are not audited differ between two images; None without any."""
    whole = network_in(network)
    if whole is None:
        return None
    first, second = whole.other_labels(before), whole.other_labels(after)
    return None if first is None or second is None else (first != second).sum(dim=1)


def probability_offset(network: nn.Module) -> Tensor | None:
    """What to add to a network's logits before softmax; None where that is nothing."""
    whole = network_in(network)
    return None if whole is None else whole.offset
