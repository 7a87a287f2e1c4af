"""Every reason code that the code can raise has its meaning in one list, and no other is there."""

import ast

from helpers.workflow import PROJECT

from pgdose.xray.reject_reasons import INDEX_REASONS, REASONS, SCREEN_REASONS

SOURCE = PROJECT / "src" / "pgdose"
MODULES = [
    *(SOURCE / "tables").glob("*.py"),
    *(SOURCE / "user_tables").glob("*.py"),
    *(SOURCE / "images").glob("*.py"),
    *(SOURCE / "xray").glob("*.py"),
    *(SOURCE / "imagetable").glob("*.py"),
]


def codes(call: ast.Call) -> set[str]:
    """The reason codes of a call of Rejected or Reject: texts like a name in its arguments."""
    if not isinstance(call.func, ast.Name) or call.func.id not in ("Rejected", "Reject"):
        return set()
    argument = call.args[0 if call.func.id == "Rejected" else 2]
    texts = (node.value for node in ast.walk(argument) if isinstance(node, ast.Constant))
    return {text for text in texts if isinstance(text, str)}


def test_every_reason_that_is_raised_has_its_meaning() -> None:
    raised = {"duplicate_uid", "duplicate_pixels"}  # by a loop over both
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                raised |= codes(node)
    assert raised == set(REASONS)


def test_a_reason_stands_in_one_list() -> None:
    assert not set(INDEX_REASONS) & set(SCREEN_REASONS)
