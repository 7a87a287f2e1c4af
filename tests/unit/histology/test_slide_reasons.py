"""Every code with which slides and tiles are rejected stands in the registry."""

from helpers.rejections import raised_codes
from helpers.workflow import PROJECT

from pgdose.histology.slides.reasons import SLIDE_REASONS

FOLDER = PROJECT / "src/pgdose/histology"
MODULES = [
    *((FOLDER / "slides").glob("*.py")),
    *(FOLDER / f"{name}.py" for name in ("focus", "grid", "tiling", "tissue")),
]


def test_every_code_is_registered() -> None:
    found = raised_codes(MODULES)
    assert {"unsupported_slide", "several_slides", "out_of_focus"} <= found <= set(SLIDE_REASONS)
