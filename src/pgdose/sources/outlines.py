"""A pathologist's outlines: GeoJSON as QuPath exports it, in pixels of the slide's level 0."""

import json
from collections.abc import Collection
from pathlib import Path

import shapely
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from pgdose.errors import Rejected


def read_geojson(
    path: Path, classes: Collection[str], offset: tuple[float, float] = (0, 0)
) -> tuple[BaseGeometry, BaseGeometry]:
    """The union of the outlines whose classification is one of `classes`, and that of the others.

    `offset` is the slide's `openslide.bounds-x/y`, from where QuPath counts.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        features = content["features"] if isinstance(content, dict) else content
        outlines: tuple[list[BaseGeometry], list[BaseGeometry]] = ([], [])
        for feature in features:
            classification = (feature.get("properties") or {}).get("classification") or {}
            if name := classification.get("name"):  # what has no class says nothing
                outline = shapely.make_valid(shape(feature["geometry"]))
                outlines[name not in classes].append(outline)
    except Exception as error:
        raise Rejected("unreadable_outlines", type(error).__name__) from None
    named, others = (
        shapely.affinity.translate(shapely.union_all(those), *offset) for those in outlines
    )
    return named, others
