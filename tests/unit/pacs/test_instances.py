"""Whether an instance is whole: one that is cut anywhere is not."""

import io
from functools import lru_cache

import pydicom
import pytest
from helpers.dicom_files import NATIVE, film
from hypothesis import given
from hypothesis import strategies as st
from pydicom import uid
from pydicom.dataset import FileMetaDataset

from pgdose.errors import Rejected
from pgdose.pacs.instances import check_instance

UID = "1.2.3.4"


def content_of(ds: pydicom.Dataset, syntax: str = uid.ExplicitVRLittleEndian) -> bytes:
    file = io.BytesIO()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.save_as(file, enforce_file_format=True)
    return file.getvalue()


@lru_cache
def an_image(syntax: str) -> bytes:
    ds = film(SOPInstanceUID=UID)
    if syntax in NATIVE:
        return content_of(ds, syntax)
    ds.compress(syntax, generate_instance_uid=False)
    return content_of(ds, syntax)


@lru_cache
def a_document() -> bytes:
    ds = pydicom.Dataset()
    ds.file_meta = FileMetaDataset()
    ds.SOPClassUID, ds.SOPInstanceUID = uid.BasicTextSRStorage, UID
    ds.PatientName = "IVANOV^IVAN"
    item = pydicom.Dataset()
    item.ValueType, item.TextValue = "TEXT", "Keine Infiltrate. " * 40
    ds.ContentSequence = [item, item]
    ds["ContentSequence"].is_undefined_length = True
    return content_of(ds)


def reason(content: bytes, asked: str = UID) -> str | None:
    try:
        check_instance(io.BytesIO(content), asked)
    except Rejected as error:
        assert UID not in error.detail and "IVANOV" not in error.detail
        return error.reason
    return None


SYNTAXES = [*NATIVE, uid.RLELossless, uid.JPEG2000Lossless, uid.JPEGLSLossless]


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.name)
def test_a_whole_film_passes(syntax: str) -> None:
    assert reason(an_image(syntax)) is None
    assert reason(an_image(syntax), "1.2.3.5") == "other_instance"


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.name)
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_film_that_is_cut_anywhere_is_found_out(syntax: str, share: float) -> None:
    content = an_image(syntax)
    assert reason(content[: int(share * len(content))]) in ("cut_short", "not_fetched")


@pytest.mark.parametrize("lost", [1, 2, 3, 5, 8, 9, 13, 100])
@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.name)
def test_a_film_without_its_last_bytes_is_cut_short(syntax: str, lost: int) -> None:
    if syntax == uid.DeflatedExplicitVRLittleEndian and lost == 1:
        pytest.skip("the last byte fills the file up to an even length")
    assert reason(an_image(syntax)[:-lost]) == "cut_short"


def test_pixels_that_are_fewer_than_the_header_says_are_cut_short() -> None:
    """As of a server that writes the instance anew: its lengths agree."""
    ds = film(SOPInstanceUID=UID)
    ds.PixelData = ds.PixelData[:-100]
    assert reason(content_of(ds)) == "cut_short"


def test_a_film_without_pixels_is_cut_short_and_a_report_is_not() -> None:
    ds = film(SOPInstanceUID=UID)
    del ds.PixelData
    assert reason(content_of(ds)) == "cut_short"
    assert reason(a_document()) is None


@given(lost=st.integers(1, len(a_document()) - 400))
def test_a_report_that_is_cut_is_found_out(lost: int) -> None:
    assert reason(a_document()[:-lost]) is not None


@pytest.mark.parametrize("content", [b"", b"x", b"<html>login</html>" * 100, bytes(4000)])
def test_what_is_no_dicom_is_rejected(content: bytes) -> None:
    assert reason(content) in ("cut_short", "not_fetched")


@given(content=st.binary(max_size=400))
def test_any_bytes_behind_a_preamble_are_judged(content: bytes) -> None:
    assert reason(bytes(128) + b"DICM" + content) is not None


@given(place=st.integers(132, 800), value=st.integers(0, 255))
def test_a_changed_byte_of_a_header_is_judged(place: int, value: int) -> None:
    content = bytearray(an_image(uid.ExplicitVRLittleEndian))
    content[place] = value
    reason(bytes(content))
