"""Every test that the threat model names is there."""

import re
from pathlib import Path

PROJECT = Path(__file__).parents[3]


def test_the_tests_that_it_names_exist() -> None:
    text = (PROJECT / "docs/explanation/threat-model.md").read_text()
    folder, found = Path(), []
    for name in re.findall(r"`([\w/]*(?:test_\w+\.py|unit/\w+/))`", text):
        if "/" in name:
            folder = Path(name).parent
        path = PROJECT / "tests" / (name if "/" in name else folder / name)
        assert path.exists(), name
        found.append(path)
    assert len(found) >= 25
