"""The descriptions of the study's keys, which stand below the fields of the models.

A description says in one or two sentences what the key means. After them, each on a line of its
own, may stand:

    Unit:    of a number; "none" for a count of nothing, a factor or a version
    Only:    with which other keys it may stand
    Reruns:  what a changed value makes again, where it is not what the section says

`cli.schema` shows them to editors, `reference.study_keys` in docs/reference/study-keys.md.
"""

import re
from typing import NamedTuple

MARKS = ("Unit", "Only", "Reruns")
_MARKED = re.compile(rf"({'|'.join(MARKS)}): (.+)", re.DOTALL)


class Description(NamedTuple):
    """The parts of a description, each on one line."""

    text: str
    unit: str = ""
    only: str = ""
    reruns: str = ""

    def __str__(self) -> str:
        marked = zip(MARKS, (self.unit, self.only, self.reruns), strict=True)
        return "\n".join([self.text, *(f"{mark}: {part}" for mark, part in marked if part)])


def parse(description: str) -> Description:
    """The parts of a text as it stands below a field."""
    first_of_part = rf"\n\s*(?=(?:{'|'.join(MARKS)}): )"
    text, *marked = (" ".join(part.split()) for part in re.split(first_of_part, description))
    parts = {}
    for part in marked:
        match = _MARKED.fullmatch(part)
        assert match
        parts[match[1].lower()] = match[2]
    return Description(text, **parts)
