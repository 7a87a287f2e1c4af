"""What programs leave in cells and no person means: marks of no width, words for nothing."""

import re

# What databases, spreadsheets and statistics programs write into an empty cell.
MISSING = frozenset(
    {"", "nan", "none", "null", "<na>", "na", "n/a", "n.a.", "#n/a", "nat", "-", "--", "?", "."}
    | {"\\n", "(null)", "[null]", "(blank)", "#null!", "#ref!", "#value!", "—", "–"}
)
_RANGES = ((0xAD, 0xAD), (0x180E, 0x180E), (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x2069))
# Soft hyphens, spaces of no width, marks of the direction of writing and of the byte order.
_MARKS = "".join(chr(n) for first, last in _RANGES for n in range(first, last + 1)) + "\ufeff"
INVISIBLE = re.compile(f"[{_MARKS}]")
#: What is taken off both ends of a cell: these, and all spaces.
AROUND = _MARKS + "".join(chr(n) for n in range(0x3001) if chr(n).isspace())


def strip(text: str) -> str:
    """A cell without spaces and marks of no width round it."""
    return text.strip(AROUND)


def says_nothing(text: str) -> bool:
    """Whether a whole cell is a program's word for an empty one."""
    return strip(text).casefold() in MISSING
