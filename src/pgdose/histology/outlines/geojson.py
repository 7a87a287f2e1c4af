"""GeoJSON: QuPath's, and that of other tools where it is plain GeoJSON in pixels.

RFC 7946, and QuPath's additions to it (`objectType`, `classification`), as its class
qupath.lib.io.QuPathTypeAdapters writes them; before version 0.4 an `id` or `object_type` said what
an object is.
"""

from typing import Any

import shapely

from pgdose.errors import Rejected
from pgdose.histology.outlines.class_words import Label
from pgdose.histology.outlines.drawing import LINE, MARK, OBJECT, Drawing, reading
from pgdose.histology.slides.geometry import Frame

# QuPath's ids of objects that are no annotations, from before it wrote their objectType.
OLD_OBJECT_IDS = ("PathDetectionObject", "PathCellObject", "PathTileObject", "TMACoreObject")
OBJECT_TYPES = {"detection", "cell", "tile", "tmacore", "root"}
GEOMETRIES = {
    "Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon",
    "GeometryCollection",
}  # fmt: skip
ANOTHER_TOOL = (
    "the features do not say that QuPath wrote them, but are counted from the slide's bounds as "
    "QuPath does"
)


def read_geojson(content: Any, drawing: Drawing) -> None:
    """Add the shapes of a collection of features, a bare list of them, or one.

    Rejects unknown_outlines (other JSON), not_in_pixels (a map's coordinates),
    unreadable_outlines, invalid_outline.
    """
    drawing.frame = Frame.BOUNDS
    features = _features(content)
    if not all(map(_is_of_qupath, features)):
        drawing.notes.append(ANOTHER_TOOL)
    for count, feature in enumerate(features, 1):
        with reading(count):
            _read_feature(feature, drawing)


def _features(content: Any) -> list:
    if isinstance(content, dict):
        if content.get("crs") is not None:
            raise Rejected(
                "not_in_pixels",
                "the GeoJSON has a 'crs', so that its coordinates are those of a map; export the "
                "outlines in pixels of the slide",
            )
        features = content.get("features")
        if isinstance(features, list) and (not features or any(map(_is_feature, features))):
            return features
        if _is_feature(content):
            return [content]
    elif isinstance(content, list) and (not content or _is_feature(content[0])):
        return content
    raise Rejected("unknown_outlines", "the JSON is not GeoJSON")


def _is_feature(entry: Any) -> bool:
    """Whether an entry is a feature, or a geometry that is not wrapped in one."""
    if not isinstance(entry, dict):
        return False
    geometry = entry.get("geometry", "none")
    return (
        geometry is None
        or (isinstance(geometry, dict) and "type" in geometry)
        or (entry.get("type") in GEOMETRIES and ("coordinates" in entry or "geometries" in entry))
    )


def _is_of_qupath(feature: Any) -> bool:
    if not isinstance(feature, dict):
        return False
    properties = feature.get("properties")
    return str(feature.get("id", "")).startswith("Path") or (
        isinstance(properties, dict) and not {"objectType", "object_type"}.isdisjoint(properties)
    )


def _read_feature(feature: dict, drawing: Drawing) -> None:
    if not _is_feature(feature):
        raise ValueError
    if "geometry" not in feature:
        feature = {"geometry": feature}
    properties = feature.get("properties") or {}
    label = _label(properties)
    if _is_object(properties) or feature.get("id") in OLD_OBJECT_IDS:
        drawing.lose(label, OBJECT)
        return
    if feature["geometry"] is None:
        drawing.lose(label, MARK)
        return
    parts = _parts(feature["geometry"])
    polygons = [drawing.polygon(rings) for name, rings in parts if name == "Polygon"]
    lines = [line for name, line in parts if name == "LineString"]
    area = shapely.union_all(polygons)
    if area.area:
        drawing.add(label, area)
    for line in lines:
        drawing.lose(label, LINE, line)
    if not area.area and not lines:
        rings = [ring for name, polygon in parts if name == "Polygon" for ring in polygon]
        points = [point for ring in rings for point in ring]
        drawing.lose(label, LINE if polygons else MARK, points)


def _is_object(properties: dict) -> bool:
    """Whether a program found it. Rejects types that QuPath does not have."""
    kind = _kind(properties.get("objectType") or "annotation")
    if kind not in {"annotation", *OBJECT_TYPES}:
        raise ValueError
    # Other tools may mean something else by `object_type`.
    return kind != "annotation" or _kind(properties.get("object_type")) in OBJECT_TYPES


def _kind(value: Any) -> str:
    """A type of QuPath's objects in one spelling: TMACoreObject, tma_core."""
    kind = str(value).casefold().replace("_", "").replace(" ", "")
    return kind.removeprefix("path").removesuffix("object")


def _parts(geometry: dict) -> list[tuple[str, list]]:
    """The polygons, lines and points of a geometry; polygons as their rings."""
    kind = geometry["type"]
    if kind not in GEOMETRIES:
        raise ValueError
    if kind == "GeometryCollection":
        return [part for entry in geometry["geometries"] for part in _parts(entry)]
    coordinates = geometry["coordinates"]
    if not isinstance(coordinates, list):
        raise TypeError
    if kind.startswith("Multi"):
        return [(kind.removeprefix("Multi"), part) for part in coordinates]
    return [(kind, coordinates)]


def _label(properties: dict) -> Label:
    """The classification; of one without, the object's name counts if it is a word of the study."""
    classification = properties.get("classification")
    colour = _colour(properties.get("color"))
    if isinstance(classification, dict):  # since 0.4 several names make a derived class
        names = classification.get("names") or []
        word = _text(classification.get("name")) or ": ".join(map(_text, names))
        colour = (
            _colour(classification.get("color"))
            or _colour(classification.get("colorRGB"))
            or colour
        )
    else:
        word = _text(classification)
    # Other tools have their own keys for it.
    word = word or _text(properties.get("class")) or _text(properties.get("label"))
    return Label(word.strip(), "" if word.strip() else _text(properties.get("name")), colour)


def _text(value: Any) -> str:
    """A word; other tools number their classes."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():  # of a column with empty cells
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise TypeError
    return str(value)


def _colour(value: Any) -> str:
    """QuPath's colours, [r, g, b] or a signed integer ARGB, as #rrggbb; empty if it is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"#{value & 0xFFFFFF:06x}"
    is_rgb = isinstance(value, list) and len(value) == 3
    if is_rgb and all(type(n) is int and 0 <= n < 256 for n in value):
        return "#{:02x}{:02x}{:02x}".format(*value)
    return ""
