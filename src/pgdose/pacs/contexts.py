"""Which SOP classes and transfer syntaxes an association is for.

A server chooses one of the transfer syntaxes that a context offers, and may choose one that it has
to convert pixels for. So each context offers one: films arrive as they are stored.
"""

from collections.abc import Iterable

from pydicom import uid
from pynetdicom import build_context
from pynetdicom.presentation import PresentationContext

MOST_CONTEXTS = 128  # of an association, by the standard
# The compressed ones first: they are what a film is stored in, if the server offers a choice.
TRANSFER_SYNTAXES = (
    *(uid.JPEGLosslessSV1, uid.JPEGLossless, uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit),
    *(uid.JPEGLSLossless, uid.JPEGLSNearLossless, uid.JPEG2000Lossless, uid.JPEG2000),
    *(uid.HTJ2KLossless, uid.HTJ2KLosslessRPCL, uid.HTJ2K, uid.RLELossless),
    *(uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian, uid.ExplicitVRBigEndian),
    uid.DeflatedExplicitVRLittleEndian,
)
MOST_CLASSES = (MOST_CONTEXTS - 2) // len(TRANSFER_SYNTAXES)  # two are for the requests
# Of films whose SOP class the server did not list.
USUAL_CLASSES = (
    uid.ComputedRadiographyImageStorage,
    uid.DigitalXRayImageStorageForPresentation,
    uid.DigitalXRayImageStorageForProcessing,
    uid.XRayRadiofluoroscopicImageStorage,
    uid.SecondaryCaptureImageStorage,
    uid.BasicTextSRStorage,
    uid.EncapsulatedPDFStorage,
)


def storage_classes(stated: Iterable[str]) -> tuple[str, ...]:
    """The SOP classes of an association for instances of these; the usual ones fill it up."""
    return tuple(map(str, dict.fromkeys([*stated, *USUAL_CLASSES])))[:MOST_CLASSES]


def storage_contexts(classes: Iterable[str]) -> list[PresentationContext]:
    return [build_context(name, syntax) for name in classes for syntax in TRANSFER_SYNTAXES]
