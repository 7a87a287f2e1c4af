"""Chest films for the tests, written in every transfer syntax that can be encoded here."""

import base64
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gdcm  # type: ignore[import-untyped]
import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom import uid
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate

from pgdose.errors import Rejected
from pgdose.xray import headers
from pgdose.xray.reject_reasons import REASONS

NATIVE = (
    uid.ImplicitVRLittleEndian,
    uid.ExplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
    uid.DeflatedExplicitVRLittleEndian,
)
BY_PYDICOM = (uid.RLELossless, uid.JPEGLSLossless, uid.JPEG2000Lossless)
BY_PYDICOM_LOSSY: dict[str, dict[str, Any]] = {
    uid.JPEGLSNearLossless: {"jls_error": 2},
    uid.JPEG2000: {"j2k_cr": [4]},
}
BY_GDCM = {
    uid.JPEGLossless: gdcm.TransferSyntax.JPEGLosslessProcess14,
    uid.JPEGLosslessSV1: gdcm.TransferSyntax.JPEGLosslessProcess14_1,
}
HTJ2K = (uid.HTJ2KLossless, uid.HTJ2KLosslessRPCL, uid.HTJ2K)
LOSSY = (uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit, *BY_PYDICOM_LOSSY)
SYNTAXES = (
    *NATIVE,
    *BY_PYDICOM,
    *BY_PYDICOM_LOSSY,
    *BY_GDCM,
    uid.JPEGBaseline8Bit,
    uid.JPEGExtended12Bit,
    *HTJ2K,
)


def ramp(bits: int = 12, rows: int = 80, columns: int = 100) -> np.ndarray:
    """rows x columns values that fill the range of `bits`, dark on the left."""
    line = np.linspace(0, 2**bits - 1, columns).astype(np.uint8 if bits <= 8 else np.uint16)
    return np.tile(line, (rows, 1))


def film(stored: np.ndarray | None = None, bits: int = 12, **attributes: Any) -> pydicom.Dataset:
    """A chest film; `attributes` are DICOM keywords, None leaves one out."""
    stored = ramp(bits) if stored is None else stored
    ds = pydicom.Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    ds.SOPClassUID = uid.ComputedRadiographyImageStorage
    ds.SOPInstanceUID = uid.generate_uid()
    ds.PatientID = "ID-4711"
    ds.PatientName = "IVANOV^IVAN"
    ds.PatientAge = "045Y"
    ds.PatientSex = "F"
    ds.AccessionNumber = "A-99"
    ds.Rows, ds.Columns = stored.shape[:2]
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.BitsAllocated = stored.dtype.itemsize * 8
    ds.BitsStored = bits
    ds.HighBit = bits - 1
    ds.PixelRepresentation = int(stored.dtype.kind == "i")
    ds.PixelData = stored.tobytes()
    ds["PixelData"].VR = "OW"
    for keyword, value in attributes.items():
        if value is not None:
            setattr(ds, keyword, value)
        elif keyword in ds:
            delattr(ds, keyword)
    return ds


def save(ds: pydicom.Dataset, path: Path, syntax: str = uid.ExplicitVRLittleEndian) -> Path:
    """Write an uncompressed film in the transfer syntax `syntax`.

    JPEG of 12 bits and HTJ2K, which nothing here encodes, are one fixed film, ramp().
    """
    syntax = uid.UID(syntax)
    path.parent.mkdir(parents=True, exist_ok=True)
    if syntax in BY_PYDICOM:
        ds.compress(syntax, generate_instance_uid=False)
    elif syntax in BY_PYDICOM_LOSSY:
        ds.compress(syntax, generate_instance_uid=False, **BY_PYDICOM_LOSSY[syntax])
    elif syntax == uid.JPEGBaseline8Bit:
        stream = io.BytesIO()
        Image.fromarray(ds.pixel_array).save(stream, "JPEG", quality=95)
        enclose(ds, stream.getvalue(), syntax)
    elif syntax == uid.JPEGExtended12Bit:
        enclose(ds, base64.b64decode(JPEG12_STREAM), syntax)
    elif syntax in HTJ2K:
        enclose(ds, base64.b64decode(HTJ2K_STREAM), syntax)
    elif syntax == uid.ExplicitVRBigEndian:  # words (OW), of 8 bits too
        ds.PixelData = np.frombuffer(ds.PixelData, "<u2").astype(">u2").tobytes()
    ds.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian if syntax in BY_GDCM else syntax
    ds.save_as(path, enforce_file_format=True)
    if syntax in BY_GDCM:
        _transcode(path, BY_GDCM[syntax])
    return path


