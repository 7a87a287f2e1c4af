"""Which images of an archive are films: by the attribute Modality, else by the SOP class."""

from collections.abc import Collection

import pydicom
from pydicom import uid

from pgdose.errors import Rejected
from pgdose.study.modality_codes import STANDARD_MODALITIES
from pgdose.xray.character_sets import decode_text

# Words in the names of SOP classes whose images are of one modality. The first that fits counts.
WORDS = {
    "CT Image": "CT",
    "MR Image": "MR",
    "MR Color Image": "MR",
    "MR Spectroscopy": "MR",
    "Positron Emission": "PT",
    "PET Image": "PT",
    "Computed Radiography": "CR",
    "Digital X-Ray": "DX",
    "Digital Mammography": "MG",
    "Breast Tomosynthesis": "MG",
    "Breast Projection": "MG",
    "Digital Intra-Oral": "IO",
    "X-Ray Radiofluoroscopic": "RF",
    "XRF Image": "RF",
    "X-Ray Angiographic": "XA",
    "XA Image": "XA",
    "Ultrasound": "US",
    "Nuclear Medicine": "NM",
    "RT Image": "RTIMAGE",
    "RT Dose": "RTDOSE",
    "Endoscopic": "ES",
    "Slide-Coordinates Microscopic": "SM",
    "Whole Slide Microscopy": "SM",
    "Microscopic": "GM",
    "VL Photographic": "XC",
    "Video Photographic": "XC",
    "Dermoscopic": "XC",
    "Ophthalmic Photography": "OP",
    "Ophthalmic Tomography": "OPT",
    "Intravascular Optical Coherence": "IVOCT",
}


def check_modality(ds: pydicom.Dataset, accepted: Collection[str]) -> bool:
    """Raise Rejected (other_modality) unless an image is of an accepted modality.

    Returns whether it says its modality: False where neither Modality nor the SOP class tells it.
    """
    codes = [code.strip().upper() for code in decode_text(ds, "Modality", None).split("\\")]
    code = next((code for code in codes if code), None) or _of_class(ds)
    if code is None:
        return False
    if code not in accepted:
        shown = code if code in STANDARD_MODALITIES else "a code that is not of the standard"
        raise Rejected("other_modality", f"{shown}; add it to `modalities` if these are films")
    return True


def _of_class(ds: pydicom.Dataset) -> str | None:
    """The modality of the images of a SOP class; None if it is unknown or of several."""
    kind = uid.UID(str(ds.get("SOPClassUID") or ds.file_meta.get("MediaStorageSOPClassUID") or ""))
    if kind not in uid.UID_dictionary:
        return None
    return next((code for words, code in WORDS.items() if words in kind.name), None)
