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
) -> BaseGeometry:
    """The union of all outlines whose classification is one of `classes`.

    `offset` is the slide's `openslide.bounds-x/y`, from where QuPath counts.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        features = content["features"] if isinstance(content, dict) else content
        outlines = []
        for feature in features:
            classification = (feature.get("properties") or {}).get("classification") or {}
            if classification.get("name") in classes:
                outlines.append(shapely.make_valid(shape(feature["geometry"])))
    except Exception as error:
        raise Rejected("unreadable_outlines", type(error).__name__) from None
    return shapely.affinity.translate(shapely.union_all(outlines), *offset)
