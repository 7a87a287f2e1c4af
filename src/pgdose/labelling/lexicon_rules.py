"""What stands in a lexicon file at the rule of a mention, for people who tune it."""

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

from pgdose.study.field_lines import value_at
from pgdose.study.yaml_file import read_yaml

_KEYS = re.compile(r"[^.\[\]]+")


class RuleText(NamedTuple):
    """An entry as its author wrote it, and the line of the file on which it stands."""

    text: str
    line: int


class LexiconRules:
    """The entries of a lexicon file by their rule: `findings.pneumonia.patterns[0]`."""

    def __init__(self, path: Path) -> None:
        self._document = read_yaml(path, path.name)
        self.find = cache(self._find)

    def _find(self, rule: str) -> RuleText | None:
        keys = _KEYS.findall(rule)
        text, nodes = value_at(self._document.content, keys), self._document.nodes(keys)
        if not isinstance(text, str) or len(nodes) < len(keys):
            return None
        return RuleText(text, nodes[-1][0])
