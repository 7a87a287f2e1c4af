"""Drawing one chest film: a frontal (or lateral) radiograph from age, sex and findings.

The film is composed on a small grid of smooth shapes in *thorax units* (x to the right of the
image, y downwards, the midline at x = 0, half a film to the unit), then turned, scaled and
magnified onto the pixels asked for, and given noise there. Everything that tells a finding is a
contrast, a texture or a shape that fills a part of the image, drawn with an overlapping severity,
so that a small network learns it from a few hundred films but not perfectly.

The patient's right lung is on the left of the image, as on a light box.
"""

from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

GRID = 336  # working grid, pixels a side
UNIT_MM = 160.0  # a thorax unit of the usual patient: both lungs are some 24 cm wide
REACH = 1.25  # the grid covers -REACH..REACH thorax units both ways

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

_AXIS = np.linspace(-REACH, REACH, GRID, dtype=np.float32)
_X = _AXIS[None, :]
_Y = _AXIS[:, None]


def draw_chest(
    rng: np.random.Generator,
    rows: int,
    columns: int,
    *,
    age: float,
    sex: str,
    findings: frozenset[str],
    lateral: bool = False,
    anatomy: np.random.Generator | None = None,
) -> tuple[np.ndarray, dict[str, Any]]:
    """Draw a chest film.

    `rng` draws what differs from film to film (position, exposure, noise, severity), `anatomy`
    what a patient keeps (default: `rng` too). `age` in years, `sex` "F" or "M", `findings` among
    FINDINGS.

    Returns the film, float32 (rows, columns) in [0, 1], bright where dense (bone), and its truth:
    `aorta_x`, `aorta_y`, `aorta_side` (the window around the aortic arch, pixels of the film, the
    centre counted from the corner of the first pixel), `aorta_rotation` (degrees; the arch unfolds
    with it) and `mm_per_px`. Lateral films have NaN for the aorta.
    """
    unknown = findings - set(FINDINGS)
    if unknown or sex not in ("F", "M"):
        raise ValueError(f"cannot draw sex {sex!r} with findings {sorted(unknown)}")
    build = _draw_build(anatomy or rng, age, sex)
    if lateral:
        density, aorta = _lateral(rng, build), (np.nan, np.nan, np.nan, np.nan)
    else:
        density, aorta = _frontal(rng, build, findings)
    film, to_pixels, unit_px, mm_per_px = _expose(rng, density, rows, columns)
    x, y, side, rotation = aorta
    centre = to_pixels(x, y)
    truth = {
        "aorta_x": round(float(centre[0]), 1),
        "aorta_y": round(float(centre[1]), 1),
        "aorta_side": round(float(side * unit_px), 1),
        "aorta_rotation": round(float(rotation), 1),
        "mm_per_px": mm_per_px,
    }
    return film, truth


# --- anatomy ----------------------------------------------------------------------------------


def _draw_build(rng: np.random.Generator, age: float, sex: str) -> dict[str, Any]:
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
        "rib_bend": 0.14 * _clouds(rng, 5),  # no two ribs are quite parallel
        "rib_slope": rng.normal(0.42 + 0.06 * wear, 0.05),
        "clavicle": rng.normal(0, 0.03, 4),
        "breast": rng.uniform(0.03, 0.08) if female else 0.0,
        "dome": rng.normal(0.5, 0.035),
        "markings": np.clip(rng.normal(0.8 + 0.35 * wear, 0.15), 0.4, 1.7),
    }


