"""The parameters of each corruption at severities 1 to 5. Imports nothing heavy.

Those of MedMNIST-C (Di Salvo, Doerrich and Ledig 2024, arXiv:2406.17536; medmnistc/corruptions/
registry.py) are taken where it has the corruption for such images; its lengths are pixels of images
of 224 x 224, here shares of the shorter side. The others were chosen by looking at films and tiles:
severity 1 is barely visible, 5 is gross, and a reader still recognises the organ.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MEDMNIST_SIDE = 224  # pixels


@dataclass(frozen=True)
class Grading:
    """What a corruption does at each severity.

    values:    of the severities 1 to 5, numbers or pairs of numbers
    parameter: what they are
    does:      what becomes of an image
    source:    where the values are from
    """

    values: Sequence[Any]
    parameter: str
    does: str
    source: str


_CHOSEN = "chosen by eye"


def _shares(*pixels: float) -> list[float]:
    """Lengths in MedMNIST-C's images as shares of a side, rounded as the documentation has them."""
    return [round(length / MEDMNIST_SIDE, 4) for length in pixels]


GRADINGS: Mapping[str, Grading] = {
    "exposure": Grading(
        [(0.9, 1.1), (0.8, 1.2), (0.7, 1.3), (0.6, 1.4), (0.4, 1.6)],
        "gamma of an underexposed and of an overexposed film",
        "each film is too bright or too dark, as a display shows a wrong exposure",
        "MedMNIST-C, gamma_corr_down and gamma_corr_up of chestmnist",
    ),
    "quantum_noise": Grading(
        [20_000, 6_000, 2_000, 700, 250],
        "photons per pixel of the beam that nothing absorbs",
        "Poisson noise of the photons, most where the body absorbs most of them",
        _CHOSEN,
    ),
    "motion_blur": Grading(
        [0.01, 0.02, 0.035, 0.055, 0.08],
        "length of the movement, as a share of the shorter side",
        "the patient or the camera moves along a line, in any direction",
        _CHOSEN,
    ),
    "grid_lines": Grading(
        [0.008, 0.016, 0.03, 0.05, 0.08],
        "height of the stripes, of the full range of grey values",
        "stripes of an anti-scatter grid, at least 3 pixels and a 60th of the side apart",
        _CHOSEN,
    ),
    "marker": Grading(
        [0.06, 0.09, 0.13, 0.17, 0.22],
        "height of the letter, as a share of the shorter side",
        "a bright lead letter, R or L, near the upper corner of its side",
        _CHOSEN,
    ),
    "stain_shift": Grading(
        [0.1, 0.2, 0.35, 0.5, 0.7],
        "largest change of a stain's amount, as the logarithm of its ratio",
        "more or less haematoxylin, eosin and DAB, in the colour space HED",
        _CHOSEN,
    ),
    "bubbles": Grading(
        list(zip(_shares(7, 10, 12, 15, 17), [15, 15, 15, 20, 25], strict=True)),
        "largest radius as a share of the shorter side, and largest number",
        "round air bubbles with a bright rim under the cover slip, at least 7",
        "MedMNIST-C, bubble of pathmnist",
    ),
    "illumination": Grading(
        [0.1, 0.2, 0.3, 0.45, 0.6],
        "share of the light that is missing at the darkest place",
        "the light falls off towards one side and towards the corners",
        _CHOSEN,
    ),
    "defocus": Grading(
        _shares(3, 4, 5, 6, 7),
        "radius of the disk that a point becomes, as a share of the shorter side",
        "the image is out of focus",
        "MedMNIST-C, defocus_blur of pathmnist",
    ),
    "rotation": Grading(
        [2, 5, 10, 15, 25],
        "degrees",
        "the image is turned, to the left or to the right, and mirrored at its borders",
        _CHOSEN,
    ),
    "jpeg": Grading(
        [50, 30, 15, 10, 7],
        "quality of the JPEG file",
        "the image is stored as JPEG, with libjpeg",
        "MedMNIST-C, jpeg_compression of pathmnist and chestmnist",
    ),
}
