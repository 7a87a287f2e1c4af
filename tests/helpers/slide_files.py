"""Small whole slides for tests, as scanners write them: pyramids of JPEG tiles, TIFF or DICOM."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import tifffile
from PIL import Image
from pydicom import uid
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate

SCN = "http://www.leica-microsystems.com/scn/2010/10/01"
CLICK = 1000  # nanometres to a micrometre: Leica counts its slides in them


def _levels(picture: np.ndarray, downsamples: tuple[int, ...]) -> list[np.ndarray]:
    return [np.asarray(Image.fromarray(picture).reduce(d)) for d in downsamples]


def _jpeg(tile: int) -> dict[str, Any]:
    return {
        "tile": (tile, tile),
        "compression": "jpeg",
        "compressionargs": {"level": 90},
        "photometric": "rgb",
        "metadata": None,
        "software": False,
    }


def write_slide(
    path: Path,
    picture: np.ndarray,
    downsamples: tuple[int, ...] = (1, 4),
    mpp: float | None = 0.5,
    power: float | None = 20,
    vendor: str = "aperio",
    tile: int = 240,
) -> Path:
    """A slide of RGB, uint8 (rows, columns, 3); `vendor` is `aperio` or `generic-tiff`.

    `mpp` (micrometres to a pixel) and `power` (of the objective) are left out where None; a
    generic TIFF has no place for `power`.
    """
    height, width = picture.shape[:2]
    scale = f"|AppMag = {power}" * (power is not None) + f"|MPP = {mpp}" * (mpp is not None)
    with tifffile.TiffWriter(path) as file:
        for level in _levels(picture, downsamples):
            options = _jpeg(tile)
            if vendor == "aperio":
                size = f"{width}x{height} [0,0 {width}x{height}] ({tile}x{tile})"
                if level.shape != picture.shape:
                    size += f" -> {level.shape[1]}x{level.shape[0]}"
                options["description"] = (
                    f"Aperio Image Library v11.2.1\n{size} JPEG/RGB Q=90" + scale
                )
            elif mpp is not None:
                options |= {"resolution": (1e4 / mpp, 1e4 / mpp), "resolutionunit": "CENTIMETER"}
            if vendor != "aperio" and level.shape != picture.shape:
                options["subfiletype"] = 1
            file.write(level, **options)
    return path


def write_scn(
    path: Path,
    picture: np.ndarray,
    left: int,
    top: int,
    size: tuple[int, int],
    downsamples: tuple[int, ...] = (1, 4),
    mpp: float = 0.5,
    power: int = 20,
) -> Path:
    """A Leica slide of `size` (width, height) of which only `picture` was scanned, at left, top.

    OpenSlide tells where as openslide.bounds-*. The rest is transparent.
    """
    clicks = round(mpp * CLICK)
    height, width = picture.shape[:2]
    levels = _levels(picture, downsamples)
    dimensions = "".join(
        f'<dimension ifd="{n}" r="{n}" sizeX="{level.shape[1]}" sizeY="{level.shape[0]}"/>'
        for n, level in enumerate(levels)
    )
    text = f"""<?xml version="1.0"?><scn xmlns="{SCN}">
<collection sizeX="{size[0] * clicks}" sizeY="{size[1] * clicks}"><image>
<pixels sizeX="{width}" sizeY="{height}">{dimensions}</pixels>
<view sizeX="{width * clicks}" sizeY="{height * clicks}" offsetX="{left * clicks}"
 offsetY="{top * clicks}"/>
<scanSettings><objectiveSettings><objective>{power}</objective></objectiveSettings>
<illuminationSettings><illuminationSource>brightfield</illuminationSource>
</illuminationSettings></scanSettings></image></collection></scn>"""
    resolution = {"resolution": (1e4 / mpp, 1e4 / mpp), "resolutionunit": "CENTIMETER"}
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        for n, level in enumerate(levels):
            file.write(level, description=text if n == 0 else None, **resolution, **_jpeg(256))
    return path


def write_vms(path: Path, image: str = "a.jpg") -> Path:
    """The index file of a Hamamatsu slide, which names its pixels' file."""
    path.write_text(
        "[Virtual Microscope Specimen]\nNoLayers=1\nNoJpegColumns=1\nNoJpegRows=1\n"
        f"ImageFile={image}\nMapFile={image}\n"
    )
    return path


def write_ome(path: Path, picture: np.ndarray, um: float = 0.5, unit: str = "µm") -> Path:
    """An OME-TIFF with one more level, in a SubIFD."""
    sizes = {f"PhysicalSize{axis}": um for axis in "XY"}
    units = {f"PhysicalSize{axis}Unit": unit for axis in "XY"}
    options = {**_jpeg(256), "metadata": {"axes": "YXS", **sizes, **units}}
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        file.write(picture, subifds=1, **options)
        file.write(_levels(picture, (4,))[0], subfiletype=1, **_jpeg(256))
    return path


def write_dicom(
    folder: Path,
    picture: np.ndarray,
    downsamples: tuple[int, ...] = (1, 4),
    mpp: float = 0.5,
    series: str = "1.2.3",
    tile: int = 256,
) -> list[Path]:
    """The instances of a DICOM slide, one a level."""
    levels = _levels(picture, downsamples)
    return [
        _write_instance(folder / f"{series}.{n}.dcm", level, mpp * d, f"{series}.{n}", tile)
        for n, (level, d) in enumerate(zip(levels, downsamples, strict=True))
    ]