def _frontal(
    rng: np.random.Generator, build: dict[str, Any], findings: frozenset[str]
) -> tuple[np.ndarray, tuple[float, float, float, float]]:
    """Density on the grid, and the aorta as (x, y, side, rotation) in thorax units and degrees."""
    wear = build["wear"]
    inflated = float(np.clip(rng.normal(0.75, 0.25), 0.2, 1.3)) if "emphysema" in findings else 0.0
    wide = build["width"] * (1 + 0.07 * inflated)
    breath = rng.normal(0, 0.03)  # how deep the patient breathed in
    turn = rng.normal(0, 0.02)  # a patient who stands turned shows a shifted mediastinum

    # Lungs: for every row, how far they reach outwards and how far inwards.
    rise = np.array([-0.74, -0.72, -0.67, -0.58, -0.42, -0.15, 0.15, 0.5, 1.3]) * build["length"]
    outer = _profile(rise, [0.0, 0.2, 0.32, 0.44, 0.56, 0.67, 0.73, 0.77, 0.78]) * wide
    media = build["mediastinum"]
    inner_right = media * _profile(
        [-1.3, -0.7, -0.45, -0.2, 0.0, 0.3, 0.5, 1.3],
        [0.12, 0.11, 0.125, 0.15, 0.16, 0.22 * build["heart"], 0.21, 0.2],
    )
    heart = build["heart"] * (1 - 0.1 * inflated)
    inner_left = media * _profile(
        [-1.3, -0.7, -0.45, -0.15, 0.0, 0.2, 0.38, 0.52, 0.7, 1.3],
        [0.12, 0.11, 0.115, 0.15, 0.22, 0.38 * heart, 0.46 * heart, 0.46 * heart, 0.4, 0.38],
    )
    dome_right = build["dome"] + breath + 0.1 * inflated
    dome_left = dome_right + 0.045
    bend = 0.55 * (1 - 0.7 * min(inflated, 1.0))
    x = _X - turn
    side = np.abs(_X)
    right = x < 0
    to_left = _step(x / 0.16)  # 0 over the right lung, 1 over the left one
    floor = dome_right + (dome_left - dome_right) * to_left
    floor = floor + bend * (side - 0.38) ** 2 + 1.1 * np.maximum(side - 0.62, 0) ** 1.5
    inner = np.where(right, inner_right, inner_left)
    lung = _step((outer - side) / 0.022) * _step((floor - _Y) / 0.016)
    field = lung * _step((np.abs(x) - inner) / 0.02)  # lung that the mediastinum does not cover

    # The body around them.
    outline = _profile(
        [-1.3, -1.0, -0.88, -0.76, -0.6, -0.3, 0.2, 0.8, 1.3],
        [0.24, 0.25, 0.36, 0.73, 1.0, 1.05, 0.99, 0.97, 1.0],
    ) * (wide * (0.94 + 0.1 * build["fat"]))
    body = _step((outline - side) / 0.03)
    thick = 0.46 + 0.1 * build["fat"] - 0.06 * side**2
    density = 0.03 + body * thick
    density -= lung * (0.33 + 0.06 * inflated + 0.02 * build["fat"])
    covered = lung - field
    density += covered * (0.3 + 0.1 * _step((_Y - 0.05) / 0.12))
    density += (1 - _step((floor - _Y) / 0.016)) * body * 0.13
    if build["breast"]:
        for sign in (-1, 1):
            spot = ((_X - sign * 0.46) / 0.3) ** 2 + ((_Y - 0.33) / 0.27) ** 2
            density += build["breast"] * _step((1 - spot) / 0.22)

    # Bones: all ribs of a kind are one periodic function of the height above a curve.
    cage = (
        _step((outer + 0.05 - side) / 0.03) * _step((_Y + 0.78) / 0.04) * _step((0.78 - _Y) / 0.1)
    )
    gap = build["rib_gap"] * (1 + 0.08 * inflated)
    slope = build["rib_slope"] * (1 - 0.4 * inflated)
    behind = _Y - slope * side**2 * (1.15 - 0.3 * _Y) + 0.05 * side
    front = _Y - 0.42 * (0.75 - side)
    contrast = build["rib_contrast"]
    # Ribs drown where the film is dense: half seen over the heart, hardly below the diaphragm.
    cage = cage * (0.25 + 0.25 * lung + 0.5 * field)
    bent = build["rib_phase"] + build["rib_bend"]
    density += (0.085 * contrast) * _rib(behind / gap + bent, 0.5) * cage
    density += (
        (0.045 * contrast)
        * _rib(front / (1.15 * gap) + 0.7 * bent, 0.42)
        * (cage * _step((side - 0.3) / 0.05) * _step((_Y + 0.55) / 0.1) * _step((0.45 - _Y) / 0.1))
    )
    density += 0.06 * np.exp(-((_X / 0.085) ** 4)) * (1 + 0.25 * np.cos(_Y * (2 * np.pi / 0.125)))
    density += 0.12 * contrast * _clavicles(build)
    # The windpipe: a dark band down to where it forks.
    pipe = np.exp(-(((x + 0.012) / 0.042) ** 4)) * _step((-0.2 - _Y) / 0.05)
    density -= 0.075 * pipe * body

    arch, aorta = _aorta(rng, build, "aorta" in findings, turn)
    density += arch
    density += _vessels(rng, build, "bronchitis" in findings) * (0.25 * lung + 0.75 * field)
    density += _disease(rng, findings, field, lung)
    # Uneven soft tissue and clothing.
    density += 0.012 * _clouds(rng, 7) * body + 0.012 * _clouds(rng, 28) * body
    density += 0.02 * wear * covered * _clouds(rng, 14)
    return density, aorta


