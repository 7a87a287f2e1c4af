"""A perceptual hash: pictures that look alike have hashes that differ in few bits.

It is pHash (Zauner, 2010) in 256 bits: which of the 16 x 16 lowest frequencies of a small grey copy
are above their median. Another size, quality or brightness of a picture changes few of them; a
picture that was turned, mirrored or cropped has another hash. The package ImageHash has it in as
many lines, but needs PyWavelets for its other hashes.
"""

from collections.abc import Iterable

import numpy as np
from PIL import Image
from scipy.fft import dctn

from pgdose.images.rendering import resize

SIDE = 64  # pixels of the small copy
FREQUENCIES = 16  # a side of the square of lowest frequencies
WORDS = FREQUENCIES**2 // 64


def perceptual_hash(image: np.ndarray) -> str:
    """64 hex digits of a picture: uint8, rows x columns (x 3), of any size."""
    grey = Image.fromarray(resize(image, SIDE)).convert("L")
    waves = dctn(np.asarray(grey, np.float32), norm="ortho")[:FREQUENCIES, :FREQUENCIES]
    return np.packbits(waves > np.median(waves)).tobytes().hex()


def as_words(hashes: Iterable[str]) -> np.ndarray:
    """Hashes as uint64, n x WORDS."""
    joined = bytes.fromhex("".join(hashes))
    return np.frombuffer(joined, dtype=">u8").reshape(-1, WORDS).astype(np.uint64)