def data_set_of(path: Path) -> bytes:
    """What stands behind the preamble and the meta information of a file."""
    content = path.read_bytes()
    return content[144 + int.from_bytes(content[140:144], "little") :]


def without_syntax(path: Path) -> Path:
    """A file whose meta information lacks the transfer syntax."""
    meta = pydicom.filereader.read_file_meta_info(path)
    uid_bytes = meta.TransferSyntaxUID.encode()
    uid_bytes += b"\0" * (len(uid_bytes) % 2)
    element = b"\x02\x00\x10\x00UI" + len(uid_bytes).to_bytes(2, "little") + uid_bytes
    content = path.read_bytes()
    assert content.count(element) == 1
    length = int.from_bytes(content[140:144], "little") - len(element)
    content = content[:140] + length.to_bytes(4, "little") + content[144:]
    path.write_bytes(content.replace(element, b""))
    return path


def enclose(ds: pydicom.Dataset, stream: bytes, syntax: str) -> None:
    """Put a codestream of one frame into a film."""
    ds.PixelData = encapsulate([stream])
    ds["PixelData"].is_undefined_length = True
    ds["PixelData"].VR = "OB"
    ds.file_meta.TransferSyntaxUID = uid.UID(syntax)


def reason(act: Callable[..., Any], *arguments: Any, **named: Any) -> str:
    """The reason code with which the input is rejected; each is documented."""
    with pytest.raises(Rejected) as caught:
        act(*arguments, **named)
    assert caught.value.reason in REASONS
    return caught.value.reason


def header_settings(**changes: Any) -> headers.HeaderSettings:
    """Those of a study that links films by AccessionNumber and uses chests alone."""
    settings = {"tag": "AccessionNumber", "encoding": None, "views": (), "parts": ("CHEST",)}
    return headers.HeaderSettings(**{**settings, **changes})


def read_header(path: Path, **changes: Any) -> dict:
    return headers.read_header(path, header_settings(**changes))


def _transcode(path: Path, syntax: int) -> None:
    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(syntax))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(path))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()


# ramp() in HTJ2K, lossless, made with OpenJPH by way of imagecodecs.
HTJ2K_STREAM = (
    "/0//UQApQAAAAABkAAAAUAAAAAAAAAAAAAAAZAAAAFAAAAAAAAAAAAABDwEB/1AACAACAAAACv9SAAwAAgABAAUEBEAB"
    "/1wAEyCIkJCQkJCQkJCQkJCQiIiI/2QAFwABT3BlbkpQSCBWZXIgMC4yNi4zLv+QAAoAAAAAAq4AAf+TwAAt4P9//39P"
    "60/rVeuqdTo4Hfz/f7RetU4HP3NCADG3AMAAE4Ax4oz+y3UAwAAVwFM1tVYBl+2bPJcDo+oAwAAXSgDA3AFzLzD3AnMv"
    "MPf+As88lcWzzyVxbPPJXFs88lcXA6KIdegBwAAX0SAAA4xOBzDAAIBOBzDAAIBOBzDAAIBOBzDAAIBOBzDAAIBOBzDA"
    "AIBOBzDAAIBOBzDAAIBOBzDAAIBO90/H+XrYehzyC/5eth6HPIJ/y9bD0OeQX/L1sPQ55Bf8vWw9DnkFf5eth6HPIL/l"
    "62Hoc8gv+XrYehzyC/5eth6HPIKIe+G279sI4yfuBMAAL9pAAAAAAACAJAEAAAAAAJIEAAAAAABIEgAAAAAAIEkAAAAA"
    "AIAkAQAAAAAAkgQAAAAAAEgSAAAAAAAgSQAAAAAAgCQBAAAAAACSBAAAAAAASBIAAAAAACBJAAAAAACAJAEAAAAAAJIE"
    "AAAAAABIEgAAAAAAIEkAAAAAAIAkAQAAAAAAkgQAAAAAAEgSAAAAAAAgSQAElChXF66mkKFcXrqaQslChXF66mkKFcXr"
    "qaQslChXF66mkKFcXrqaQslChXF66mkKFcXrqaQslChXF66mkKFcXrqaQslChXF66mkKFcXrqaQslChXF66mkKFcXrqa"
    "QslChXF66mkKFcXrqaQslChXF66mkKFcXrqaQslChXF66mkKFcXrqaQslChXF66mkKFcXrqaQslChXF66mkKFcXrqaQs"
    "lChXF66mkKFcXrqaQslChXF66mkKFcXrqaQslChXF66mkKFcXrqaQslChXF66mkKFcXrqaQslChXF66mkKFcXrqaQslC"
    "hXF66mkKFcXrqaQslChXF66mkKFcXrqaQoQrHgHQYkZWx4B0GJGVseMR/9k="
)

