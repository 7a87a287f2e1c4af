"""Every code with which outlines are rejected stands in the registry and in the docs."""

from helpers.rejections import raised_codes
from helpers.workflow import PROJECT

from pgdose.histology.outlines.reasons import OUTLINE_REASONS

FOLDER = PROJECT / "src/pgdose/histology"
MODULES = [*(FOLDER / "outlines").glob("*.py"), FOLDER / "slides/geometry.py", FOLDER / "fields.py"]
OF_FIELDS = {"not_in_layout", "incomplete_row", "too_small", "other_size"}


def test_every_code_is_registered_and_documented() -> None:
    found = raised_codes(MODULES) - OF_FIELDS
    assert {"undrawn_class", "not_in_pixels", "unmapped_class"} <= found <= set(OUTLINE_REASONS)
    text = (PROJECT / "docs/explanation/histology.md").read_text()
    assert [code for code in OUTLINE_REASONS if f"`{code}`" not in text] == []
