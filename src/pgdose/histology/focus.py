"""How sharp a tile is: the variance of its Laplacian.

Pech-Pacheco et al., Diatom autofocusing in brightfield microscopy: a comparative study, ICPR 2000
(the measure LAPV of Pertuz et al., Pattern Recognition 46, 2013).
"""

import numpy as np
from PIL import Image

from pgdose.errors import Rejected


def focus(tile: np.ndarray) -> float:
    """Variance of the Laplacian (4 neighbours, without the tile's edge) of the tile's luma.

    tile: uint8, rows x columns x 3. Luma is that of ITU-R BT.601, in grey levels of 0 to 255; the
    result is in squared grey levels.
    """
    grey = np.asarray(Image.fromarray(tile).convert("L")).astype(np.int16)
    laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    laplacian -= 4 * grey[1:-1, 1:-1]
    return float(laplacian.var(dtype=np.float64))


def out_of_focus(value: float, least: float) -> Rejected:
    """The rejection of a tile whose focus is below the study's `least_focus`."""
    return Rejected("out_of_focus", f"its focus is {value:.1f}, below least_focus {least:g}")