def _write_instance(path: Path, level: np.ndarray, mpp: float, instance: str, tile: int) -> Path:
    height, width = level.shape[:2]
    frames = []
    for y in range(0, height, tile):
        for x in range(0, width, tile):
            part = np.full((tile, tile, 3), 255, np.uint8)
            inside = level[y : y + tile, x : x + tile]
            part[: inside.shape[0], : inside.shape[1]] = inside
            file = io.BytesIO()
            Image.fromarray(part).save(file, "jpeg", quality=90)
            frames.append(file.getvalue())
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = uid.JPEGBaseline8Bit
    ds.file_meta.MediaStorageSOPClassUID = uid.VLWholeSlideMicroscopyImageStorage
    ds.file_meta.MediaStorageSOPInstanceUID = instance
    ds.SOPClassUID, ds.SOPInstanceUID = uid.VLWholeSlideMicroscopyImageStorage, instance
    ds.SeriesInstanceUID, ds.StudyInstanceUID = instance.rpartition(".")[0], "1.2"
    ds.Modality = "SM"
    kind = "NONE" if instance.endswith(".0") else "RESAMPLED"
    ds.ImageType = ["DERIVED" if kind == "RESAMPLED" else "ORIGINAL", "PRIMARY", "VOLUME", kind]
    ds.Rows = ds.Columns = tile
    ds.TotalPixelMatrixColumns, ds.TotalPixelMatrixRows = width, height
    ds.NumberOfFrames, ds.SamplesPerPixel, ds.PlanarConfiguration = len(frames), 3, 0
    ds.PhotometricInterpretation = "YBR_FULL_422"
    ds.BitsAllocated = ds.BitsStored = 8
    ds.HighBit, ds.PixelRepresentation = 7, 0
    ds.DimensionOrganizationType = "TILED_FULL"
    ds.TotalPixelMatrixFocalPlanes = ds.NumberOfOpticalPaths = 1
    measures = Dataset()
    measures.PixelSpacing = [mpp / 1000, mpp / 1000]
    shared = Dataset()
    shared.PixelMeasuresSequence = [measures]
    ds.SharedFunctionalGroupsSequence = [shared]
    ds.PixelData = encapsulate(frames)
    ds["PixelData"].VR = "OB"
    pydicom.dcmwrite(path, ds, enforce_file_format=True, little_endian=True, implicit_vr=False)
    return path


def write_mirax(path: Path, picture: np.ndarray, mpp: float = 0.5, tile: int = 256) -> Path:
    """A MIRAX slide of one level, whose sides are whole numbers of tiles."""
    folder = path.with_suffix("")
    folder.mkdir()
    down, across = (side // tile for side in picture.shape[:2])
    data, entries = bytearray(b"01.02SLIDE"), []
    for y in range(down):
        for x in range(across):
            part = picture[y * tile : (y + 1) * tile, x * tile : (x + 1) * tile]
            file = io.BytesIO()
            Image.fromarray(np.ascontiguousarray(part)).save(file, "jpeg", quality=90)
            entries.append((y * across + x, len(data), len(file.getvalue()), 0))
            data += file.getvalue()
    (folder / "Data0000.dat").write_bytes(data)
    start = len(b"01.02SLIDE")
    # Pointers to the levels and to nothing else; to the level; its head; its only page.
    places = [start + 8, 0, start + 12, 0, start + 20, len(entries), 0]
    places += [number for entry in entries for number in entry]
    (folder / "Index.dat").write_bytes(b"01.02SLIDE" + np.array(places, "<i4").tobytes())
    sections: dict[str, dict[str, Any]] = {
        "GENERAL": {
            **{"SLIDE_VERSION": "01.02", "SLIDE_ID": "SLIDE", "OBJECTIVE_MAGNIFICATION": 20},
            **{"IMAGENUMBER_X": across, "IMAGENUMBER_Y": down, "CameraImageDivisionsPerSide": 1},
        },
        "HIERARCHICAL": {
            **{"INDEXFILE": "Index.dat", "HIER_COUNT": 1, "NONHIER_COUNT": 0},
            **{"HIER_0_NAME": "Slide zoom level", "HIER_0_COUNT": 1},
            "HIER_0_VAL_0_SECTION": "LAYER_0_LEVEL_0_SECTION",
        },
        "LAYER_0_LEVEL_0_SECTION": {
            **{"OVERLAP_X": 0, "OVERLAP_Y": 0, "IMAGE_FORMAT": "JPEG", "IMAGE_CONCAT_FACTOR": 0},
            **{"MICROMETER_PER_PIXEL_X": mpp, "MICROMETER_PER_PIXEL_Y": mpp},
            **{"IMAGE_FILL_COLOR_BGR": 2**24 - 1, "DIGITIZER_WIDTH": tile},
            "DIGITIZER_HEIGHT": tile,
        },
        "DATAFILE": {"FILE_COUNT": 1, "FILE_0": "Data0000.dat"},
    }
    text = "".join(
        f"[{name}]\n" + "".join(f"{key}={value}\n" for key, value in entry.items())
        for name, entry in sections.items()
    )
    (folder / "Slidedat.ini").write_text(text)
    path.write_bytes(b"")
    return path
