"""Drawing one chest film: a frontal (or lateral) radiograph from age, sex and findings.

`chest_anatomy` composes the chest on a small grid of smooth shapes (`chest_shapes`),
`chest_disease` adds the shadows of findings, and `exposure` turns, scales and magnifies the grid
onto the pixels of the film and gives it noise.
"""

from typing import Any

import numpy as np

from pgdose_phantom.chest_anatomy import (
    add_bones,
    draw_aorta,
    draw_body,
    draw_build,
    draw_lateral,
    draw_lungs,
    draw_vessels,
)
from pgdose_phantom.chest_disease import draw_disease
from pgdose_phantom.chest_shapes import clouds
from pgdose_phantom.exposure import expose

FINDINGS = (
    "tuberculosis",
    "aorta",
    "pneumosclerosis",
    "fibrosis",
    "emphysema",
    "pneumonia",
    "focal_shadows",
    "bronchitis",
)


def draw_chest(
    rng: np.random.Generator,
    shape: tuple[int, int],
    *,
    age: float,
    sex: str,
    findings: frozenset[str],
    lateral: bool = False,
    anatomy: np.random.Generator | None = None,
) -> tuple[np.ndarray, dict[str, Any]]:
    """Draw a chest film.

    `rng` draws what differs from film to film (position, exposure, noise, severity), `anatomy`
    what a patient keeps (default: `rng` too). `shape` is (rows, columns) in pixels, `age` in years,
    `sex` "F" or "M", `findings` of FINDINGS. Raises ValueError for another sex or finding.

    Returns the film, float32 (rows, columns) in [0, 1], bright where dense (bone), and its truth:
    `aorta_x`, `aorta_y`, `aorta_side` (the window around the aortic arch, pixels of the film, the
    centre counted from the corner of the first pixel), `aorta_rotation` (degrees; the arch unfolds
    with it) and `mm_per_px`. Lateral films have NaN for the aorta.
    """
    unknown = findings - set(FINDINGS)
    if unknown or sex not in ("F", "M"):
        raise ValueError(f"cannot draw sex {sex!r} with findings {sorted(unknown)}")
    build = draw_build(anatomy or rng, age, sex)
    if lateral:
        density, aorta = draw_lateral(rng, build), (np.nan, np.nan, np.nan, np.nan)
    else:
        density, aorta = _draw_frontal(rng, build, findings)
    film, to_pixels, px_per_unit, mm_per_px = expose(rng, density, *shape)
    x, y, side, rotation = aorta
    centre = to_pixels(x, y)
    truth = {
        "aorta_x": round(float(centre[0]), 1),
        "aorta_y": round(float(centre[1]), 1),
        "aorta_side": round(float(side * px_per_unit), 1),
        "aorta_rotation": round(float(rotation), 1),
        "mm_per_px": mm_per_px,
    }
    return film, truth


def _draw_frontal(
    rng: np.random.Generator, build: dict[str, Any], findings: frozenset[str]
) -> tuple[np.ndarray, tuple[float, float, float, float]]:
    """Density on the grid, and the aorta as (x, y, side, rotation) in thorax units and degrees."""
    emphysema = "emphysema" in findings
    inflation = float(np.clip(rng.normal(0.75, 0.25), 0.2, 1.3)) if emphysema else 0.0
    breath = rng.normal(0, 0.03)
    turn = rng.normal(0, 0.02)
    lungs = draw_lungs(build, inflation=inflation, breath=breath, turn=turn)
    density, body = draw_body(build, lungs)
    density = add_bones(density, build, lungs, body)
    arch, aorta = draw_aorta(rng, build, "aorta" in findings, turn)
    density += arch
    vessels = draw_vessels(rng, build, "bronchitis" in findings)
    density += vessels * (0.25 * lungs.lung + 0.75 * lungs.field)
    density += draw_disease(rng, findings, lungs.field, lungs.lung)
    # Uneven soft tissue and clothing.
    density += 0.012 * clouds(rng, 7) * body + 0.012 * clouds(rng, 28) * body
    density += 0.02 * build["wear"] * lungs.covered * clouds(rng, 14)
    return density, aorta
