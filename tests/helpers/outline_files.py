"""One drawing (a staircase and a block) as every viewer writes it, and reading it back."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np
import pytest
import shapely
import tifffile
from PIL import Image
from shapely.geometry import Polygon, box, mapping
from shapely.geometry.polygon import orient

from pgdose.errors import Rejected
from pgdose.histology.outlines.class_words import Classes
from pgdose.histology.outlines.reading import Outlines, read_outlines
from pgdose.histology.regions import Bounds, Size
from pgdose.histology.slides.geometry import SlideGeometry

SIZE = (1280, 1024)


CLASSES = {"ignore": ["ignore*", "3"], "tumour": ["Tumor", "1"], "norm": ["Normal", "2"]}


WORDS = {"tumour": "Tumor", "norm": "Normal"}


def stairs() -> dict[str, Polygon]:
    """A staircase with a hole, and a block beside it; all corners lie on a grid of 16 pixels."""
    steps = [(64, 64), (576, 64), (576, 192), (704, 192), (704, 400), (800, 400), (800, 720)]
    hole = [(208, 208), (400, 208), (400, 416), (208, 416)]
    tumour = Polygon([*steps, (64, 720)], [hole])
    return {"tumour": tumour, "norm": box(832, 112, 1232, 944)}


def grid(tile: int = 96) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.meshgrid(np.arange(0, SIZE[0], tile), np.arange(0, SIZE[1], tile))
    return x.ravel(), y.ravel()


def read(
    path: Path, classes: Classes, size: Size, bounds: Bounds | None = None, tile: float = 256
) -> Outlines:
    slide = NDPI if path.suffix == ".ndpa" else SlideGeometry(size, bounds)
    return read_outlines(path, classes, slide, tile)


def reason(*arguments: Any, **options: Any) -> tuple[str, str]:
    with pytest.raises(Rejected) as caught:
        read(*arguments, **options)
    return caught.value.reason, caught.value.detail


def feature(region: Any, classification: Any, **properties: Any) -> dict:
    properties = {"objectType": "annotation", "classification": classification} | properties
    return {"type": "Feature", "geometry": mapping(region), "properties": properties}


def geojson(path: Path, *features: dict) -> Path:
    path.write_text(json.dumps({"type": "FeatureCollection", "features": list(features)}))
    return path


def points(tag: str, ring: Any) -> str:
    return "".join(
        f'<{tag} Order="{n}" X="{x}" Y="{y}"/>' for n, (x, y) in enumerate(list(ring.coords)[:-1])
    )


def asap(path: Path, *outlines: tuple[str, str, str]) -> Path:
    """Of (type, group, coordinates)."""
    text = "".join(
        f'<Annotation Name="A" Type="{kind}" PartOfGroup={quoteattr(group)}>'
        f"<Coordinates>{coordinates}</Coordinates></Annotation>"
        for kind, group, coordinates in outlines
    )
    path.write_text(f"<ASAP_Annotations><Annotations>{text}</Annotations></ASAP_Annotations>")
    return path


def region(vertices: str, kind: int = 0, negative: int = 0, text: str = "") -> str:
    return (
        f'<Region Id="1" Type="{kind}" NegativeROA="{negative}" Text="{text}">'
        f"<Vertices>{vertices}</Vertices></Region>"
    )


def imagescope(path: Path, *layers: tuple[str, str, str]) -> Path:
    """Of (name, description, regions)."""
    text = "".join(
        f'<Annotation Id="{n + 1}" Name={quoteattr(name)}><Attributes><Attribute '
        f'Name="Description" Value={quoteattr(description)}/></Attributes>'
        f"<Regions>{regions}</Regions></Annotation>"
        for n, (name, description, regions) in enumerate(layers)
    )
    path.write_text(f'<?xml version="1.0"?><Annotations>{text}</Annotations>')
    return path


def picture(scale: int = 1, size: tuple[int, int] = SIZE) -> np.ndarray:
    """The stairs as 0, 1 and 2, uint8; drawn by hand for each corner is whole."""
    image = np.zeros((size[1] // scale, size[0] // scale), np.uint8)
    y, x = np.mgrid[0 : size[1] : scale, 0 : size[0] : scale] + scale / 2
    for value, polygon in enumerate(stairs().values(), 1):
        image[shapely.contains_xy(polygon, x, y)] = value
    return image


def colours(values: np.ndarray) -> np.ndarray:
    return np.array([(0, 0, 0), (255, 0, 0), (0, 128, 255), (9, 9, 9)], np.uint8)[values]


def write_geojson(path: Path) -> Path:
    features = [feature(area, {"name": WORDS[name]}) for name, area in stairs().items()]
    return geojson(path.with_suffix(".geojson"), *features)


def write_asap(path: Path) -> Path:
    """ASAP has no holes: the outline runs through a slit to the hole and back."""
    outlines = []
    for name, area in stairs().items():
        marks = "".join(
            f'<Coordinate Order="{n}" X="{x}" Y="{y}"/>' for n, (x, y) in enumerate(slit(area))
        )
        outlines.append(("Polygon", WORDS[name], marks))
    return asap(path.with_suffix(".xml"), *outlines)


def write_imagescope(path: Path) -> Path:
    layers = []
    for name, area in stairs().items():
        regions = region(points("Vertex", area.exterior))
        regions += "".join(region(points("Vertex", h), negative=1) for h in area.interiors)
        layers.append((WORDS[name], "", regions))
    return imagescope(path.with_suffix(".xml"), *layers)


def halo(path: Path, *layers: tuple[str, str]) -> Path:
    """Of (name, regions)."""
    text = "".join(
        f'<Annotation Name={quoteattr(name)} LineColor="5634047" Visible="True">'
        f"<Regions>{regions}</Regions></Annotation>"
        for name, regions in layers
    )
    path.write_text(f"<Annotations>{text}</Annotations>")
    return path


def halo_region(ring: Any, kind: str = "Polygon", negative: str = "0") -> str:
    vertices = "".join(f'<V X="{x:.0f}" Y="{y:.0f}"/>' for x, y in ring)
    return (
        f'<Region Type="{kind}" HasEndcaps="0" NegativeROA="{negative}">'
        f"<Vertices>{vertices}</Vertices><Comments/></Region>"
    )


# Of an .ndpi: micrometres per pixel, and nanometres from the middle of the glass.
NDPI = SlideGeometry(SIZE, (0, 0, *SIZE), (0.25, 0.5), (1_000_000.0, -500_000.0))


def nanometres(x: float, y: float) -> tuple[int, int]:
    """Where NDP.view2 says that a pixel of level 0 lies."""
    assert NDPI.mpp and NDPI.offsets
    return (
        round((x - SIZE[0] / 2) * 1000 * NDPI.mpp[0] + NDPI.offsets[0]),
        round((y - SIZE[1] / 2) * 1000 * NDPI.mpp[1] + NDPI.offsets[1]),
    )


def ndpa_annotation(title: str, body: str, kind: str = "freehand", details: str = "") -> str:
    return (
        f'<ndpviewstate id="1"><title>{title}</title><details>{details}</details>'
        "<coordformat>nanometers</coordformat><lens>20</lens><x>5</x><y>5</y><z>0</z>"
        f'<annotation type="{kind}" displayname="Annotate" color="#ff0000">{body}</annotation>'
        "</ndpviewstate>"
    )


def ndpa_points(ring: Any, closed: str = "1") -> str:
    places = [nanometres(x, y) for x, y in ring]
    text = "".join(f"<point><x>{x}</x><y>{y}</y></point>" for x, y in places)
    return f"<measuretype>0</measuretype><closed>{closed}</closed><pointlist>{text}</pointlist>"


def ndpa(path: Path, *annotations: str) -> Path:
    head = '<?xml version="1.0" encoding="utf-8" standalone="yes"?>'
    path.write_text(f"{head}<annotations>{''.join(annotations)}</annotations>")
    return path


def slit(area: Polygon) -> list[tuple[float, ...]]:
    """One line round an area and its holes, through slits, for formats without holes."""
    area = orient(area)  # a pen that does not cross its line goes round a hole the other way
    shell = list(area.exterior.coords)
    for hole in area.interiors:
        shell += [*hole.coords, shell[0]]
    return shell


def write_halo(path: Path) -> Path:
    layers = []
    for name, area in stairs().items():
        regions = halo_region(area.exterior.coords)
        regions += "".join(halo_region(hole.coords, negative="1") for hole in area.interiors)
        layers.append((WORDS[name], regions))
    return halo(path.with_suffix(".annotations"), *layers)


def write_ndpa(path: Path) -> Path:
    titled = [
        ndpa_annotation(WORDS[name], ndpa_points(slit(area))) for name, area in stairs().items()
    ]
    return ndpa(path.with_suffix(".ndpa"), *titled)


def write_csv(path: Path) -> Path:
    """Rectangles of 16 pixels, for rows of the grid."""
    lines = ["x,y,w,h,class"]
    coarse = picture(16)
    for value, word in ((1, "Tumor"), (2, "Normal")):
        lines += [f"{c * 16},{r * 16},16,16,{word}" for r, c in np.argwhere(coarse == value)]
    path.with_suffix(".csv").write_text("\n".join(lines))
    return path.with_suffix(".csv")


def write_png(scale: int, mode: str) -> Callable[[Path], Path]:
    def write(path: Path) -> Path:
        values = picture(scale)
        image = Image.fromarray(values)
        if mode == "P":
            image.putpalette([5, 5, 5, 250, 0, 0, 0, 250, 0])
        elif mode == "RGB":
            image = Image.fromarray(colours(values))
        elif mode == "RGBA":  # not drawn on is transparent, whatever its colour
            opaque = (values[..., None] > 0) * np.uint8(255)
            image = Image.fromarray(
                np.concatenate([colours(values) | (255 - opaque), opaque], axis=2)
            )
        elif mode == "grey":  # three equal channels
            image = Image.fromarray(np.stack([values] * 3, axis=2))
        elif mode == "I;16":
            image = Image.fromarray(values.astype(np.uint16))
        image.save(path.with_suffix(".png"))
        return path.with_suffix(".png")

    return write


def write_bmp(path: Path) -> Path:
    Image.fromarray(picture(4)).save(path.with_suffix(".bmp"))
    return path.with_suffix(".bmp")


def write_tiff(*scales: int, subifds: bool = False, **options: Any) -> Callable[[Path], Path]:
    """Several scales make a pyramid."""

    def write(path: Path) -> Path:
        path = path.with_suffix(".tif")
        with tifffile.TiffWriter(path) as file:
            for n, scale in enumerate(scales):
                values = picture(scale)
                if options.get("photometric") == "rgb":
                    values = colours(values)
                linked = {"subifds": len(scales) - 1} if subifds and n == 0 else {}
                file.write(values, metadata=None, **linked, **options)
        return path

    return write


def write_palette_tiff(path: Path) -> Path:
    image = Image.fromarray(picture())
    image.putpalette([5, 5, 5, 250, 0, 0, 0, 250, 0])
    image.save(path.with_suffix(".tif"))
    return path.with_suffix(".tif")


TILED = {"tile": (256, 256)}


WRITERS = {
    "geojson": write_geojson,
    "asap": write_asap,
    "imagescope": write_imagescope,
    "halo": write_halo,
    "ndpa": write_ndpa,
    "csv": write_csv,
    "png": write_png(1, "L"),
    "png/4": write_png(4, "L"),
    "png/16": write_png(16, "L"),
    "palette": write_png(4, "P"),
    "rgb": write_png(4, "RGB"),
    "rgba": write_png(4, "RGBA"),
    "equal channels": write_png(4, "grey"),
    "16 bit": write_png(4, "I;16"),
    "bmp": write_bmp,
    "striped": write_tiff(1, rowsperstrip=7, compression="zlib"),
    "one strip": write_tiff(1, rowsperstrip=1024),
    "tiled": write_tiff(1, **TILED),
    "deflate": write_tiff(1, **TILED, compression="zlib"),
    "lzw": write_tiff(1, **TILED, compression="lzw", predictor=True),
    "tiled/16": write_tiff(16, **TILED, compression="lzw"),
    "pyramid": write_tiff(1, 4, 16, **TILED, compression="zlib"),
    "hung pyramid": write_tiff(1, 4, 16, subifds=True, **TILED),
    "tiff rgb": write_tiff(4, **TILED, photometric="rgb"),
    "tiff palette": write_palette_tiff,
}


SEEN = {**CLASSES, "tumour": ["Tumor", "1", "#FF0000"], "norm": ["Normal", "2", "#0080ff"]}


def shares_of(found: Outlines) -> dict[str, float]:
    """The area of each class in pixels of level 0, rounded."""
    x, y = grid(64)
    return {name: round(a.coverage(x, y, 64).sum() * 64**2, 3) for name, a in found.regions.items()}


def png(path: Path, values: np.ndarray) -> Path:
    Image.fromarray(values).save(path)
    return path
