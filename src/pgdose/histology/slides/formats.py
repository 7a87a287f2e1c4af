"""What a file is that OpenSlide does not read, and how to convert it."""

from pathlib import Path
from typing import Any, NamedTuple

import tifffile
from openslide import OpenSlide

from pgdose.errors import Rejected
from pgdose.histology.slides.companions import missing_companion
from pgdose.images.tiff_pages import first_pages

LARGEST_TILE = 2**13  # pixels; the side of a tile of the file: OpenSlide takes 4 bytes for each
VIPS = "vips tiffsave IN OUT.tif --tile --pyramid --compression jpeg"
BY_VIPS = f"convert it with `{VIPS}`"
BY_BIOFORMATS = f"convert it with bfconvert (Bio-Formats) to a TIFF, and that with `{VIPS}`"
BY_SCANNER = "export it from the scanner's own program as SVS or a pyramidal TIFF"
UNPACK = "unpack it, and name the slide itself"
DICOM_MARK = (128, b"DICM")


class Format(NamedTuple):
    """A kind of file, known by its first bytes, or by its ending where no bytes tell it."""

    name: str
    advice: str
    start: bytes = b""
    offset: int = 0
    suffixes: tuple[str, ...] = ()


FORMATS = (
    # An Olympus .vsi is a TIFF of the label and a small picture; the slide lies in .ets files.
    Format("an Olympus VSI slide", BY_BIOFORMATS, suffixes=(".vsi", ".ets")),
    Format(
        "a list of NDPI files, one for each channel", "name an .ndpi file", suffixes=(".ndpis",)
    ),
    Format("a Zeiss CZI file", BY_BIOFORMATS, b"ZISRAWFILE"),
    Format("a Leica LIF file", BY_BIOFORMATS, b"\x70\x00\x00\x00", suffixes=(".lif",)),
    Format("a Nikon ND2 file", BY_BIOFORMATS, b"\xda\xce\xbe\x0a"),
    Format("a Philips iSyntax file", BY_SCANNER, suffixes=(".isyntax", ".i2syntax")),
    Format("a KFB slide", BY_SCANNER, suffixes=(".kfb", ".kfbf")),
    Format("a TMAP slide", BY_SCANNER, suffixes=(".tmap", ".tron")),
    Format("an SDPC slide", BY_SCANNER, suffixes=(".sdpc", ".dyqx", ".mdsx")),
    Format("an OLE file, such as of Motic's scanners", BY_SCANNER, b"\xd0\xcf\x11\xe0"),
    Format("an HDF5 file", BY_BIOFORMATS, b"\x89HDF\r\n"),
    Format("a zipped file", UNPACK, b"PK\x03\x04"),
    Format("a gzipped file", UNPACK, b"\x1f\x8b"),
    Format("an archive of 7-Zip", UNPACK, b"7z\xbc\xaf\x27\x1c"),
    Format("an archive of RAR", UNPACK, b"Rar!"),
    Format("a file packed with bzip2", UNPACK, b"BZh"),
    Format("a file packed with xz", UNPACK, b"\xfd7zXZ"),
    Format("a file packed with Zstandard", UNPACK, b"\x28\xb5\x2f\xfd"),
    Format("a tar archive", UNPACK, b"ustar", 257),
    Format("a JPEG XR picture", BY_SCANNER, b"II\xbc"),
    Format("a JPEG XL picture", BY_VIPS, b"\xff\x0a"),
    Format("a JPEG XL picture", BY_VIPS, b"JXL ", 4),
    Format("a JPEG 2000 picture", BY_VIPS, b"jP  ", 4),
    Format("a JPEG 2000 picture", BY_VIPS, b"\xff\x4f\xff\x51"),
    Format("a JPEG picture", BY_VIPS, b"\xff\xd8\xff"),
    Format("a PNG picture", BY_VIPS, b"\x89PNG"),
    Format("a BMP picture", BY_VIPS, b"BM"),
    Format("an AVIF or HEIC picture", BY_VIPS, b"ftyp", 4),
    Format("a WebP picture", BY_VIPS, b"WEBP", 8),
    Format(
        "a DICOM file, but not of a whole-slide image",
        "name a file of the slide's series",
        DICOM_MARK[1],
        DICOM_MARK[0],
    ),
)
LONGEST_START = max(entry.offset + len(entry.start) for entry in FORMATS)
TIFF_COMPRESSIONS = {1, 5, 7, 8, 32773, 32946, 33003, 33005, 50000}  # that OpenSlide reads


