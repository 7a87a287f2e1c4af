"""Every code with which outlines are rejected stands in the registry."""

from helpers.rejections import raised_codes
from helpers.workflow import PROJECT

from pgdose.histology.field_reasons import FIELD_REASONS
from pgdose.histology.outlines.reasons import OUTLINE_REASONS

FOLDER = PROJECT / "src/pgdose/histology"
MODULES = [*(FOLDER / "outlines").glob("*.py"), FOLDER / "slides/geometry.py", FOLDER / "fields.py"]
OF_FIELDS = {"not_in_layout", "too_small", *FIELD_REASONS}


def test_every_code_is_registered() -> None:
    found = raised_codes(MODULES) - OF_FIELDS
    assert {"undrawn_class", "not_in_pixels", "unmapped_class"} <= found <= set(OUTLINE_REASONS)
