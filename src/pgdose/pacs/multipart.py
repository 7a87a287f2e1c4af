"""The one part of an answer of WADO-RS: `multipart/related` with a DICOM file in it."""

from email.message import Message

from pgdose.errors import Rejected

LONGEST_HEAD = 65_536  # bytes of a part's own headers


def only_part(content_type: str, body: bytes) -> bytes:
    """The content of the first part; the body itself if the server sends it without parts.

    Raises Rejected: cut_short, not_fetched.
    """
    header = Message()
    header["Content-Type"] = content_type
    if header.get_content_type() == "application/dicom":  # against the standard, but it is clear
        return body
    boundary = header.get_param("boundary")
    if header.get_content_maintype() != "multipart" or not isinstance(boundary, str):
        raise Rejected("not_fetched", "the server answers with something else than DICOM")
    delimiter = b"--" + boundary.encode("latin-1", "replace")
    start = body.find(delimiter)
    head_end = body.find(b"\r\n\r\n", start, start + LONGEST_HEAD) if start >= 0 else -1
    if head_end < 0:
        raise Rejected("cut_short", "the answer breaks off before the instance")
    # Pixels may hold the boundary's text: the last one that stands there ends the part, unless the
    # server sends further parts, which nobody asked for.
    end = body.rfind(b"\r\n" + delimiter + b"--")
    if end < head_end:
        raise Rejected("cut_short", "the answer breaks off within the instance")
    return body[head_end + 4 : end]
