"""The shadows that findings of the lungs cast on a chest film.

Everything that shows a finding is a contrast, a texture or a shape that fills a part of the image,
drawn with an overlapping severity, so that a small network learns it from a few hundred films but
not perfectly. (The aorta, emphysema and bronchitis change the anatomy itself: `chest_anatomy`.)
"""

import numpy as np

from pgdose_phantom.chest_shapes import GRID, X, Y, clouds, net, spot, step, streaks


def draw_disease(
    rng: np.random.Generator, findings: frozenset[str], field: np.ndarray, lung: np.ndarray
) -> np.ndarray:
    """Shadows of the findings of the lungs, as density to add."""
    added = np.zeros((GRID, GRID), dtype=np.float32)
    if "tuberculosis" in findings:
        added += _tuberculosis(rng) * field
    if "pneumonia" in findings:
        severity = np.clip(rng.normal(0.2, 0.05), 0.08, 0.32)
        sign = rng.choice([-1, 1])
        patch = spot(sign * rng.uniform(0.4, 0.55), rng.uniform(0.18, 0.36), 0.26, 0.22)
        added += severity * patch * (0.75 + 0.35 * clouds(rng, 16)) * field
    if "pneumosclerosis" in findings:
        severity = np.clip(rng.normal(0.07, 0.02), 0.02, 0.12)
        lower = step((Y - rng.uniform(-0.25, 0.0)) / 0.12)
        added += severity * (net(rng, 26) + 0.5 * net(rng, 44)) * lower * field
    if "fibrosis" in findings:
        severity = np.clip(rng.normal(0.1, 0.03), 0.03, 0.17)
        sign = rng.choice([-1, 1])
        zone = spot(sign * 0.42, rng.uniform(-0.4, 0.2), 0.33, 0.36) + 0.25
        added += severity * streaks(rng, 40) * zone * field
    if "focal_shadows" in findings:
        for _ in range(rng.integers(1, 4)):
            size = rng.uniform(0.045, 0.09)
            x = rng.choice([-1, 1]) * rng.uniform(0.28, 0.62)
            distance = np.hypot(X - x, Y - rng.uniform(-0.5, 0.35))
            added += rng.uniform(0.12, 0.22) * step((size - distance) / 0.014) * lung
    return added


def _tuberculosis(rng: np.random.Generator) -> np.ndarray:
    """Patchy infiltrates of the upper lobes, streaks towards the hilum, often a cavity."""
    added = np.zeros((GRID, GRID), dtype=np.float32)
    first = rng.choice([-1, 1])
    both = rng.uniform() < 0.55
    severity = float(np.clip(rng.normal(0.2, 0.075), 0.05, 0.36))
    strands = streaks(rng, 26)
    patches = clouds(rng, 15) + 0.7 * clouds(rng, 30)
    for sign, share in ((first, 1.0), (-first, rng.uniform(0.35, 0.9) if both else 0.0)):
        if not share:
            continue
        zone = spot(sign * 0.36, rng.uniform(-0.52, -0.32), 0.27, 0.28)
        cloud = step((patches - rng.uniform(-0.5, 0.3)) / 0.3)
        added += severity * share * zone * (0.25 + 0.9 * cloud + 0.6 * strands)
    if rng.uniform() < 0.5:
        size = rng.uniform(0.06, 0.12)
        distance = np.hypot(X - first * rng.uniform(0.3, 0.44), Y + rng.uniform(0.36, 0.5))
        wall = np.exp(-(((distance - size) / 0.026) ** 2))
        added = added * (1 - 0.75 * step((size - distance) / 0.02)) + 0.6 * severity * wall
    return added
