"""The decoders of compressed pixels, and which are asked for each transfer syntax.

They run in the process of `decode`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from pydicom import uid
from pydicom.encaps import get_frame
from pydicom.pixels import get_decoder

from pgdose.xray.codestream import codestream_size

# All are requirements of pgdose, and the order is fixed, so that other installed packages change
# no pixel. The best maintained one comes first; the next are asked where it fails. Each refuses a
# codestream that breaks off: one that fills up with grey would make a film of a damaged file.
# Names are those of pydicom's plug-ins, but for `imagecodecs`.
DECODERS: dict[str, tuple[str, ...]] = {
    uid.RLELossless: ("pydicom",),
    uid.JPEGBaseline8Bit: ("pillow", "gdcm"),
    uid.JPEGExtended12Bit: ("pillow", "gdcm"),
    uid.JPEGLossless: ("gdcm", "imagecodecs"),
    uid.JPEGLosslessSV1: ("gdcm", "imagecodecs"),
    uid.JPEGLSLossless: ("pyjpegls", "gdcm"),
    uid.JPEGLSNearLossless: ("pyjpegls", "gdcm"),
    uid.JPEG2000Lossless: ("pylibjpeg", "gdcm", "imagecodecs"),
    uid.JPEG2000: ("pylibjpeg", "gdcm", "imagecodecs"),
    uid.HTJ2KLossless: ("pylibjpeg", "imagecodecs"),
    uid.HTJ2KLosslessRPCL: ("pylibjpeg", "imagecodecs"),
    uid.HTJ2K: ("pylibjpeg", "imagecodecs"),
}


@dataclass(frozen=True)
class PixelHeader:
    """What the header of a film says about its compressed pixels."""

    syntax: str
    rows: int
    columns: int
    samples: int  # 1, or 3 for colours
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool


class ContradictionError(Exception):
    """The codestream states what the header does not; the message quotes neither."""


def decode_words(decoder: str, pixel_data: bytes, header: PixelHeader) -> np.ndarray:
    """The words of the one frame by one decoder: uint8 or uint16, rows x columns x samples.

    Raises ContradictionError, or whatever the decoder raises.
    """
    stream = get_frame(pixel_data, 0, number_of_frames=1)
    depth = _check_size(stream, header)
    if decoder == "imagecodecs":
        words = _by_imagecodecs(stream, header)
    elif decoder == "gdcm" and header.syntax == uid.JPEGExtended12Bit and depth > 8:
        words = _by_gdcm(stream, header)
    else:
        words = _by_pydicom(decoder, pixel_data, header, depth)
    words = words.view(f"u{words.dtype.itemsize}")
    words = words.astype(f"u{header.bits_allocated // 8}", copy=False)
    shape = (header.rows, header.columns, header.samples)
    if words.size != np.prod(shape):
        raise ContradictionError("the number of pixels contradicts the header")
    if 0 < depth <= header.bits_stored:  # it holds the values alone, without bits below them
        words = words << (header.high_bit + 1 - header.bits_stored)
    return np.ascontiguousarray(words.reshape(shape))


def _by_pydicom(decoder: str, pixel_data: bytes, header: PixelHeader, depth: int) -> np.ndarray:
    of_8_bits = depth == 8 and header.syntax in (uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit)
    options: dict[str, Any] = {
        "rows": header.rows,
        "columns": header.columns,
        "number_of_frames": 1,
        "samples_per_pixel": header.samples,
        "photometric_interpretation": "MONOCHROME2" if header.samples == 1 else "RGB",
        "planar_configuration": 0,
        "bits_allocated": 8 if of_8_bits else header.bits_allocated,
        "bits_stored": max(header.bits_stored, depth),  # GDCM clears bits above them
        "pixel_representation": int(header.signed),
        "pixel_keyword": "PixelData",
        "correct_unused_bits": False,  # it clears them, but HighBit may lie in them
    }
    return get_decoder(uid.UID(header.syntax)).as_array(
        pixel_data, index=0, raw=True, decoding_plugin=decoder, **options
    )[0]


def _by_gdcm(stream: bytes, header: PixelHeader) -> np.ndarray:
    """JPEG of more than 8 bits, which pydicom's GDCM plug-in refuses."""
    import gdcm

    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(stream)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((header.columns, header.rows, 1))
    image.SetDataElement(element)
    grey = gdcm.PhotometricInterpretation.MONOCHROME2
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(grey))
    syntax = gdcm.TransferSyntax.GetTSType(header.syntax)
    image.SetTransferSyntax(gdcm.TransferSyntax(syntax))
    bits = header.bits_stored
    image.SetPixelFormat(gdcm.PixelFormat(1, 16, bits, bits - 1, 0))
    # GDCM hands its bytes over as a str.
    return np.frombuffer(image.GetBuffer().encode("utf-8", "surrogateescape"), np.uint16)


def _by_imagecodecs(stream: bytes, header: PixelHeader) -> np.ndarray:
    import imagecodecs

    if "JPEG 2000" in uid.UID(header.syntax).name:
        return imagecodecs.jpeg2k_decode(stream)
    return imagecodecs.jpegsof3_decode(stream)  # its others take a stream that breaks off


def _check_size(stream: bytes, header: PixelHeader) -> int:
    """The bit depth that a codestream states; 0 if it states none.

    Raises ContradictionError for a codestream that is not one image of the header's size. This runs
    before any decoder, since decoders allocate the size that the codestream states.
    """
    try:
        size = codestream_size(stream, header.syntax)
    except ValueError:
        raise ContradictionError("the codestream is not of its transfer syntax") from None
    if size is None:
        return 0
    if (size.rows, size.columns, size.planes) != (header.rows, header.columns, header.samples):
        raise ContradictionError("the codestream's size contradicts the header")
    if size.depth > header.bits_allocated:
        raise ContradictionError("the codestream's depth contradicts the header")
    return size.depth
