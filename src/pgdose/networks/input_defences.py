"""Defences at the input: what a network is shown in place of an image.

Each gives the copies of an image whose probabilities the network averages, mostly one, and decides
which gradient an attack gets through it:

    bpda      that of the identity, whatever the defence does to the pixels (BPDA with g(x) = x,
              Athalye et al. 2018, section 4.1)
    autograd  the defence's own, which is 0 almost everywhere for defences that round

The gradient of a mean over several copies is EOT's (Athalye et al. 2018, section 4.2), with all the
draws that the network itself makes: an attacker who knows the qualities, or the noise.
"""

import io
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from pgdose.study import defended_networks as settings
from pgdose.tables import keyed

NOISE = "noise of a smoothed network"  # the purpose of its draws: data, never renamed
WINDOW_ENTRIES = 2**24  # of the windows of a median that are in memory at a time


class Defence(nn.Module):
    """One defence; images n x channels x rows x columns in [0, 1].

    copies:       of an image, which `forward` gives
    keeps_device: whether it computes on the images' own device, as a CUDA graph needs it
    """

    copies = 1
    keeps_device = True

    def __init__(self, gradient: str) -> None:
        super().__init__()
        self.bpda = gradient == "bpda"

    def forward(self, images: Tensor) -> Iterator[Tensor]:
        """The defended copies, each as large as `images`."""
        yield self.defended(images)

    def defended(self, images: Tensor) -> Tensor:
        """The only copy."""
        raise NotImplementedError


def _with_gradient(defended: Tensor, images: Tensor, of_identity: bool) -> Tensor:
    """`defended`, to the last bit, with the gradient of the identity by `images`, or with 0."""
    return defended + float(of_identity) * (images - images.detach())


class BitDepth(Defence):
    """Values rounded to 2^bits - 1 steps (Xu et al. 2018, section III.A)."""

    def __init__(self, bits: int, gradient: str) -> None:
        super().__init__(gradient)
        self.steps = 2**bits - 1

    def defended(self, images: Tensor) -> Tensor:
        rounded = (images.detach() * self.steps).round() / self.steps
        return _with_gradient(rounded, images, self.bpda)


class Jpeg(Defence):
    """Images stored as 8 bits and JPEG, by Pillow, and read again; a grey image stays grey."""

    keeps_device = False

    def __init__(self, qualities: Sequence[int], gradient: str) -> None:
        super().__init__(gradient)
        self.qualities = list(qualities)
        self.copies = len(self.qualities)

    def forward(self, images: Tensor) -> Iterator[Tensor]:
        for quality in self.qualities:
            yield _with_gradient(coded(images, quality), images, self.bpda)


@torch.no_grad()
def coded(images: Tensor, quality: int) -> Tensor:
    """Images as JPEG of a quality gives them back, in [0, 1]; without a gradient."""
    pixels = (images * 255).round().clamp(0, 255).to(torch.uint8)
    arrays = pixels.permute(0, 2, 3, 1).cpu().numpy()
    read = np.stack([_coded(array, quality) for array in arrays]) if len(arrays) else arrays
    return torch.from_numpy(read).permute(0, 3, 1, 2).to(images) / 255


def _coded(pixels: np.ndarray, quality: int) -> np.ndarray:
    """Rows x columns x 1 or 3, uint8."""
    file = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(
        file, "JPEG", quality=quality
    )
    return np.asarray(Image.open(file)).reshape(pixels.shape)


class Median(Defence):
    """Each pixel becomes the median of its window, channel by channel (Xu et al. 2018, III.B).

    Beyond its edges an image is reflected, the outermost pixels repeated, as in
    scipy.ndimage.median_filter. Its own gradient is that of the pixel which is the median.
    """

    def __init__(self, size: int, gradient: str) -> None:
        super().__init__(gradient)
        self.size = size

    def defended(self, images: Tensor) -> Tensor:
        source = images.detach() if self.bpda else images
        padded = _reflected(_reflected(source, self.size // 2, 2), self.size // 2, 3)
        places = _places_of_medians(padded.detach(), self.size)
        medians = padded.flatten(2).gather(2, places.flatten(2)).view(images.shape)
        return _with_gradient(medians, images, True) if self.bpda else medians


def _reflected(images: Tensor, width: int, dim: int) -> Tensor:
    first, last = images.narrow(dim, 0, width), images.narrow(dim, -width, width)
    return torch.cat([first.flip(dim), images, last.flip(dim)], dim=dim)


@torch.no_grad()
def _places_of_medians(padded: Tensor, size: int) -> Tensor:
    """n x channels x rows x columns, int64: where in a padded channel the median of a window is."""
    columns = padded.shape[3]
    windows = padded.unfold(2, size, 1).unfold(3, size, 1)
    n, channels, rows, width = windows.shape[:4]
    strip = max(1, WINDOW_ENTRIES // max(1, n * channels * width * size**2))
    parts = []
    for first in range(0, rows, strip):
        place = windows[:, :, first : first + strip].flatten(4).median(dim=4).indices
        row = torch.arange(first, first + place.shape[2], device=padded.device)[:, None]
        column = torch.arange(width, device=padded.device)
        parts.append((row + place // size) * columns + column + place % size)
    return torch.cat(parts, dim=2)


class Noise(Defence):
    """Copies with Gaussian noise (Cohen et al. 2019, section 3), not cut to [0, 1].

    The patterns follow from (seed, number of the copy, shape of an image) alone: they are the same
    for all images, at every evaluation and in every batch, so that a smoothed network is a function
    of its input. An attack knows them.
    """

    def __init__(self, sigma: float, draws: int, seed: int) -> None:
        super().__init__("autograd")  # the noise is added: its gradient is the identity's
        self.sigma, self.copies, self.seed = sigma, draws, seed
        self._patterns: tuple[Any, list[Tensor]] = (None, [])

    def forward(self, images: Tensor) -> Iterator[Tensor]:
        for pattern in self.patterns(images):
            yield images + pattern

    def patterns(self, images: Tensor) -> list[Tensor]:
        """The noise of each copy, channels x rows x columns, on the device of the images."""
        key = images.shape[1:], images.dtype, images.device
        if self._patterns[0] != key:
            shape = tuple(images.shape[1:])
            name = "x".join(map(str, shape))
            draws = [
                keyed.generator(self.seed, NOISE, f"{name} {copy}").standard_normal(shape)
                for copy in range(self.copies)
            ]
            self._patterns = key, [torch.from_numpy(self.sigma * d).to(images) for d in draws]
        return self._patterns[1]


def make(defence: settings.InputDefence, gradient: str, seed: int) -> Defence:
    """The defence of these settings; `gradient` is bpda or autograd, `seed` that of noise."""
    if defence.jpeg:
        return Jpeg(defence.jpeg.qualities, gradient)
    if defence.bit_depth:
        return BitDepth(defence.bit_depth.bits, gradient)
    if defence.median:
        return Median(defence.median.size, gradient)
    assert defence.smoothing  # the model checks it
    return Noise(defence.smoothing.sigma, defence.smoothing.draws, seed)
