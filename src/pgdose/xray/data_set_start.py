"""How a DICOM data set is encoded, by its first elements: for files that do not say it.

Files without a preamble, or without file meta information, hold a bare data set. It must not be
taken for one by chance: its elements have to stand in the standard's dictionary, in rising order,
with the dictionary's VR and with lengths that are possible.
"""

import struct

from pydicom import uid
from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.valuerep import EXPLICIT_VR_LENGTH_32, STANDARD_VR

META_GROUP, FIRST_GROUP = 0x0002, 0x0008  # file meta information; what a data set begins with
ELEMENTS = 4  # that are looked at; two by chance are less likely than one in 10**12 files
UNDEFINED = 0xFFFFFFFF
VRS = {str(vr).encode() for vr in STANDARD_VR}
LENGTH_32 = {str(vr).encode() for vr in EXPLICIT_VR_LENGTH_32}
LONGEST_IMPLICIT = 2**16  # bytes of a value among the first elements


def encoding_of(start: bytes) -> uid.UID | None:
    """The native transfer syntax that the first element of a data set shows; None: none."""
    if len(start) < 8:
        return None
    little = start[0] | start[1] << 8 <= start[1] | start[0] << 8
    if start[4:6] in VRS:
        return uid.ExplicitVRLittleEndian if little else uid.ExplicitVRBigEndian
    return uid.ImplicitVRLittleEndian if little else None


def bare_encoding(start: bytes, size: int) -> uid.UID | None:
    """The encoding of a file that begins with a data set, or its meta information, at once.

    start: the first bytes of the file; size: of the file. None if it begins with anything else.
    """
    encoding = encoding_of(start)
    if encoding is None:
        return None
    at = last = 0
    for number in range(ELEMENTS):
        element = _element(start, at, encoding)
        if element is None:
            return encoding if number else None  # `start`, or the file, ends here
        place, (tag, vr, length, at) = at, element
        if tag >> 16 != META_GROUP == last >> 16:  # the data set may be encoded otherwise
            sure = number > 1 or bare_encoding(start[place:], size - place)
            return encoding if sure else None
        expected = _dictionary_vr(tag)
        if number == 0 and (tag >> 16 not in (META_GROUP, FIRST_GROUP) or expected is None):
            return None
        if tag <= last or not _is_possible(vr, expected, length):
            return None
        if length == UNDEFINED or at + length >= min(len(start), size):
            break
        at, last = at + length, tag
    return encoding


def _element(start: bytes, at: int, encoding: str) -> tuple[int, bytes | None, int, int] | None:
    """(tag, VR, length, where its value begins) of the element at `at`; None beyond the end."""
    order = ">" if encoding == uid.ExplicitVRBigEndian else "<"
    try:
        group, number = struct.unpack_from(f"{order}HH", start, at)
        tag = group << 16 | number
        if encoding == uid.ImplicitVRLittleEndian:
            return tag, None, struct.unpack_from("<I", start, at + 4)[0], at + 8
        vr = start[at + 4 : at + 6]
        if vr in LENGTH_32:
            return tag, vr, struct.unpack_from(f"{order}I", start, at + 8)[0], at + 12
        return tag, vr, struct.unpack_from(f"{order}H", start, at + 6)[0], at + 8
    except struct.error:
        return None


def _dictionary_vr(tag: int) -> str | None:
    """The VR of a tag; "" for a private one, None for one that does not exist."""
    if tag & 0xFFFF == 0:
        return "UL"  # length of a group
    if tag >> 16 & 1:
        return ""
    return dictionary_VR(tag) if dictionary_has_tag(tag) else None


def _is_possible(vr: bytes | None, expected: str | None, length: int) -> bool:
    if expected is None or (length % 2 and length != UNDEFINED):
        return False
    if vr is None:
        return length <= LONGEST_IMPLICIT or (length == UNDEFINED and expected in ("SQ", ""))
    if length == UNDEFINED and vr not in (b"SQ", b"UN"):
        return False
    return vr == b"UN" or (vr in VRS if expected == "" else vr.decode("latin-1") in expected)
