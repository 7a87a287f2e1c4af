"""Marks of a felt pen on a slide's glass."""

from collections.abc import Sequence

import numpy as np
import shapely
from PIL import Image
from shapely.geometry import LineString, Polygon, box

from pgdose_phantom.stain import new_layer, soften

Colour = tuple[int, int, int]


def draw_marks(
    rng: np.random.Generator, side: int, tissue: Polygon, inks: Sequence[Colour]
) -> list[tuple[Polygon, Colour]]:
    """A stroke for each ink: from the glass of some corner across the tissue's edge into it."""
    corners = rng.permutation(4)[: len(inks)]
    middle = np.array([side / 2, side / 2])
    marks = []
    for corner, ink in zip(corners, inks, strict=True):
        heading = np.pi / 4 + corner * np.pi / 2 + rng.uniform(-0.1, 0.1)
        ray = LineString([middle, middle + side * np.array([np.cos(heading), np.sin(heading)])])
        edge = ray.intersection(tissue).length
        t = np.linspace(0, 1, 60)
        bend = heading + rng.uniform(0.1, 0.2) * np.sin(2 * np.pi * t + rng.uniform(0, np.pi))
        reach = edge + side * np.linspace(0.1, -0.14, 60)
        line = np.stack([np.cos(bend), np.sin(bend)], axis=1) * reach[:, None] + middle
        stroke = LineString(line).buffer(side * rng.uniform(60, 120) / 4096 / 2)
        stroke = stroke.intersection(box(0, 0, side, side))
        marks.append((shapely.set_precision(stroke, 0.5), ink))
    return marks


def draw_ink(picture: np.ndarray, stroke: Polygon, ink: Colour) -> None:
    """Cover part of a slide, RGB uint8, in place; the ink is flat and nearly opaque."""
    left, top, right, bottom = (int(value) for value in stroke.bounds)
    part = Image.fromarray(picture[top : bottom + 1, left : right + 1])
    cover, pen = new_layer(*part.size)
    pen.polygon([(x - left, y - top) for x, y in stroke.exterior.coords], fill=240)
    part.paste(ink, mask=Image.fromarray(soften(cover, 1.5)))
    picture[top : bottom + 1, left : right + 1] = part
