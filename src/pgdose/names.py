"""The alphabet of names that a study gives; they become parts of paths and of tables."""

import re

NAME = r"[A-Za-z][A-Za-z0-9_-]{0,39}"
NAME_RULE = "a letter, then at most 39 letters, digits, '_' or '-'"


def is_name(text: str) -> bool:
    """Whether a study can name something so."""
    return re.fullmatch(NAME, text) is not None
