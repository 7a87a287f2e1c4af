"""The wrapper of every network: images in [0, 1] in, logits in the group's class order out."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn

from pgdose.study.networks import Input


@dataclass(frozen=True)
class Preprocessing:
    """The input that a network from elsewhere expects, and what its outputs mean.

    outputs: logits or probabilities
    order: for each class of the group, the number of its output; None: as they are
    mean, std: in `range`; one number for all channels, or one each
    channels: 1 or 3
    layout: channels_first or channels_last
    range: the values of black and white
    size: pixels of a side, or rows and columns, if it is declared
    """

    outputs: str
    order: list[int] | None
    mean: list[float]
    std: list[float]
    channels: int
    layout: str
    range: list[float]
    size: int | Sequence[int] | None = None

    @classmethod
    def from_study(
        cls,
        declared: Input,
        outputs: str = "logits",
        order: list[int] | None = None,
        architecture: "Classifier | None" = None,
    ) -> Self:
        """Complete the study's `input`.

        A mean and std that it leaves out are 0 and 1, or those of `architecture`, a network for
        images in [0, 1], scaled to the declared range.
        """
        low, high = declared.range
        mean, std = [0.0], [1.0]
        if architecture is not None:
            mean = [low + value * (high - low) for value in architecture.mean.flatten().tolist()]
            std = [value * (high - low) for value in architecture.std.flatten().tolist()]
        return cls(
            outputs=outputs,
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


class Classifier(nn.Module):
    """Images in [0, 1], n x 1 or 3 x rows x columns, to logits, n x classes.

    Each image is expanded to the expected channels (a grey one to three equal ones), normalised,
    and given to the body in the expected layout. Probabilities are turned into logits, and the
    outputs are put in the order of the group's classes. In training mode a body with auxiliary
    heads gives a tuple: the logits, then those of the heads.

    `opaque` marks a body that was built outside of pgdose: its modules are never changed, and its
    images are contiguous, as its graph may take for granted. `notes`: what an import decided or
    could not find out.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, body: nn.Module, expected: Preprocessing, *, opaque: bool = False) -> None:
        super().__init__()
        self.body, self.opaque = body, opaque
        self.notes: list[str] = []
        self.channels, self.order = expected.channels, expected.order
        self.channels_last = expected.layout == "channels_last"
        self.probabilities = expected.outputs == "probabilities"
        low, high = expected.range
        mean = [(value - low) / (high - low) for value in expected.mean]  # of images in [0, 1]
        std = [value / (high - low) for value in expected.std]
        for name, values in (("mean", mean), ("std", std)):
            self.register_buffer(name, torch.tensor(values).view(-1, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor | tuple[Tensor, ...]:
        pixels = ((images - self.mean) / self.std).expand(-1, self.channels, -1, -1)
        if self.channels_last:
            pixels = pixels.permute(0, 2, 3, 1)
        if self.opaque:
            pixels = pixels.contiguous()
        output: Tensor | tuple[Tensor, ...] = self.body(pixels)
        if self.opaque and not isinstance(output, Tensor):
            output = self._logits_among(output)
        if isinstance(output, Tensor):
            if self.probabilities:
                output = output.clamp_min(torch.finfo(output.dtype).tiny).log()
            # A wrong number of outputs stays as it is: `probe` refuses it.
            if self.order is not None and output.shape[1:] == (len(self.order),):
                output = output[:, self.order]
        return output

    def _logits_among(self, output: Any) -> Any:
        """The output called logits, or the only tensor; else all, which `probe` refuses."""
        if isinstance(output, dict):
            named = {key: part for key, part in output.items() if isinstance(part, Tensor)}
        else:  # a named tuple has names, another tuple or a list has none
            names = getattr(output, "_fields", None) or [""] * len(output)
            parts = enumerate(zip(names, output, strict=True))
            named = {name or str(i): part for i, (name, part) in parts if isinstance(part, Tensor)}
        if "logits" in named and len(named) > 1:
            note = f"of its {len(named)} outputs 'logits' is taken"
            if note not in self.notes:
                self.notes.append(note)
        return named.get("logits", next(iter(named.values())) if len(named) == 1 else output)

    def frozen(self) -> Self:
        """The network itself, in evaluation mode and without gradients of its weights."""
        return self.eval().requires_grad_(False)
