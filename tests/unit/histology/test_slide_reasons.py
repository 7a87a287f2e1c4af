"""Every code with which slides and tiles are rejected stands in the registry and in the docs."""

import ast

from helpers.workflow import PROJECT

from pgdose.histology.slides.reasons import SLIDE_REASONS

FOLDER = PROJECT / "src/pgdose/histology"
MODULES = [
    *((FOLDER / "slides").glob("*.py")),
    *(FOLDER / f"{name}.py" for name in ("focus", "grid", "tiling", "tissue")),
]


def codes() -> set[str]:
    calls = [
        node
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Rejected"
    ]
    return {str(call.args[0].value) for call in calls if isinstance(call.args[0], ast.Constant)}


def test_every_code_is_registered_and_documented() -> None:
    found = codes()
    assert {"unsupported_slide", "several_slides", "out_of_focus"} <= found <= set(SLIDE_REASONS)
    text = (PROJECT / "docs/histology.md").read_text()
    assert [code for code in SLIDE_REASONS if f"`{code}`" not in text] == []
