"""The settings of slides that histology spells out agree with the study's section `sources`."""

import pytest

from pgdose.histology.settings import SurveySettings, TissueSettings
from pgdose.histology.tile_selection import SelectionSettings
from pgdose.study.sources import Slides

SLIDES = Slides(root="slides", kind="slides", table="slides.csv", tiles_per_class=5)
# Scripts and rules read these settings, or add them; the survey and the selection do not.
OF_SLIDE_TABLE = {"columns", "separator", "encoding", "patients", "several", "similar_patients"}
IDENTIFIES = {"kind"}  # the source, for the rerun of its jobs
ADDED_BY_RULE = {"tile_classes"}


@pytest.mark.parametrize(
    ("spelled_out", "in_study"),
    [
        (
            SurveySettings.__annotations__.keys() | OF_SLIDE_TABLE | IDENTIFIES,
            SLIDES.settings("candidates"),
        ),
        (TissueSettings.__annotations__, SLIDES.settings("candidates")["tissue"]),
        (
            (SelectionSettings.__annotations__.keys() - ADDED_BY_RULE) | OF_SLIDE_TABLE,
            SLIDES.settings("index_slides"),
        ),
    ],
    ids=["survey", "tissue", "selection"],
)
def test_settings_hold_every_key_of_the_study_and_no_other(
    spelled_out: set[str], in_study: set[str]
) -> None:
    assert set(spelled_out) == set(in_study)
