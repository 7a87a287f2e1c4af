"""The settings that the survey of a slide takes: those of the study's section `sources`, as JSON.

They are spelled out here so that a new key of another kind of source surveys no slide again. The
defaults are in `study.sources`; a test keeps the keys of both equal.
"""

from typing import TypedDict


class TissueSettings(TypedDict):
    """Of a source of slides, `tissue`; areas are in tiles."""

    method: str  # saturation or optical_density
    threshold: float | None  # None: Otsu's, of each slide
    between: tuple[float, float]  # Otsu's threshold is clipped to this range
    smallest_island: float
    smallest_hole: float
    pen: bool  # leave out pen marks
    share: float  # of a tile that must be tissue


class SurveySettings(TypedDict):
    """Of a source of slides; other keys are ignored."""

    classes: dict[str, list[str]]  # the words of each class, in order of precedence
    rest: str  # the class of tissue outside all outlines
    tile: int  # pixels of a side
    level: int | None
    mpp: float | None  # micrometres per pixel of a tile
    overlap: float  # of neighbouring tiles, share of a side
    class_share: float  # of a tile that one class must cover
    tissue: TissueSettings
    colour: str  # as_stored or srgb
