"""What every chest has: build, lungs, bones, aorta, vessels; as density from the front or side.

The patient's right lung is on the left of the image, as on a light box. Density is bright where the
body is dense. The order of the draws keys every film: new draws go last.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from pgdose_phantom.chest_shapes import (
    GRID,
    X,
    Y,
    clouds,
    profile,
    rib_bands,
    step,
    to_grid,
    to_mask,
)


@dataclass(frozen=True)
class Lungs:
    """The lungs from the front; all masks are in 0..1.

    `inflation` by emphysema and `turn` of the patient are those of `draw_lungs`, `width` is that of
    the chest. `outer` is how far the lungs reach outwards in every row, `floor` the height of the
    diaphragm in every column. `field` is the lung that the mediastinum does not cover.
    """

    inflation: float
    turn: float
    width: float
    outer: np.ndarray
    floor: np.ndarray
    lung: np.ndarray
    field: np.ndarray
    covered: np.ndarray


def draw_build(rng: np.random.Generator, age: float, sex: str) -> dict[str, Any]:
    """What a patient keeps from film to film. `wear` is the age as the chest shows it, 0..1."""
    female = sex == "F"
    # People age unevenly: this spread is what keeps the age groups from being told perfectly.
    wear = float(np.clip((age + rng.normal(0, 6) - 17) / 63, 0, 1.1))
    return {
        "female": female,
        "wear": wear,
        "width": rng.normal(0.97 if female else 1.02, 0.04),
        "length": rng.normal(0.98 if female else 1.03, 0.05),
        "fat": rng.normal(0.5 + 0.25 * wear, 0.2),
        "heart": rng.normal(0.92 + 0.24 * wear, 0.075),
        "heart_tilt": rng.normal(0, 0.04),
        "mediastinum": rng.normal(0.88 + 0.28 * wear, 0.09),
        "knob": rng.normal(0.075 + 0.055 * wear, 0.013),
        "knob_y": rng.normal(-0.31, 0.025),
        "rib_contrast": np.clip(rng.normal(1.3 - 0.62 * wear, 0.15), 0.35, 1.8),
        "rib_gap": rng.normal(0.158, 0.008),
        "rib_phase": rng.uniform(0, 1),
        "rib_bend": 0.14 * clouds(rng, 5),  # no two ribs are quite parallel
        "rib_slope": rng.normal(0.42 + 0.06 * wear, 0.05),
        "clavicle": rng.normal(0, 0.03, 4),
        "breast": rng.uniform(0.03, 0.08) if female else 0.0,
        "dome": rng.normal(0.5, 0.035),
        "markings": np.clip(rng.normal(0.8 + 0.35 * wear, 0.15), 0.4, 1.7),
    }


def draw_lungs(build: dict[str, Any], *, inflation: float, breath: float, turn: float) -> Lungs:
    """The lungs between diaphragm, mediastinum and chest wall.

    `inflation`: by emphysema, 0 for none; `breath`: how deep the patient breathed in; `turn`: how
    far the mediastinum is shifted because the patient stands turned (both in thorax units).
    """
    width = build["width"] * (1 + 0.07 * inflation)
    # For every row, how far the lungs reach outwards and how far inwards.
    rise = np.array([-0.74, -0.72, -0.67, -0.58, -0.42, -0.15, 0.15, 0.5, 1.3]) * build["length"]
    outer = profile(rise, [0.0, 0.2, 0.32, 0.44, 0.56, 0.67, 0.73, 0.77, 0.78]) * width
    media = build["mediastinum"]
    inner_right = media * profile(
        [-1.3, -0.7, -0.45, -0.2, 0.0, 0.3, 0.5, 1.3],
        [0.12, 0.11, 0.125, 0.15, 0.16, 0.22 * build["heart"], 0.21, 0.2],
    )
    heart = build["heart"] * (1 - 0.1 * inflation)
    inner_left = media * profile(
        [-1.3, -0.7, -0.45, -0.15, 0.0, 0.2, 0.38, 0.52, 0.7, 1.3],
        [0.12, 0.11, 0.115, 0.15, 0.22, 0.38 * heart, 0.46 * heart, 0.46 * heart, 0.4, 0.38],
    )
    dome_right = build["dome"] + breath + 0.1 * inflation
    dome_left = dome_right + 0.045
    bend = 0.55 * (1 - 0.7 * min(inflation, 1.0))
    x = X - turn
    side = np.abs(X)
    right = x < 0
    to_left = step(x / 0.16)  # 0 over the right lung, 1 over the left one
    floor = dome_right + (dome_left - dome_right) * to_left
    floor = floor + bend * (side - 0.38) ** 2 + 1.1 * np.maximum(side - 0.62, 0) ** 1.5
    inner = np.where(right, inner_right, inner_left)
    lung = step((outer - side) / 0.022) * step((floor - Y) / 0.016)
    field = lung * step((np.abs(x) - inner) / 0.02)
    return Lungs(inflation, turn, width, outer, floor, lung, field, lung - field)


def draw_body(build: dict[str, Any], lungs: Lungs) -> tuple[np.ndarray, np.ndarray]:
    """The density of soft tissue, and the mask of the body in 0..1."""
    side = np.abs(X)
    outline = profile(
        [-1.3, -1.0, -0.88, -0.76, -0.6, -0.3, 0.2, 0.8, 1.3],
        [0.24, 0.25, 0.36, 0.73, 1.0, 1.05, 0.99, 0.97, 1.0],
    ) * (lungs.width * (0.94 + 0.1 * build["fat"]))
    body = step((outline - side) / 0.03)
    thick = 0.46 + 0.1 * build["fat"] - 0.06 * side**2
    density = 0.03 + body * thick
    density -= lungs.lung * (0.33 + 0.06 * lungs.inflation + 0.02 * build["fat"])
    density += lungs.covered * (0.3 + 0.1 * step((Y - 0.05) / 0.12))
    density += (1 - step((lungs.floor - Y) / 0.016)) * body * 0.13
    if build["breast"]:
        for sign in (-1, 1):
            ellipse = ((X - sign * 0.46) / 0.3) ** 2 + ((Y - 0.33) / 0.27) ** 2
            density += build["breast"] * step((1 - ellipse) / 0.22)
    return density, body


def add_bones(
    density: np.ndarray, build: dict[str, Any], lungs: Lungs, body: np.ndarray
) -> np.ndarray:
    """Add ribs, spine and collar bones to the density, and take the windpipe out of it."""
    side = np.abs(X)
    cage = (
        step((lungs.outer + 0.05 - side) / 0.03) * step((Y + 0.78) / 0.04) * step((0.78 - Y) / 0.1)
    )
    # All ribs of a kind are one periodic function of the height above a curve.
    gap = build["rib_gap"] * (1 + 0.08 * lungs.inflation)
    slope = build["rib_slope"] * (1 - 0.4 * lungs.inflation)
    behind = Y - slope * side**2 * (1.15 - 0.3 * Y) + 0.05 * side
    front = Y - 0.42 * (0.75 - side)
    contrast = build["rib_contrast"]
    # Ribs drown where the film is dense: half visible over the heart, hardly below the diaphragm.
    cage = cage * (0.25 + 0.25 * lungs.lung + 0.5 * lungs.field)
    bent = build["rib_phase"] + build["rib_bend"]
    density += (0.085 * contrast) * rib_bands(behind / gap + bent, 0.5) * cage
    density += (
        (0.045 * contrast)
        * rib_bands(front / (1.15 * gap) + 0.7 * bent, 0.42)
        * (cage * step((side - 0.3) / 0.05) * step((Y + 0.55) / 0.1) * step((0.45 - Y) / 0.1))
    )
    density += 0.06 * np.exp(-((X / 0.085) ** 4)) * (1 + 0.25 * np.cos(Y * (2 * np.pi / 0.125)))
    density += 0.12 * contrast * _clavicles(build)
    # The windpipe: a dark band down to where it forks.
    pipe = np.exp(-((((X - lungs.turn) + 0.012) / 0.042) ** 4)) * step((-0.2 - Y) / 0.05)
    density -= 0.075 * pipe * body
    return density


def draw_aorta(
    rng: np.random.Generator, build: dict[str, Any], unfolded: bool, turn: float
) -> tuple[np.ndarray, tuple[float, float, float, float]]:
    """The arch, its knob and the descending aorta. `unfolded`: turned forwards and widened."""
    wear = build["wear"]
    # Old aortas unfold by themselves a little, and not every one reported is much unfolded.
    excess = float(np.clip(rng.normal(0.62 if unfolded else 0.17 * wear, 0.2), 0, 1.3))
    rotation = 25 + 12 * wear + 45 * excess
    radius = build["knob"] + 0.055 * excess
    knob_x = turn + 0.085 + 0.35 * radius + 0.075 * excess
    knob_y = build["knob_y"] - 0.035 * excess
    spot = np.hypot(X - knob_x, (Y - knob_y) * 0.92)
    knob = step((radius - spot) / 0.02)
    inwards = step((X - turn) / 0.06) * step((knob_x - X) / 0.04)
    knob = np.maximum(knob, inwards * step((0.9 * radius - np.abs(Y - knob_y)) / 0.07))
    # Descending part: from the knob down beside the spine, bulging outwards when unfolded.
    down = np.clip((Y - knob_y) / 0.75, 0, 1)
    edge = knob_x + radius * (1 - 0.6 * down) + 0.13 * excess * np.sin(np.pi * down**0.8) - 0.03
    descending = step((edge - X) / 0.016) * step((X - turn) / 0.05)
    descending = descending * step((Y - knob_y) / 0.05) * (1 - down) ** 0.35
    # Ascending part: a bulge over the right border.
    rise = np.clip((Y - knob_y + 0.1) / 0.5, 0, 1)
    bulge = turn - 0.11 * build["mediastinum"] - 0.15 * excess * np.sin(np.pi * rise)
    ascending = step((X - bulge) / 0.018) * step((turn - X) / 0.05) * np.sin(np.pi * rise)
    body = np.maximum(np.maximum(knob, 0.8 * descending), (0.35 + 0.5 * excess) * ascending)
    # The wall catches the rays along its length, the more so when it is calcified.
    wall = np.exp(-(((spot - radius + 0.015) / 0.016) ** 2)) * step((X - knob_x) / 0.05)
    strength = 0.15 + 0.04 * wear + 0.06 * excess
    arch = strength * body + (0.02 + 0.04 * wear + 0.03 * excess) * wall
    return arch.astype(np.float32), (turn + 0.06, knob_y + 0.12, 0.72, rotation)


def _clavicles(build: dict[str, Any]) -> np.ndarray:
    """Both collar bones and the edges of the shoulder blades, 0..1."""
    image = Image.new("L", (GRID, GRID))
    pen = ImageDraw.Draw(image)
    a, b, c, d = build["clavicle"]
    for sign, lift in ((-1, a), (1, b)):
        t = np.linspace(0, 1, 14)
        xs = sign * (0.1 + 0.68 * t) * build["width"]
        ys = -0.5 - (0.16 + lift) * t + 0.045 * np.sin(2 * np.pi * t) + c
        pen.line(to_grid(xs, ys), fill=230, width=9, joint="curve")
        pen.line(to_grid(xs[10:], ys[10:]), fill=230, width=12)
        blade_x = sign * np.array([0.74, 0.98, 0.94, 0.8]) * build["width"]
        blade_y = np.array([-0.56, -0.6, -0.3, 0.0]) + d
        pen.polygon(to_grid(blade_x, blade_y), fill=90)
    return to_mask(image, 1.6)


def draw_vessels(rng: np.random.Generator, build: dict[str, Any], thickened: bool) -> np.ndarray:
    """Hila and the vessels branching from them; `thickened` walls stand for bronchitis."""
    image = Image.new("L", (GRID, GRID))
    pen = ImageDraw.Draw(image)
    excess = float(np.clip(rng.normal(0.75, 0.25), 0.1, 1.4)) if thickened else 0.0
    for sign, hilum_y in ((-1, 0.0), (1, -0.05)):
        for angle in np.linspace(-1.35, 1.35, 13) + rng.normal(0, 0.1, 13):
            x, y, heading = sign * 0.17, hilum_y, float(angle)
            xs, ys = [x], [y]
            for _ in range(6):
                heading += rng.normal(0, 0.16) + 0.03
                x += sign * 0.085 * np.cos(heading)
                y += 0.085 * np.sin(heading)
                xs.append(x)
                ys.append(y)
            for width, upto in ((1, 7), (2, 5), (4, 3)):
                pen.line(to_grid(xs[:upto], ys[:upto]), fill=90 + 30 * width, width=width)
            if thickened:  # a second wall beside the first: tram lines
                shift = 0.026
                pen.line(to_grid(xs[:6], np.array(ys[:6]) + shift), fill=200, width=2)
    branches = to_mask(image, 0.8)
    hila = sum(
        np.exp(-(((X - sign * 0.19) / 0.075) ** 2) - ((Y - y) / 0.13) ** 2)
        for sign, y in ((-1, 0.01), (1, -0.04))
    )
    markings = build["markings"] * (1 + 0.9 * excess)
    return markings * (0.075 * branches + (0.05 + 0.04 * excess) * hila)


def draw_lateral(rng: np.random.Generator, build: dict[str, Any]) -> np.ndarray:
    """A film from the side: breast bone to the left, spine to the right, the heart before it."""
    front = profile([-1.3, -0.8, -0.5, 0.0, 0.5, 1.3], [-0.22, -0.26, -0.5, -0.66, -0.7, -0.72])
    back = profile([-1.3, -0.9, -0.5, 0.0, 0.5, 1.3], [0.2, 0.3, 0.62, 0.7, 0.62, 0.55])
    body = step((X - front + 0.08) / 0.03) * step((back + 0.1 - X) / 0.03)
    spine_x = profile([-1.3, -0.6, 0.0, 0.6, 1.3], [0.22, 0.42, 0.52, 0.42, 0.3])
    floor = 0.5 + 0.5 * (X + 0.1) ** 2 + 0.25 * X
    lung = step((X - front - 0.05) / 0.03) * step((back - 0.03 - X) / 0.03)
    lung = lung * step((floor - Y) / 0.02) * step((Y + 0.66) / 0.05)
    density = 0.03 + 0.62 * body - 0.3 * lung
    heart = ((X + 0.27) / (0.3 * build["heart"])) ** 2 + ((Y - 0.26) / 0.3) ** 2
    density += 0.2 * step((1 - heart) / 0.35) * lung
    arch = np.hypot(X - 0.12, Y + 0.2)
    density += 0.07 * np.exp(-(((arch - 0.2) / 0.07) ** 2)) * step((-0.1 - Y) / 0.15) * lung
    density += (
        0.16
        * np.exp(-(((X - spine_x) / 0.085) ** 4))
        * (0.8 + 0.3 * np.cos(Y * (2 * np.pi / 0.14)))
    )
    ribs = rib_bands((Y - 0.6 * X - 0.4 * X**2) / 0.17 + build["rib_bend"], 0.4)
    density += 0.06 * build["rib_contrast"] * ribs * lung
    density += 0.1 * np.exp(-(((X - front - 0.02) / 0.03) ** 2)) * (Y > -0.55) * (Y < 0.35)
    return density + 0.02 * clouds(rng, 9) * body
