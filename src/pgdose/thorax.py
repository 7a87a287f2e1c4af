"""Where the aorta is on a frontal chest film, found from the two lung fields.

The lungs are the two largest dark regions that do not touch the edge. The window round the
ascending aorta, arch and knob stands in fixed proportion to them.
"""

import numpy as np
from scipy.ndimage import gaussian_filter
from skimage.filters import threshold_otsu
from skimage.measure import label, regionprops
from skimage.segmentation import clear_border

from pgdose.images import resize

GRID = 128  # pixels of the square on which the lungs are looked for
SIDE, RIGHTWARDS, DOWNWARDS = 0.46, 0.03, 0.39  # of the thorax' width, width and height
LEAST_LUNG = 0.03  # of the picture
THRESHOLDS = (0.6, 0.7, 0.8, 0.9, 1.0, 1.1)  # times Otsu's


def aorta_window(image: np.ndarray) -> tuple[float, float, float, float]:
    """Centre x, centre y and side of the window in pixels, and a confidence in [0, 1].

    Confidence says how alike the two lung fields are; 0 (with the picture's middle
    as window) where there are no two fields side by side.
    """
    rows, columns = image.shape
    lungs = _lungs(gaussian_filter(resize(image, GRID).astype(np.float32), 1.5))
    if lungs is None:
        return columns / 2, rows / 2, min(rows, columns) / 2, 0.0
    left, right = lungs
    top = min(left.bbox[0], right.bbox[0])
    bottom = max(left.bbox[2], right.bbox[2])
    width = right.bbox[3] - left.bbox[1]
    midline = (left.centroid[1] + right.centroid[1]) / 2
    x = (midline + RIGHTWARDS * width) * columns / GRID
    y = (top + DOWNWARDS * (bottom - top)) * rows / GRID
    return x, y, SIDE * width * columns / GRID, _likeness(left, right)


def _lungs(small: np.ndarray) -> tuple | None:
    """The regions of the lung on the picture's left and right, if there are two.

    Of several thresholds the one with the most equal lungs counts: a high one runs them together
    or into the air round the body, a low one breaks them up at the ribs.
    """
    # A window of the thorax alone sets the threshold, not the air round the body.
    otsu = threshold_otsu(small[GRID // 8 : -GRID // 8, GRID // 8 : -GRID // 8])
    found = [pair for factor in THRESHOLDS if (pair := _pair(small < otsu * factor))]
    return max(found, key=lambda pair: _likeness(*pair), default=None)


def _pair(dark: np.ndarray) -> tuple | None:
    regions = sorted(regionprops(label(clear_border(dark))), key=lambda region: -region.area)[:2]
    if len(regions) < 2 or regions[1].area < LEAST_LUNG * GRID**2:
        return None
    left, right = sorted(regions, key=lambda region: region.centroid[1])
    if left.bbox[3] > right.centroid[1] or right.bbox[1] < left.centroid[1]:
        return None  # not side by side
    return left, right


def _likeness(left, right) -> float:  # type: ignore[no-untyped-def]
    """How equal the two fields are in area and height, in [0, 1]."""
    areas = sorted([left.area, right.area])
    heights = sorted(region.bbox[2] - region.bbox[0] for region in (left, right))
    return float(areas[0] / areas[1] * heights[0] / heights[1])
