"""The one part of an answer of WADO-RS."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdose.errors import Rejected
from pgdose.pacs.multipart import only_part

TYPE = 'multipart/related; type="application/dicom"; boundary="b.0_1"'


def body(content: bytes, boundary: bytes = b"b.0_1") -> bytes:
    head = b"--" + boundary + b"\r\nContent-Type: application/dicom\r\nX: y\r\n\r\n"
    return head + content + b"\r\n--" + boundary + b"--\r\n"


@given(content=st.binary(max_size=300))
def test_the_content_comes_as_it_is(content: bytes) -> None:
    assert only_part(TYPE, body(content)) == content
    assert only_part(TYPE.replace('"b.0_1"', "b.0_1"), b"preamble\r\n" + body(content)) == content


def test_content_may_hold_the_text_of_the_boundary() -> None:
    content = b"abc\r\n--b.0_1\r\nabc\r\n--b.0_1-"
    assert only_part(TYPE, body(content)) == content


@given(content=st.binary(min_size=1, max_size=100), data=st.data())
def test_an_answer_that_breaks_off_is_cut_short(content: bytes, data: st.DataObject) -> None:
    whole = body(content)
    length = data.draw(st.integers(0, len(whole) - 5))
    with pytest.raises(Rejected) as caught:
        only_part(TYPE, whole[:length])
    assert caught.value.reason == "cut_short"


def test_a_bare_instance_is_taken() -> None:
    assert only_part("application/dicom", b"DICM") == b"DICM"


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "", "multipart/related", "x"])
def test_another_answer_is_none(kind: str) -> None:
    with pytest.raises(Rejected) as caught:
        only_part(kind, body(b"abc"))
    assert caught.value.reason == "not_fetched"
