"""DICOM films: headers per second, and pixels against the route that tutorials teach.

    .venv/bin/python benchmarks/xray_pixels.py [--runs 7]

The film is 2531x2800, 12 of 16 bit, with a window. Both routes go from the file to 256x256 uint8 in
one process and take turns, so that what else the machine does hits both; the ratio is that of the
medians. The naive route is dcmread, pixel_array, apply_modality_lut, apply_voi_lut (float64) and
a resize of the float image: Pillow's box, or scikit-image's resize as it comes. Compressed files
are timed by pgdose's route alone.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import pydicom
import skimage.transform
from PIL import Image
from pydicom import uid
from pydicom.pixels import apply_modality_lut, apply_voi_lut

from pgdose.images.rendering import resize
from pgdose.xray.films import read_film
from pgdose.xray.headers import HeaderSettings, read_header

HEADERS = HeaderSettings("AccessionNumber", encoding=None, views=(), parts=("CHEST",))
ROWS, COLUMNS, SIZE = 2800, 2531, 256
SYNTAXES = (
    uid.ExplicitVRLittleEndian,
    uid.DeflatedExplicitVRLittleEndian,
    uid.RLELossless,
    uid.JPEGLSLossless,
    uid.JPEG2000Lossless,
)


def write_film(path: Path, syntax: str = uid.ExplicitVRLittleEndian) -> Path:
    """Waves with noise in 12 of 16 bit, and the attributes that a digital film has.

    The window cuts a part of the darkest and brightest, as those of real films do.
    """
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:ROWS, :COLUMNS]
    waves = 2000 + 1400 * np.sin(y / 180) * np.cos(x / 140) + rng.normal(0, 60, (ROWS, COLUMNS))
    ds = pydicom.Dataset()
    ds.file_meta = pydicom.dataset.FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.ImageType = ["ORIGINAL", "PRIMARY", ""]
    ds.SOPClassUID = uid.DigitalXRayImageStorageForPresentation
    for keyword in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        setattr(ds, keyword, uid.generate_uid(entropy_srcs=[keyword]))
    for keyword in ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate"):
        setattr(ds, keyword, "20100302")
    for keyword in ("StudyTime", "SeriesTime", "AcquisitionTime", "ContentTime"):
        setattr(ds, keyword, "101112")
    texts = (
        *("Manufacturer", "InstitutionName", "StationName", "StudyDescription"),
        *("SeriesDescription", "ProtocolName", "DeviceSerialNumber", "SoftwareVersions"),
        *("AccessionNumber", "StudyID", "PatientName", "PatientID"),
    )
    for keyword in texts:
        setattr(ds, keyword, "TEXT 17")
    ds.Modality, ds.PatientSex, ds.PatientBirthDate, ds.PatientAge = "DX", "F", "19700301", "040Y"
    ds.BodyPartExamined, ds.ViewPosition, ds.KVP, ds.Exposure = "CHEST", "PA", "110", "3"
    ds.SeriesNumber, ds.InstanceNumber, ds.ExposureTime = "1", "1", "9"
    ds.PixelSpacing = ds.ImagerPixelSpacing = [0.143, 0.143]
    ds.Rows, ds.Columns, ds.SamplesPerPixel = ROWS, COLUMNS, 1
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.WindowCenter, ds.WindowWidth = 2000, 2000
    ds.RescaleSlope, ds.RescaleIntercept = 1, 0
    ds.PixelData = waves.clip(0, 4095).astype(np.uint16).tobytes()
    ds["PixelData"].VR = "OW"
    if uid.UID(syntax).is_encapsulated:
        ds.compress(uid.UID(syntax))
    ds.file_meta.TransferSyntaxUID = uid.UID(syntax)
    ds.save_as(path, enforce_file_format=True)
    return path


def pgdose_route(path: Path, window: str) -> np.ndarray:
    return resize(read_film(path, window).pixels, SIZE)


def naive_route(path: Path, shrink: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    ds = pydicom.dcmread(path)
    values = apply_voi_lut(apply_modality_lut(ds.pixel_array, ds), ds)
    return np.rint(shrink(values) * (255 / 4095)).astype(np.uint8)


def by_pillow(values: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(values).resize((SIZE, SIZE), Image.Resampling.BOX))


def by_skimage(values: np.ndarray) -> np.ndarray:
    return skimage.transform.resize(values, (SIZE, SIZE))


def seconds(act: Callable[[], object]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def headers_per_second(path: Path, runs: int = 200) -> float:
    return 1 / median(seconds(lambda: read_header(path, HEADERS)) for _ in range(runs))


def compare_pixels(path: Path, runs: int) -> dict[str, float]:
    """Median seconds of each route, the routes taking turns."""
    routes: dict[str, Callable[[], object]] = {
        "naive, Pillow": lambda: naive_route(path, by_pillow),
        "naive, scikit-image": lambda: naive_route(path, by_skimage),
        "voi": lambda: pgdose_route(path, "voi"),
        "percentile": lambda: pgdose_route(path, "percentile"),
        "full": lambda: pgdose_route(path, "full"),
    }
    taken: dict[str, list[float]] = {name: [] for name in routes}
    for _ in range(runs):
        for name, act in routes.items():
            act()  # not timed: it finds the memory and the caches as the route before left them
            taken[name].append(seconds(act))
    return {name: median(times) for name, times in taken.items()}


def report(runs: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        paths = {syntax: write_film(Path(folder, syntax), syntax) for syntax in SYNTAXES}
        print(f"{'headers':34}{'per second':>12}")
        for syntax, path in paths.items():
            print(f"{uid.UID(syntax).name[:33]:34}{headers_per_second(path):12.0f}")
        times = compare_pixels(paths[uid.ExplicitVRLittleEndian], runs)
        print(f"\n{'file to 256x256':34}{'ms':>12}{'of Pillow':>12}{'of skimage':>12}")
        for name, taken in times.items():
            print(
                f"{name:34}{1e3 * taken:12.1f}{taken / times['naive, Pillow']:12.3f}"
                f"{taken / times['naive, scikit-image']:12.3f}"
            )
        for syntax, path in list(paths.items())[1:]:
            taken = median(seconds(lambda p=path: pgdose_route(p, "voi")) for _ in range(3))  # type: ignore[misc]
            print(f"{'voi, ' + uid.UID(syntax).name[:28]:34}{1e3 * taken:12.1f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=7)
    report(parser.parse_args().runs)
