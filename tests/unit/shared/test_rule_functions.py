"""The functions that rules ask: all rule files share one namespace, so each name may stand once."""

import re
from collections import Counter

from helpers.workflow import PROJECT


def test_no_two_functions_of_the_rules_have_one_name() -> None:
    files = [PROJECT / "Snakefile", *sorted((PROJECT / "workflow" / "rules").rglob("*.smk"))]
    texts = [file.read_text(encoding="utf-8") for file in files]
    names = Counter(name for text in texts for name in re.findall(r"^def (\w+)\(", text, re.M))
    assert len(names) > 50
    assert [name for name, count in names.items() if count > 1] == []
