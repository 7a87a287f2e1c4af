"""What a release promised of study keys and columns holds until the next format version."""

import copy
import json

from helpers.released import lost, promises
from helpers.workflow import PROJECT

RELEASED = json.loads((PROJECT / "tests/data/released.json").read_text())


def test_no_study_key_has_left() -> None:
    now = promises()
    if now["study_format"] == RELEASED["study_format"]:
        assert lost(RELEASED, now, "keys") == [], "see docs/reference/deprecation.md"


def test_no_column_has_left() -> None:
    now = promises()
    if now["table_format"] == RELEASED["table_format"]:
        assert lost(RELEASED, now, "columns") == [], "see docs/reference/deprecation.md"


def test_what_has_left_is_found() -> None:
    now = copy.deepcopy(RELEASED)
    now["columns"]["asr"].remove("attack")
    del now["keys"]["Limit"]
    assert lost(RELEASED, now, "columns") == ["asr.attack"]
    assert {name.split(".")[0] for name in lost(RELEASED, now, "keys")} == {"Limit"}
