"""The pixels of a DICOM film: stored words (decoded by `decode`) turned to grey by `grey`."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pydicom
from pydicom.pixels import get_decoder

from pgdose.errors import Rejected, UserError
from pgdose.xray import colour, decode, grey
from pgdose.xray.dicom_file import read_dicom, transfer_syntax
from pgdose.xray.film_checks import check_film, samples_of, word_layout
from pgdose.xray.orientation import turn_of


class Film(NamedTuple):
    """An image in greys (or RGB, if it is no X-ray)."""

    pixels: np.ndarray  # uint8, rows x columns; 0 is dark (air), however it is stored
    applied: str  # percentile, full, or voi and what the file offered; none if it is no X-ray
    offered: str | None  # what voi would use: lut, linear, linear_exact, sigmoid
    says_burned_in: bool | None = None  # BurnedInAnnotation: text in the pixels; None: not said


def read_film(path: Path, window: str = "percentile", orientation: str = "turn") -> Film:
    """The film in the greys of `window`, one of grey.WINDOWS.

    orientation: of the study; the film is turned upright, see `orientation`, unless it is
    `as_stored`.

    Raises Rejected: the codes of `read_dicom`, `check_film`, `decode.decode`, `colour.to_one_plane`
    and `grey.to_grey`; unreadable_pixels.
    """
    ds = read_dicom(path, pixels=True)
    try:
        check_film(ds)
        words, layout = colour.to_one_plane(_words(ds), word_layout(ds), ds)
        film = Film(*grey.to_grey(words, layout, ds, window))
        upright = turn_of(ds, orientation).apply(film.pixels)
        return film._replace(pixels=upright, says_burned_in=_says_burned_in(ds))
    except (Rejected, UserError):
        raise
    except Exception as error:
        detail = f"{transfer_syntax(ds).name}: {type(error).__name__}"
        raise Rejected("unreadable_pixels", detail) from None


def _says_burned_in(ds: pydicom.Dataset) -> bool | None:
    """What BurnedInAnnotation says; None if it is absent, or neither YES nor NO."""
    return {"YES": True, "NO": False}.get(str(ds.get("BurnedInAnnotation")).strip().upper())


def _words(ds: pydicom.Dataset) -> np.ndarray:
    """The pixels as they are stored: uint8 or uint16, rows x columns, or x 3 of colours."""
    syntax, samples = transfer_syntax(ds), samples_of(ds)
    rows, columns = int(ds.Rows), int(ds.Columns)
    shape = (rows, columns) if samples == 1 else (rows, columns, samples)
    stored = ds.get("PixelData")
    if not isinstance(stored, bytes):
        raise Rejected("unreadable_pixels", f"{syntax.name}: no PixelData")
    if not syntax.is_transfer_syntax or syntax.is_encapsulated:
        layout = word_layout(ds)
        header = decode.PixelHeader(
            syntax=syntax,
            rows=rows,
            columns=columns,
            samples=samples,
            bits_allocated=layout.allocated,
            bits_stored=layout.stored,
            high_bit=layout.high,
            signed=layout.signed,
        )
        return decode.decode(stored, header).reshape(shape)
    if ds.get("PhotometricInterpretation") == "YBR_FULL_422":
        needed = rows * columns * 2  # each two pixels share their colours
    else:
        needed = rows * columns * samples
    if len(stored) < needed * ds.BitsAllocated // 8:
        raise Rejected("unreadable_pixels", f"{syntax.name}: fewer pixels than the header says")
    # pydicom does not read on without these; the header was checked with these values.
    ds.SamplesPerPixel, ds.PixelRepresentation = samples, int(word_layout(ds).signed)
    if samples > 1 and "PlanarConfiguration" not in ds:
        ds.PlanarConfiguration = 0
    options: dict[str, Any] = {"view_only": True, "correct_unused_bits": False}
    words, _ = get_decoder(syntax).as_array(ds, index=0, raw=True, **options)
    words = words.astype(words.dtype.newbyteorder("="), copy=False)
    return words.view(f"u{words.itemsize}").reshape(shape)
