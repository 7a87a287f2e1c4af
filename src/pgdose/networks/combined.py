"""Networks that are made of others: one behind a defence at its input, and several together.

Where several answers are averaged, it is their probabilities. The result is given as logits whose
softmax is that mean, centred on 0 over the classes: their gradient does not vanish where the mean
is close to 1, as that of its logarithm does.
"""

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from pgdose.networks.classifier import Network
from pgdose.networks.input_defences import Defence
from pgdose.networks.outputs import offset

AT_ONCE = {"cpu": 32, "cuda": 512}  # copies of images in one pass through a defended network


def mean_of_probabilities(logits: Tensor) -> Tensor:
    """n x classes, logits whose softmax is the mean of the softmax of `logits`, m x n x classes."""
    total = logits.log_softmax(dim=2).logsumexp(dim=0)
    return total - total.mean(dim=1, keepdim=True)


class DefendedClassifier(Network):
    """A network behind a defence at its input.

    With several copies of an image it averages their probabilities. A threshold of the network
    holds for the mean, too: the second class is decided for where its mean probability is over it.
    """

    def __init__(self, network: Network, defence: Defence) -> None:
        super().__init__()
        self.network, self.defence = network, defence

    @property
    def offset(self) -> Tensor | None:  # type: ignore[override]
        """That of the network."""
        return self.network.offset

    def forward(self, images: Tensor) -> Tensor:
        if self.defence.copies == 1:
            logits: Tensor = self.network(next(self.defence(images)))
            return logits
        logits = torch.stack([part for some in self._passes(images) for part in some])
        shift = self.offset
        if shift is None:
            return mean_of_probabilities(logits)
        return mean_of_probabilities(logits + shift) - shift

    def _passes(self, images: Tensor) -> Iterator[Sequence[Tensor]]:
        """Logits of all copies; as many of them go through the network together as AT_ONCE says."""
        copies_of_pass: list[Tensor] = []
        together = max(1, AT_ONCE.get(images.device.type, 32) // max(1, len(images)))
        for copy in self.defence(images):
            copies_of_pass.append(copy)
            if len(copies_of_pass) == together:
                yield self._logits(copies_of_pass)
                copies_of_pass = []
        if copies_of_pass:
            yield self._logits(copies_of_pass)

    def _logits(self, copies: Sequence[Tensor]) -> Sequence[Tensor]:
        logits: Tensor = self.network(torch.cat(list(copies)))
        return logits.chunk(len(copies))

    def other_labels(self, images: Tensor) -> Tensor | None:
        """Those that the network sees in more than half of the copies."""
        counts = None
        for copy in self.defence(images):
            labels = self.network.other_labels(copy)
            if labels is None:
                return None
            counts = labels.long() if counts is None else counts + labels
        return None if counts is None else 2 * counts > self.defence.copies


class EnsembleClassifier(Network):
    """Several networks together: the mean of their probabilities.

    Its threshold is the mean of theirs, a network without one having 0.5. So of two classes the
    second is decided for where its probability is over the threshold by more than 0, averaged over
    the networks. Labels that are not audited are not looked at: the networks may have others.
    """

    offset: Tensor | None

    def __init__(self, networks: Sequence[Network]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)
        shift = _common_offset([network.offset for network in networks])
        self.register_buffer("offset", shift, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        logits = []
        for network in self.networks:
            outputs, shift = network(images), network.offset
            logits.append(outputs if shift is None else outputs + shift)
        mean = mean_of_probabilities(torch.stack(logits))
        return mean if self.offset is None else mean - self.offset

    def other_labels(self, images: Tensor) -> Tensor | None:
        return None


def _common_offset(offsets: Sequence[Tensor | None]) -> Tensor | None:
    """The offset of the mean of the thresholds that these stand for; all alike stay as they are."""
    some = next((shift for shift in offsets if shift is not None), None)
    if some is None:
        return None
    if all(shift is not None and torch.equal(shift, some) for shift in offsets):
        return some.clone()
    # The second class of the group is decided for where its probability is over sigmoid(b - a).
    thresholds = [
        0.5 if shift is None else 1 / (1 + math.exp(float(shift[0]) - float(shift[1])))
        for shift in offsets
    ]
    values = offset(sum(thresholds) / len(thresholds))
    return None if values is None else some.new_tensor(values)
