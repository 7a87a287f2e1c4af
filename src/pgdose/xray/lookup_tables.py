"""Lookup tables of DICOM: of modality, window and palette (PS3.3 C.11.1.1, C.7.6.3.1.5)."""

from typing import Any

import numpy as np
from pydicom import Dataset, uid

from pgdose.errors import Rejected


def read_table(
    descriptor: Any, data: Any, signed: bool, ds: Dataset
) -> tuple[np.ndarray, int, int]:
    """(entries, first value mapped, bits of an entry) of a table of the data set `ds`.

    signed: whether the values that it maps are. Raises Rejected (bad_lut).
    """
    length, first, bits = (int(number) & 0xFFFF for number in descriptor)
    length = length or 2**16
    if signed and first >= 2**15:
        first -= 2**16
    if isinstance(data, bytes):
        order = ">" if ds.file_meta.get("TransferSyntaxUID") == uid.ExplicitVRBigEndian else "<"
        packed = np.frombuffer(data[: len(data) // 2 * 2], f"{order}u2")
    else:
        packed = np.asarray(data).reshape(-1).astype(np.uint16)
    if bits <= 8 and len(packed) < length:  # two entries to a word
        packed = packed.astype("<u2").view(np.uint8)
    entries = packed[:length].astype(np.int32)
    if not 1 <= bits <= 16 or len(entries) < length or entries.max() >= 2**bits:
        raise Rejected("bad_lut", "a lookup table contradicts its LUTDescriptor")
    return entries, first, bits
