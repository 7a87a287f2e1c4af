"""The wrapper round every network: images in [0, 1] in, logits out."""

from typing import Any

import torch
from torch import Tensor, nn

# What a network from elsewhere sees, unless something else is said.
PLAIN: dict[str, Any] = {"mean": [0.0], "std": [1.0], "channels": 3, "layout": "channels_first"}


class Classifier(nn.Module):
    """Images in [0, 1], n x 1 or 3 x size x size, to logits, n x classes.

    The body sees them as it is used to: `channels` of them (a grey image is all three), with `mean`
    taken away and divided by `std` (one number for all channels, or one each), `channels_last`
    where it wants n x size x size x channels. Of what it says, `probabilities` are turned into
    logits, and `order` says which output is which class. One that is `as_it_came` is not touched
    inside, and its images lie in memory as it may take for granted. While it learns, a body with
    auxiliary heads gives a tuple: the logits, and those of the heads.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        body: nn.Module,
        mean: list[float],
        std: list[float],
        *,
        channels: int = 3,
        channels_last: bool = False,
        probabilities: bool = False,
        order: list[int] | None = None,
        as_it_came: bool = False,
    ) -> None:
        super().__init__()
        self.body, self.as_it_came = body, as_it_came
        self.channels, self.channels_last = channels, channels_last
        self.probabilities, self.order = probabilities, order
        for name, values in (("mean", mean), ("std", std)):
            self.register_buffer(name, torch.tensor(values).view(-1, 1, 1), persistent=False)

    def usual_input(self) -> dict[str, list[float]]:
        return {"mean": self.mean.flatten().tolist(), "std": self.std.flatten().tolist()}

    def forward(self, images: Tensor) -> Tensor | tuple[Tensor, ...]:
        seen = ((images - self.mean) / self.std).expand(-1, self.channels, -1, -1)
        if self.channels_last:
            seen = seen.permute(0, 2, 3, 1)
        if self.as_it_came:
            seen = seen.contiguous()
        answer: Tensor | tuple[Tensor, ...] = self.body(seen)
        if isinstance(answer, Tensor):
            if self.probabilities:
                answer = answer.clamp_min(torch.finfo(answer.dtype).tiny).log()
            # Other outputs than were named are not left out in silence: `arrival` refuses them.
            if self.order is not None and answer.shape[1:] == (len(self.order),):
                answer = answer[:, self.order]
        return answer


def _used_to(given: dict[str, Any], usual: dict[str, Any]) -> dict[str, Any]:
    """What is said of an input, and the usual for what is not.

    An architecture's mean and std are those of a range from 0 to 1, and are told in the given one.
    """
    low, high = given.get("range") or (0.0, 1.0)
    if usual is not PLAIN:
        usual = usual | {
            "mean": [low + value * (high - low) for value in usual["mean"]],
            "std": [value * (high - low) for value in usual["std"]],
        }
    said = {key: value for key, value in given.items() if value is not None}
    return usual | {"range": [low, high]} | said


def as_seen(body: nn.Module, seen: dict[str, Any], *, as_it_came: bool = False) -> Classifier:
    """A body that is used to other images than ours.

    `seen`: `range`, the values of black and white; `mean` and `std` in that range; `channels`;
    `layout`, channels_first or channels_last; `outputs`, logits or probabilities; `order`.
    """
    low, high = seen["range"]
    return (
        Classifier(
            body,
            [(mean - low) / (high - low) for mean in seen["mean"]],
            [std / (high - low) for std in seen["std"]],
            channels=seen["channels"],
            channels_last=seen["layout"] == "channels_last",
            probabilities=seen["outputs"] == "probabilities",
            order=seen["order"],
            as_it_came=as_it_came,
        )
        .eval()
        .requires_grad_(False)
    )