# ramp() in JPEG of 12 bits, quality 98, made with libjpeg-turbo by way of imagecodecs.
JPEG12_STREAM = (
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAEBAQEBAQEBAQEBAQEBAQIBAQEBAQIBAQECAgICAgICAgIDAwQDAwMDAwIC"
    "AwQDAwQEBAQEAgMFBQQEBQQEBAT/wQALDABQAGQBAREA/8QAFgABAQEAAAAAAAAAAAAAAAAADA8O/8QAIxAAAAYCAgEF"
    "AAAAAAAAAAAAAAIHCjGxBHFHhMIJOIKzw//aAAgBAQAAPwDCQTQ6Uw3iUQKV2hkJf06IFK7QyUw1h0QKV2hvGHS8ApYa"
    "G8YdLwCldoZCYbw7IFK7QyUv6dkCldodCYaxLIFLDQ6Ew1iWQKV2hvGXU/MKV2h0phvEogUsNDpTDeJRAi79M/2ip78/"
    "oxhBYRodKYbxKIFK7QyEv6dECldoZKYaw6IFK7Q3jDpeAUsNDeMOl4BSu0MhMN4dkCldoZKX9OyBSu0OhMNYlkClhodC"
    "YaxLIFK7Q3jLqfmFK7Q6Uw3iUQKWGh0phvEogRd+mf7RU9+f0YwgsI0OlMN4lECldoZCX9OiBSu0MlMNYdECldobxh0v"
    "AKWGhvGHS8ApXaGQmG8OyBSu0MlL+nZApXaHQmGsSyBSw0OhMNYlkCldobxl1PzCldodKYbxKIFLDQ6Uw3iUQIu/TP8A"
    "aKnvz+jGEFhGh0phvEogUrtDIS/p0QKV2hkphrDogUrtDeMOl4BSw0N4w6XgFK7QyEw3h2QKV2hkpf07IFK7Q6Ew1iWQ"
    "KWGh0JhrEsgUrtDeMup+YUrtDpTDeJRApYaHSmG8SiBF36Z/tFT35/RjCCwjQ6Uw3iUQKV2hkJf06IFK7QyUw1h0QKV2"
    "hvGHS8ApYaG8YdLwCldoZCYbw7IFK7QyUv6dkCldodCYaxLIFLDQ6Ew1iWQKV2hvGXU/MKV2h0phvEogUsNDpTDeJRAi"
    "79M/2ip78/oxhBYRodKYbxKIFK7QyEv6dECldoZKYaw6IFK7Q3jDpeAUsNDeMOl4BSu0MhMN4dkCldoZKX9OyBSu0OhM"
    "NYlkClhodCYaxLIFK7Q3jLqfmFK7Q6Uw3iUQKWGh0phvEogRd+mf7RU9+f0YwgsI0OlMN4lECldoZCX9OiBSu0MlMNYd"
    "ECldobxh0vAKWGhvGHS8ApXaGQmG8OyBSu0MlL+nZApXaHQmGsSyBSw0OhMNYlkCldobxl1PzCldodKYbxKIFLDQ6Uw3"
    "iUQIu/TP9oqe/P6MYQWEaHSmG8SiBSu0MhL+nRApXaGSmGsOiBSu0N4w6XgFLDQ3jDpeAUrtDITDeHZApXaGSl/TsgUr"
    "tDoTDWJZApYaHQmGsSyBSu0N4y6n5hSu0OlMN4lEClhodKYbxKIEXfpn+0VPfn9GMILCNDpTDeJRApXaGQl/TogUrtDJ"
    "TDWHRApXaG8YdLwClhobxh0vAKV2hkJhvDsgUrtDJS/p2QKV2h0JhrEsgUsNDoTDWJZApXaG8ZdT8wpXaHSmG8SiBSw0"
    "OlMN4lECLv0z/aKnvz+jGEFhGh0phvEogUrtDIS/p0QKV2hkphrDogUrtDeMOl4BSw0N4w6XgFK7QyEw3h2QKV2hkpf0"
    "7IFK7Q6Ew1iWQKWGh0JhrEsgUrtDeMup+YUrtDpTDeJRApYaHSmG8SiBF36Z/tFT35/RjD//2Q=="
)
