"""Outlines of tumour as the viewers write them: the same regions in six formats.

The regions come as a mask: bool (rows, columns), each cell GRID pixels of the slide's level 0
wide and high, as in an outline made from a pixel classifier. Every format holds exactly the
same region; coordinates are pixels of level 0.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

import numpy as np
import pandas as pd
import shapely
import tifffile
from PIL import Image
from shapely.geometry import Polygon, box, mapping

from pgdose.tables.output_files import atomic, write_json
from pgdose.tables.result_csv import write_csv

GRID = 16  # pixels of level 0 to a cell of the mask
CLASS = "Tumor"
RED = (200, 0, 0)


def rectangles(mask: np.ndarray) -> list[tuple[int, int, int, int]]:
    """The runs of each row of a mask as x, y, width, height in pixels."""
    runs = []
    for row, cells in enumerate(mask):
        edges = np.flatnonzero(np.diff(cells.astype(np.int8), prepend=0, append=0)).tolist()
        for start, end in zip(edges[::2], edges[1::2], strict=True):
            runs.append((start * GRID, row * GRID, (end - start) * GRID, GRID))
    return runs


def polygons(mask: np.ndarray) -> list[Polygon]:
    """The connected regions of a mask, with their holes, in pixels."""
    whole = shapely.union_all([box(x, y, x + w, y + h) for x, y, w, h in rectangles(mask)])
    return list(shapely.get_parts(whole.simplify(0)))  # no vertices amid straight edges


def feature(polygon: Polygon, name: str, color: Sequence[int] = RED) -> dict:
    """A GeoJSON feature as QuPath exports an annotation."""
    return {
        "type": "Feature",
        "geometry": mapping(polygon),
        "properties": {
            "objectType": "annotation",
            "classification": {"name": name, "color": list(color)},
        },
    }


def write_features(features: list[dict], path: Path) -> None:
    """Write a GeoJSON file."""
    write_json({"type": "FeatureCollection", "features": features}, path)


def write_geojson(mask: np.ndarray, path: Path) -> None:
    """QuPath: polygons with interior rings."""
    write_features([feature(polygon, CLASS) for polygon in polygons(mask)], path)


def write_asap(mask: np.ndarray, path: Path) -> None:
    """ASAP, which has no holes: polygons with holes are cut into pieces without."""
    root = Element("ASAP_Annotations")
    annotations = SubElement(root, "Annotations")
    pieces = [piece for polygon in polygons(mask) for piece in _without_holes(polygon)]
    for number, piece in enumerate(pieces):
        annotation = SubElement(
            annotations, "Annotation", Name=f"Annotation {number}", Type="Polygon",
            PartOfGroup=CLASS, Color="#F4FA58",
        )  # fmt: skip
        coordinates = SubElement(annotation, "Coordinates")
        for order, (x, y) in enumerate(_vertices(piece.exterior)):
            SubElement(coordinates, "Coordinate", Order=str(order), X=x, Y=y)
    group = SubElement(
        SubElement(root, "AnnotationGroups"), "Group", Name=CLASS, PartOfGroup="None",
        Color="#64FE2E",
    )  # fmt: skip
    SubElement(group, "Attributes")
    _write_xml(root, path)


def write_imagescope(mask: np.ndarray, path: Path) -> None:
    """Aperio ImageScope: holes are regions that are marked negative."""
    root = Element("Annotations")
    annotation = SubElement(
        root, "Annotation", Id="1", Name=CLASS, Type="4", LineColor="255", Visible="1"
    )
    regions = SubElement(annotation, "Regions")
    for polygon in polygons(mask):
        rings = [(polygon.exterior, "0"), *((hole, "1") for hole in polygon.interiors)]
        for ring, negative in rings:
            region = SubElement(
                regions, "Region", Id=str(len(regions) + 1), Type="0", Text="",
                NegativeROA=negative,
            )  # fmt: skip
            vertices = SubElement(region, "Vertices")
            for x, y in _vertices(ring):
                SubElement(vertices, "Vertex", X=x, Y=y, Z="0")
    _write_xml(root, path)


def write_mask(mask: np.ndarray, path: Path) -> None:
    """A small picture, 8-bit grey: 1 is tumour."""
    with atomic(path) as beside:
        Image.fromarray(mask.astype(np.uint8)).save(beside)


def write_pyramid(mask: np.ndarray, path: Path) -> None:
    """A tiled pyramidal TIFF, 8-bit grey, at 1/4 and 1/16 of the slide: 1 is tumour."""
    with atomic(path) as beside, tifffile.TiffWriter(beside) as file:
        for repeat in (GRID // 4, 1):
            file.write(
                np.kron(mask, np.ones((repeat, repeat), np.uint8)),
                tile=(256, 256),
                photometric="minisblack",
                compression="adobe_deflate",
                subfiletype=int(repeat == 1),  # a smaller version of the picture before
                metadata=None,
                software=False,
            )


def write_rectangles(mask: np.ndarray, path: Path) -> None:
    """A table of rectangles: x, y, w, h, class."""
    table = pd.DataFrame(rectangles(mask), columns=["x", "y", "w", "h"])
    write_csv(table.assign(**{"class": CLASS}), path, for_spreadsheets=False)


# By the name of the format: the suffix of its files, and the writer of a mask.
FORMATS: dict[str, tuple[str, Callable[[np.ndarray, Path], None]]] = {
    "geojson": (".geojson", write_geojson),
    "asap": (".xml", write_asap),
    "imagescope": (".xml", write_imagescope),
    "mask": (".png", write_mask),
    "pyramid": (".tif", write_pyramid),
    "rectangles": (".csv", write_rectangles),
}


def _without_holes(polygon: Polygon) -> Iterator[Polygon]:
    """Cut the polygon across its holes until no piece has one."""
    if not polygon.interiors:
        yield polygon
        return
    left, top, right, bottom = polygon.bounds
    _, start, _, end = polygon.interiors[0].bounds
    middle = ((start + end) / 2 // GRID + 0.5) * GRID  # amid a row of cells: no edge lies there
    for half in (box(left, top, right, middle), box(left, middle, right, bottom)):
        for piece in shapely.get_parts(polygon.intersection(half)):
            yield from _without_holes(piece)


def _vertices(ring: shapely.LinearRing) -> Iterator[tuple[str, str]]:
    """The corners of a ring as text, without the first one repeated at the end."""
    for x, y in ring.coords[:-1]:
        yield f"{x:.1f}", f"{y:.1f}"


def _write_xml(root: Element, path: Path) -> None:
    ElementTree.indent(root)
    with atomic(path) as beside:
        ElementTree.ElementTree(root).write(beside, encoding="utf-8", xml_declaration=True)
