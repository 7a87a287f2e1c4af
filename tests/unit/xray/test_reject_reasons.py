"""Every reason code that the code can raise has its meaning in one list, and no other is there."""

from helpers.rejections import raised_codes
from helpers.workflow import PROJECT

from pgdose.xray.reject_reasons import INDEX_REASONS, REASONS, SCREEN_REASONS

SOURCE = PROJECT / "src" / "pgdose"
MODULES = [
    *(SOURCE / "tables").glob("*.py"),
    *(SOURCE / "user_tables").glob("*.py"),
    *(SOURCE / "images").glob("*.py"),
    *(SOURCE / "xray").glob("*.py"),
    *(SOURCE / "imagetable").glob("*.py"),
    *(SOURCE / "pacs").glob("*.py"),
]


def test_every_reason_that_is_raised_has_its_meaning() -> None:
    by_a_loop = {"duplicate_uid", "duplicate_pixels", "listed_twice"}
    assert raised_codes(MODULES) | by_a_loop == set(REASONS)


def test_a_reason_stands_in_one_list() -> None:
    assert not set(INDEX_REASONS) & set(SCREEN_REASONS)
