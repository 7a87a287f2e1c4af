"""How a network decides on noisy copies of images: what certificates of smoothing rest on.

Cohen, Rosenfeld & Kolter 2019 (arXiv:1902.02918), algorithm CERTIFY: some copies choose a class,
fresh ones count how often the network decides for it. `analysis.certificates` makes the certified
radius of these counts.

The noise is Gaussian and never clipped to [0, 1]: the theorem is about an image plus noise, and
about no other input. Networks must take the values that go beyond.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from pgdose.attack.batching import Execution, Part, in_parts
from pgdose.attack.draws import generator
from pgdose.attack.input_checks import check_network, check_samples
from pgdose.attack.samples import Samples
from pgdose.errors import UserError
from pgdose.out_of_memory import halve_batch
from pgdose.study.defended_networks import Smoothing

COPIES_OF_A_PART = 4096  # about as many are lost when the job is killed
_PURPOSE = 1902_02918  # tells the draws of certificates from those of attacks


@dataclass(frozen=True)
class Votes:
    """What a network decides on noisy copies of n images.

    chosen: n, int64, the class of most of the `selection` copies; of equal ones the first
    n_top:  n, int64, how many of the `samples` other copies are of this class
    """

    chosen: Tensor
    n_top: Tensor


def count_votes(
    network: nn.Module,
    samples: Samples,
    smoothing: Smoothing,
    execution: Execution | None = None,
) -> Votes:
    """Choose the class of each image and count it, on `selection` + `samples` copies.

    network:   in evaluation mode, its weights frozen; images -> logits, whose largest decides. It
               is the network behind the smoothing, not the smoothed one
    samples:   images in [0, 1] and their keys, from which the noise of each copy is drawn; classes
               are not looked at
    smoothing: sigma in the unit of the images, and the numbers of copies
    execution: `batch` copies at a time, of one image or several; what an earlier call finished

    UserError for other images, and for outputs that are not finite logits; ValueError for a network
    that is not in evaluation mode or not frozen.
    """
    execution = execution or Execution()
    check_network(network)
    check_samples(samples)
    copies = smoothing.selection + smoothing.samples
    decide = _Decisions(network, smoothing.sigma, execution.batch)

    def compute(some: Tensor, _: int) -> Part:
        decisions = decide(samples.select(some), copies)
        chosen = _most_frequent(decisions[:, : smoothing.selection])
        n_top = (decisions[:, smoothing.selection :] == chosen[:, None]).sum(dim=1)
        return {"chosen": chosen, "n_top": n_top, "steps": torch.full((len(some),), copies)}

    images = max(1, COPIES_OF_A_PART // copies)
    values, _ = in_parts(compute, torch.arange(len(samples)), images, execution)
    return Votes(values["chosen"], values["n_top"])


class _Decisions:
    """The decisions on noisy copies; the batch is halved when memory runs out, and stays so."""

    def __init__(self, network: nn.Module, sigma: float, batch: int) -> None:
        self.network, self.sigma, self.batch = network, sigma, batch

    def __call__(self, samples: Samples, copies: int) -> Tensor:
        """The class of each copy, images x copies, int64, on the CPU."""
        total, parts, done = len(samples) * copies, [], 0
        while done < total:
            items = torch.arange(done, min(done + self.batch, total))
            try:
                parts.append(self._decide(samples.select(items // copies), items % copies))
            except RuntimeError as error:
                self.batch = halve_batch(self.batch, error)
                continue
            done += len(items)
        decisions = torch.cat(parts) if parts else torch.empty(0, dtype=torch.int64)
        return decisions.view(len(samples), copies)

    def _decide(self, samples: Samples, copies: Tensor) -> Tensor:
        noise = gaussian_noise(samples.images, samples.keys, copies)
        with torch.no_grad():
            logits = self.network(samples.images.add_(noise, alpha=self.sigma))
        if logits.ndim != 2 or logits.shape[1] < 2:
            raise UserError(
                f"the network gives outputs of shape {list(logits.shape)}; it must give one logit "
                "for each of two or more classes"
            )
        if not logits.isfinite().all():
            raise UserError(
                "the network gives NaN or infinity for noisy images, so there is no certificate; "
                "check its weights, and whether it takes values beyond [0, 1]"
            )
        return logits.argmax(dim=1).cpu()


def gaussian_noise(like: Tensor, keys: Tensor, copies: Tensor) -> Tensor:
    """Standard normal noise, a pattern for each (image key, copy number), shaped as the images.

    A pattern is the same in every batch, and for every sigma, precision and device.
    """
    noise = np.empty(tuple(like.shape), np.float32)
    for pattern, key, copy in zip(noise, keys.tolist(), copies.tolist(), strict=True):
        generator(key, _PURPOSE, copy).standard_normal(dtype=np.float32, out=pattern)
    return torch.from_numpy(noise).to(like)


def _most_frequent(decisions: Tensor) -> Tensor:
    """The most frequent class of each row; of equally frequent ones the first."""
    rows = decisions.numpy()
    return torch.tensor([int(np.bincount(row).argmax()) for row in rows], dtype=torch.int64)
