"""The packages that list their modules list all of them."""

import re

import pytest
from helpers.workflow import PROJECT


@pytest.mark.parametrize("package", ["analysis", "plots", "report", "api"])
def test_a_package_lists_its_modules(package: str) -> None:
    folder = PROJECT / "src" / "pgdose" / package
    text = (folder / "__init__.py").read_text(encoding="utf-8")
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    listed = re.findall(r"^    (\w+)  ", text, re.MULTILINE)
    beside = re.findall(r"with `(\w+)`", text)
    assert sorted([*listed, *beside]) == sorted(modules)