def check_format(path: Path) -> None:
    """Reject a TIFF that OpenSlide would misread, or that would end the process.

    unreadable_slide: its parts are larger than the file, so that OpenSlide would run out of memory.
    unsupported_slide: its pixels are no RGB of 8 bits, of which OpenSlide takes the upper bits or
    the first channel alone; or the file holds a small picture of the slide, not the slide.
    """
    for entry in FORMATS:
        if not entry.start and path.suffix.lower() in entry.suffixes:
            raise _unsupported(entry.name, entry.advice)
    try:
        with tifffile.TiffFile(path) as file:
            pages = first_pages(file.pages)
            longest = max((n for page in pages for n in page.databytecounts), default=0)
            keyframes = [page.keyframe for page in pages if page.keyframe is not None]
            sides = [s for page in keyframes for s in (page.tilewidth, page.tilelength)]
            fault = _pixel_fault(keyframes)
    except Rejected:
        raise
    except Exception:
        return  # no TIFF, or one that OpenSlide may understand
    if longest > path.stat().st_size or max(sides, default=0) > LARGEST_TILE:
        raise Rejected("unreadable_slide", "it is cut off: a part is larger than the file")
    if fault:
        raise _unsupported(*fault)


def refusal(path: Path, error: Exception) -> Rejected:
    """Why OpenSlide cannot open a file, by what the file is, and how to convert it.

    unsupported_slide: a format that is known here; unreadable_slide: damaged, or unknown.
    """
    if missing := missing_companion(path):
        return Rejected("unreadable_slide", missing)
    try:
        with path.open("rb") as file:
            start = file.read(LONGEST_START)
    except OSError:
        return Rejected("unreadable_slide", "the file cannot be read; make it readable")
    if OpenSlide.detect_format(path) == "dicom":
        return Rejected(
            "unreadable_slide",
            "OpenSlide cannot read this DICOM series: a file of it is damaged or missing, or its "
            "pixels are compressed otherwise than as JPEG or JPEG 2000; copy all its files again",
        )
    if fault := _tiff_fault(path):
        return _unsupported(*fault)
    for entry in FORMATS:
        begins = start[entry.offset :].startswith(entry.start)
        if begins and (not entry.suffixes or path.suffix.lower() in entry.suffixes):
            return _unsupported(entry.name, entry.advice)
    return Rejected(
        "unreadable_slide",
        "OpenSlide cannot open it: it is damaged, cut off, or no slide "
        f"({type(error).__name__}); copy it again, or name the slide's own file",
    )


def _unsupported(name: str, advice: str) -> Rejected:
    return Rejected("unsupported_slide", f"it is {name}; {advice}")


def _tiff_fault(path: Path) -> tuple[str, str] | None:
    """What OpenSlide does not read of a TIFF, and what to do."""
    try:
        with tifffile.TiffFile(path) as file:
            pages = [page.keyframe for page in first_pages(file.pages)]
            if not pages[0].is_tiled:
                return "a TIFF without tiles", BY_VIPS
            odd = [page for page in pages if page.compression not in TIFF_COMPRESSIONS]
            if odd:
                name = getattr(odd[0].compression, "name", str(odd[0].compression))
                advice = BY_SCANNER if name == "JPEGXR" else BY_VIPS
                return f"a TIFF with the compression {name}, which OpenSlide does not read", advice
    except Exception:
        pass  # no TIFF, or a damaged one
    return None


def _pixel_fault(pages: list[Any]) -> tuple[str, str] | None:
    """What OpenSlide would misread of a tiled TIFF's pixels, and what to do."""
    if not pages or not pages[0].is_tiled:
        return None
    first = pages[0]
    bits = first.bitspersample if isinstance(first.bitspersample, int) else max(first.bitspersample)
    if bits != 8:
        return f"a TIFF of {bits} bits a channel", "export it as RGB with 8 bits a channel"
    channels = [
        p for p in pages if p.shape == first.shape and p.samplesperpixel == 1 and p.is_tiled
    ]
    if first.samplesperpixel == 1 and len(channels) > 1:
        name = "a TIFF with a page for each channel, as of fluorescence"
        return name, "export it as RGB with 8 bits a channel"
    return None
