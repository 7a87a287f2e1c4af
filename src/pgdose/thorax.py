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
SIDE, RIGHTWARDS, DOWNWARDS = 0.55, 0.05, 0.40  # of the thorax' width, width and height
LEAST_LUNG = 0.03  # of the picture


def aorta_window(image: np.ndarray) -> tuple[float, float, float, float]:
    """Centre x, centre y and side of the window in pixels, and a confidence in [0, 1].

    Confidence is the ratio of the smaller lung field to the larger; 0 (with the picture's middle
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
    confidence = min(left.area, right.area) / max(left.area, right.area)
    return x, y, SIDE * width * columns / GRID, float(confidence)


def _lungs(small: np.ndarray) -> tuple | None:
    """The regions of the lung on the picture's left and right, if there are two."""
    inner = small[GRID // 8 : -GRID // 8, GRID // 8 : -GRID // 8]
    # Only a window of the thorax takes part, or the air round the body would set the threshold.
    dark = clear_border(small < threshold_otsu(inner))
    regions = sorted(regionprops(label(dark)), key=lambda region: -region.area)[:2]
    if len(regions) < 2 or regions[1].area < LEAST_LUNG * GRID**2:
        return None
    left, right = sorted(regions, key=lambda region: region.centroid[1])
    if left.centroid[1] > 0.55 * GRID or right.centroid[1] < 0.45 * GRID:
        return None
    return left, right
