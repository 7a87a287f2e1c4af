"""Which way round a film is stored, and how it is turned upright.

A frontal film is upright if the patient's left is on the right and the feet are below. What
decides, in this order (PS3.3):

- Patient Orientation (0020,0020), C.7.6.1.1.1: where the rows and the columns of the stored pixels
  run to, such as L\\F. Of a direction between two axes (LA) the first letter counts. Films from the
  side (A\\F, P\\F) are turned upright and never mirrored: either side is right for them. In animals
  the letters mean other things, so that it says nothing there.
- Image Rotation (0070,0042), clockwise, and then Image Horizontal Flip (0070,0041), C.10.6: how the
  stored pixels must be shown.

Field of View Horizontal Flip (0018,7034), C.8.11.4, says how the stored pixels were flipped from
what the detector saw. That is not which way round the patient is: such films are taken as they are
stored, and counted.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pydicom

from pgdose.errors import Rejected

MIRRORED, TURNED = "mirrored", "turned"  # stored so
UNCLEAR, DETECTOR_FLIP = "unclear", "detector_flip"  # stored nobody knows how
REASONS = {
    MIRRORED: "it is stored mirrored",
    TURNED: "it is stored on its side or upside down",
    UNCLEAR: "its PatientOrientation contradicts itself, or is not understood",
    DETECTOR_FLIP: "FieldOfViewHorizontalFlip is YES, and there is no PatientOrientation",
}
NOTES = {
    MIRRORED: "{n} films are stored mirrored",
    TURNED: "{n} films are stored on their side or upside down",
    UNCLEAR: "{n} films have a PatientOrientation that contradicts itself or is not understood; "
    "taken as stored",
    DETECTOR_FLIP: "{n} films say FieldOfViewHorizontalFlip and no PatientOrientation; taken as "
    "stored",
}
AXES = {"L": "x", "R": "x", "A": "y", "P": "y", "H": "z", "F": "z"}


class Turn(NamedTuple):
    """What turns a stored film upright."""

    quarters: int = 0  # quarter turns clockwise
    mirrored: bool = False  # then left and right change places

    def apply(self, pixels: np.ndarray) -> np.ndarray:
        if self == Turn():
            return pixels
        turned = np.rot90(pixels, -self.quarters)
        return np.ascontiguousarray(turned[:, ::-1] if self.mirrored else turned)

    @property
    def stored(self) -> str | None:
        """MIRRORED, TURNED, or None for an upright film."""
        return MIRRORED if self.mirrored else TURNED if self.quarters else None


# Where rows and columns run to; from the side A stands for L, and P for R.
TURNS = {
    "LF": Turn(0, False),
    "RF": Turn(0, True),
    "RH": Turn(2, False),
    "LH": Turn(2, True),
    "FR": Turn(1, False),
    "FL": Turn(1, True),
    "HL": Turn(3, False),
    "HR": Turn(3, True),
}


class Stored(NamedTuple):
    """How a film is stored: MIRRORED, TURNED, UNCLEAR, DETECTOR_FLIP or None, and its turn."""

    how: str | None
    turn: Turn


def read_orientation(ds: pydicom.Dataset) -> Stored:
    """How a film is stored, by its header."""
    directions = _directions(ds)
    if directions:
        if turn := _turn_of(directions):
            return Stored(turn.stored, turn)
        if _in_one_plane(directions):
            return Stored(None, Turn())
    turn = _display_turn(ds)
    if turn != Turn():
        return Stored(turn.stored, turn)
    if directions:
        return Stored(UNCLEAR, turn)
    flipped = _text(ds, "FieldOfViewHorizontalFlip") in ("YES", "Y")
    return Stored(DETECTOR_FLIP if flipped else None, turn)


def check_orientation(ds: pydicom.Dataset, orientation: str) -> Stored:
    """How a film is stored; `orientation` is the study's key.

    Raises Rejected (not_upright) for a film that is not, or might not be, if it is `reject`.
    """
    stored = read_orientation(ds)
    if orientation == "reject" and stored.how:
        raise Rejected("not_upright", REASONS[stored.how])
    return stored


def turn_of(ds: pydicom.Dataset, orientation: str) -> Turn:
    """What turns the pixels of a film as the study wants them."""
    return Turn() if orientation == "as_stored" else read_orientation(ds).turn


def orientation_notes(counts: Mapping[str, int], orientation: str) -> list[str]:
    """The notes of a source, by how many of its films are stored how."""
    done = "; taken as stored, as the study says" if orientation == "as_stored" else "; turned"
    return [
        text.format(n=counts[how]) + (done if how in (MIRRORED, TURNED) else "")
        for how, text in NOTES.items()
        if counts.get(how)
    ]


def _directions(ds: pydicom.Dataset) -> list[str]:
    """The first letters of Patient Orientation; empty if there is none, or it is an animal's."""
    if _text(ds, "AnatomicalOrientationType") == "QUADRUPED":
        return []
    values = ds.get("PatientOrientation") or []
    texts = [values] if isinstance(values, str) else [str(value) for value in values]
    letters = [text.strip().upper()[:1] for text in texts]
    return letters if any(letters) else []


def _turn_of(directions: list[str]) -> Turn | None:
    """The turn of a film from the front or from the side; None of any other."""
    from_side = "A" in directions or "P" in directions
    turn = TURNS.get("".join(directions).replace("A", "L").replace("P", "R"))
    return turn._replace(mirrored=False) if turn and from_side else turn


def _in_one_plane(directions: list[str]) -> bool:
    """Whether two directions lie in a plane, of which nothing says which way is up."""
    axes = {AXES.get(direction) for direction in directions}
    return len(directions) == 2 and axes == {"x", "y"}


def _display_turn(ds: pydicom.Dataset) -> Turn:
    """The turn of Image Rotation and Image Horizontal Flip."""
    angle = _text(ds, "ImageRotation")
    quarters = int(angle) // 90 if angle in ("90", "180", "270") else 0
    return Turn(quarters, _text(ds, "ImageHorizontalFlip") in ("Y", "YES"))


def _text(ds: pydicom.Dataset, keyword: str) -> str:
    value = ds.get(keyword)
    return "" if value is None else str(value).strip().upper()
