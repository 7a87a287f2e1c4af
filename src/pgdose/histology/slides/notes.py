"""Notes on the slides of a source: what a person should look at."""

from collections.abc import Iterator

import pandas as pd

MOST_INK = 1 / 3  # of a slide; pen marks of a pathologist cover less
LARGEST_WITHOUT_PYRAMID = 2**27  # pixels of a slide with one level; a larger one takes a minute


def survey_notes(slides: pd.DataFrame, colour: str) -> Iterator[str]:
    """Notes on the slides that were surveyed; `slides`: of SLIDES, `colour`: of the study."""
    used = slides[slides["reason"].isna()]
    if n := int(used["dark"].eq(True).sum()):
        yield (
            f"{n} slides are dark nearly everywhere (dark field, fluorescence?), and tissue is "
            "found by the rules of bright field: look at their thumbnails"
        )
    if n := int((used["ink_share"] > MOST_INK).sum()):
        yield (
            f"{n} slides seem to be covered by ink over more than a third: look at their "
            "thumbnails, and set 'tissue.pen: false' if it is none"
        )
    if n := int((used["unreadable_share"] > 0).sum()):
        yield f"{n} slides cannot be read in places; no tile is taken there"
    large = used["columns"].astype(float) * used["rows"].astype(float) > LARGEST_WITHOUT_PYRAMID
    if n := int((large & used["levels"].eq(1)).sum()):
        yield (
            f"{n} large slides have one level that OpenSlide reads (a pyramid in SubIFDs, as of "
            "OME-TIFF, is not read): their survey takes minutes: docs/reference/histology-files.md"
        )
    if colour == "srgb" and (n := int(used["colour"].eq("as_stored").sum())):
        yield f"{n} slides have no colour profile; their colours are as stored"