def _aorta(
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
    spot = np.hypot(_X - knob_x, (_Y - knob_y) * 0.92)
    knob = _step((radius - spot) / 0.02)
    inwards = _step((_X - turn) / 0.06) * _step((knob_x - _X) / 0.04)
    knob = np.maximum(knob, inwards * _step((0.9 * radius - np.abs(_Y - knob_y)) / 0.07))
    # Descending part: from the knob down beside the spine, bulging outwards when unfolded.
    down = np.clip((_Y - knob_y) / 0.75, 0, 1)
    edge = knob_x + radius * (1 - 0.6 * down) + 0.13 * excess * np.sin(np.pi * down**0.8) - 0.03
    descending = _step((edge - _X) / 0.016) * _step((_X - turn) / 0.05)
    descending = descending * _step((_Y - knob_y) / 0.05) * (1 - down) ** 0.35
    # Ascending part: a bulge over the right border.
    rise = np.clip((_Y - knob_y + 0.1) / 0.5, 0, 1)
    bulge = turn - 0.11 * build["mediastinum"] - 0.15 * excess * np.sin(np.pi * rise)
    ascending = _step((_X - bulge) / 0.018) * _step((turn - _X) / 0.05) * np.sin(np.pi * rise)
    body = np.maximum(np.maximum(knob, 0.8 * descending), (0.35 + 0.5 * excess) * ascending)
    # The wall catches the rays along its length, the more so when it is calcified.
    wall = np.exp(-(((spot - radius + 0.015) / 0.016) ** 2)) * _step((_X - knob_x) / 0.05)
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
        pen.line(_points(xs, ys), fill=230, width=9, joint="curve")
        pen.line(_points(xs[10:], ys[10:]), fill=230, width=12)
        blade_x = sign * np.array([0.74, 0.98, 0.94, 0.8]) * build["width"]
        blade_y = np.array([-0.56, -0.6, -0.3, 0.0]) + d
        pen.polygon(_points(blade_x, blade_y), fill=90)
    return _mask(image, 1.6)


def _vessels(rng: np.random.Generator, build: dict[str, Any], thickened: bool) -> np.ndarray:
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
                pen.line(_points(xs[:upto], ys[:upto]), fill=90 + 30 * width, width=width)
            if thickened:  # a second wall beside the first: tram lines
                shift = 0.026
                pen.line(_points(xs[:6], np.array(ys[:6]) + shift), fill=200, width=2)
    branches = _mask(image, 0.8)
    hila = sum(
        np.exp(-(((_X - sign * 0.19) / 0.075) ** 2) - ((_Y - y) / 0.13) ** 2)
        for sign, y in ((-1, 0.01), (1, -0.04))
    )
    markings = build["markings"] * (1 + 0.9 * excess)
    return markings * (0.075 * branches + (0.05 + 0.04 * excess) * hila)


def _disease(
    rng: np.random.Generator, findings: frozenset[str], field: np.ndarray, lung: np.ndarray
) -> np.ndarray:
    """Shadows of the findings of the lungs, as density to add."""
    added = np.zeros((GRID, GRID), dtype=np.float32)
    if "tuberculosis" in findings:
        added += _tuberculosis(rng) * field
    if "pneumonia" in findings:
        severity = np.clip(rng.normal(0.2, 0.05), 0.08, 0.32)
        sign = rng.choice([-1, 1])
        spot = _spot(sign * rng.uniform(0.4, 0.55), rng.uniform(0.18, 0.36), 0.26, 0.22)
        added += severity * spot * (0.75 + 0.35 * _clouds(rng, 16)) * field
    if "pneumosclerosis" in findings:
        severity = np.clip(rng.normal(0.07, 0.02), 0.02, 0.12)
        lower = _step((_Y - rng.uniform(-0.25, 0.0)) / 0.12)
        added += severity * (_net(rng, 26) + 0.5 * _net(rng, 44)) * lower * field
    if "fibrosis" in findings:
        severity = np.clip(rng.normal(0.1, 0.03), 0.03, 0.17)
        sign = rng.choice([-1, 1])
        zone = _spot(sign * 0.42, rng.uniform(-0.4, 0.2), 0.33, 0.36) + 0.25
        added += severity * _streaks(rng, 40) * zone * field
    if "focal_shadows" in findings:
        for _ in range(rng.integers(1, 4)):
            size = rng.uniform(0.045, 0.09)
            x = rng.choice([-1, 1]) * rng.uniform(0.28, 0.62)
            distance = np.hypot(_X - x, _Y - rng.uniform(-0.5, 0.35))
            added += rng.uniform(0.12, 0.22) * _step((size - distance) / 0.014) * lung
    return added


def _tuberculosis(rng: np.random.Generator) -> np.ndarray:
    """Patchy infiltrates of the upper lobes, streaks towards the hilum, often a cavity."""
    added = np.zeros((GRID, GRID), dtype=np.float32)
    first = rng.choice([-1, 1])
    both = rng.uniform() < 0.55
    severity = float(np.clip(rng.normal(0.2, 0.075), 0.05, 0.36))
    streaks = _streaks(rng, 26)
    patches = _clouds(rng, 15) + 0.7 * _clouds(rng, 30)
    for sign, share in ((first, 1.0), (-first, rng.uniform(0.35, 0.9) if both else 0.0)):
        if not share:
            continue
        zone = _spot(sign * 0.36, rng.uniform(-0.52, -0.32), 0.27, 0.28)
        cloud = _step((patches - rng.uniform(-0.5, 0.3)) / 0.3)
        added += severity * share * zone * (0.25 + 0.9 * cloud + 0.6 * streaks)
    if rng.uniform() < 0.5:
        size = rng.uniform(0.06, 0.12)
        distance = np.hypot(_X - first * rng.uniform(0.3, 0.44), _Y + rng.uniform(0.36, 0.5))
        wall = np.exp(-(((distance - size) / 0.026) ** 2))
        added = added * (1 - 0.75 * _step((size - distance) / 0.02)) + 0.6 * severity * wall
    return added


# --- the lateral view -------------------------------------------------------------------------


def _lateral(rng: np.random.Generator, build: dict[str, Any]) -> np.ndarray:
    """A film from the side: breast bone to the left, spine to the right, the heart before it."""
    front = _profile([-1.3, -0.8, -0.5, 0.0, 0.5, 1.3], [-0.22, -0.26, -0.5, -0.66, -0.7, -0.72])
    back = _profile([-1.3, -0.9, -0.5, 0.0, 0.5, 1.3], [0.2, 0.3, 0.62, 0.7, 0.62, 0.55])
    body = _step((_X - front + 0.08) / 0.03) * _step((back + 0.1 - _X) / 0.03)
    spine_x = _profile([-1.3, -0.6, 0.0, 0.6, 1.3], [0.22, 0.42, 0.52, 0.42, 0.3])
    floor = 0.5 + 0.5 * (_X + 0.1) ** 2 + 0.25 * _X
    lung = _step((_X - front - 0.05) / 0.03) * _step((back - 0.03 - _X) / 0.03)
    lung = lung * _step((floor - _Y) / 0.02) * _step((_Y + 0.66) / 0.05)
    density = 0.03 + 0.62 * body - 0.3 * lung
    heart = ((_X + 0.27) / (0.3 * build["heart"])) ** 2 + ((_Y - 0.26) / 0.3) ** 2
    density += 0.2 * _step((1 - heart) / 0.35) * lung
    arch = np.hypot(_X - 0.12, _Y + 0.2)
    density += 0.07 * np.exp(-(((arch - 0.2) / 0.07) ** 2)) * _step((-0.1 - _Y) / 0.15) * lung
    density += (
        0.16
        * np.exp(-(((_X - spine_x) / 0.085) ** 4))
        * (0.8 + 0.3 * np.cos(_Y * (2 * np.pi / 0.14)))
    )
    ribs = _rib((_Y - 0.6 * _X - 0.4 * _X**2) / 0.17 + build["rib_bend"], 0.4)
    density += 0.06 * build["rib_contrast"] * ribs * lung
    density += 0.1 * np.exp(-(((_X - front - 0.02) / 0.03) ** 2)) * (_Y > -0.55) * (_Y < 0.35)
    return density + 0.02 * _clouds(rng, 9) * body


# --- exposure ---------------------------------------------------------------------------------


def _expose(
    rng: np.random.Generator, density: np.ndarray, rows: int, columns: int
) -> tuple[np.ndarray, Any, float, float]:
    """Put the grid onto the film: position, exposure and noise.

    Returns the film, the map from thorax units to pixels, the pixels in a unit and the
    millimetres in a pixel.
    """
    unit_mm = rng.uniform(0.95, 1.05) * UNIT_MM  # people are not all of a size
    units = 2 / (max(rows, columns) * np.clip(rng.normal(0.97, 0.03), 0.9, 1.05))
    angle = np.deg2rad(rng.normal(0, 1.6))
    shift = rng.normal(0, 0.03, 2)
    cos, sin = np.cos(angle), np.sin(angle)

    def to_pixels(x: float, y: float) -> tuple[float, float]:
        dx, dy = (x - shift[0]) / units, (y - shift[1]) / units
        return cos * dx + sin * dy + columns / 2, -sin * dx + cos * dy + rows / 2

    # pixel -> thorax units -> grid, as PIL wants it
    to_grid = (GRID - 1) / (2 * REACH)
    a, b = cos * units * to_grid, -sin * units * to_grid
    centre_x, centre_y = ((shift + REACH) * to_grid + 0.5).tolist()
    matrix = (
        a, b, centre_x - a * columns / 2 - b * rows / 2,
        -b, a, centre_y + b * columns / 2 - a * rows / 2,
    )  # fmt: skip
    gamma, gain = rng.normal(1.0, 0.07), rng.normal(1.0, 0.05)
    seen = np.clip((density - 0.02) / 0.92, 0.0, 1.2) ** gamma * gain
    tone = np.clip(seen + rng.normal(0, 0.015), 0, 1).astype(np.float32)
    big = Image.fromarray(tone).transform(
        (columns, rows), Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC
    )
    film = np.array(big)
    # Grain is the detector's: a few thousand numbers drawn once and laid at random rows suffice.
    strip = rng.standard_normal(columns * 8 + 4096, dtype=np.float32) * rng.uniform(0.008, 0.016)
    starts = rng.integers(0, len(strip) - columns, rows)
    for row, start in enumerate(starts):
        film[row] += strip[start : start + columns]
    return np.clip(film, 0, 1, out=film), to_pixels, 1 / units, round(float(unit_mm * units), 4)


# --- small tools ------------------------------------------------------------------------------


def _step(values: np.ndarray) -> np.ndarray:
    """A soft step from 0 to 1, a cubic over -1..1: cheaper than a logistic and as smooth."""
    t = np.clip(0.5 + 0.5 * values, 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)


def _profile(heights: Any, widths: Any) -> np.ndarray:
    """A smooth curve through points, given for every row of the grid; float32 (GRID, 1)."""
    curve = np.interp(_AXIS, heights, widths)
    ends = np.pad(curve, 8, mode="edge")
    return np.convolve(ends, np.hanning(19)[1:-1] / np.hanning(19).sum(), "valid").astype(
        np.float32
    )[:, None]


_PHASE = np.linspace(0, 1, 256, endpoint=False, dtype=np.float32)


def _rib(phase: np.ndarray, share: float) -> np.ndarray:
    """Bands of width `share` in every unit of `phase`, with brighter edges (the hard rim)."""
    off = np.abs(_PHASE - 0.5) / (share / 2)
    table = _step((1 - off) / 0.22) * (0.7 + 0.5 * np.exp(-(((off - 0.85) / 0.2) ** 2)))
    return table[(phase * 256).astype(np.int32) & 255]


def _spot(x: float, y: float, width: float, height: float) -> np.ndarray:
    """A Gaussian patch, 0..1."""
    return np.exp(-(((_X - x) / width) ** 2)) * np.exp(-(((_Y - y) / height) ** 2))


def _clouds(rng: np.random.Generator, cells: int) -> np.ndarray:
    """Smooth noise of mean 0 and deviation about 0.7, `cells` random values a side."""
    small = rng.standard_normal((cells, cells), dtype=np.float32)
    return np.asarray(Image.fromarray(small).resize((GRID, GRID), Image.Resampling.BICUBIC))


def _net(rng: np.random.Generator, cells: int) -> np.ndarray:
    """A net of thin lines (the zero crossings of smooth noise), 0..1."""
    return np.exp(-((_clouds(rng, cells) / 0.2) ** 2))


def _streaks(rng: np.random.Generator, count: int) -> np.ndarray:
    """`count` strands a side running outwards from the hila, 0..1."""
    image = Image.new("L", (GRID, GRID))
    pen = ImageDraw.Draw(image)
    for sign in (-1, 1):
        start = rng.uniform(0.15, 0.5, count)
        angle = rng.uniform(-1.4, 1.4, count)
        length = rng.uniform(0.12, 0.4, count)
        for s, a, n, y in zip(start, angle, length, rng.uniform(-0.2, 0.1, count), strict=True):
            t = np.linspace(s, s + n, 4)
            xs = sign * (0.12 + t * np.cos(a))
            ys = y + t * np.sin(a) + 0.03 * np.sin(8 * t + a)
            pen.line(_points(xs, ys), fill=220, width=2)
    return _mask(image, 0.9)


def _points(xs: Any, ys: Any) -> list[tuple[float, float]]:
    """Thorax units to points of the grid."""
    scale = (GRID - 1) / (2 * REACH)
    return [((x + REACH) * scale, (y + REACH) * scale) for x, y in zip(xs, ys, strict=True)]


def _mask(image: Image.Image, blur: float) -> np.ndarray:
    """A drawing as float32 in 0..1, softened by `blur` pixels."""
    soft = image.filter(ImageFilter.GaussianBlur(blur))
    return np.asarray(soft, dtype=np.float32) / 255
