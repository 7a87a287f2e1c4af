"""The alphabet of the names in a study; they become parts of paths and values of tables."""

import re

NAME = r"[A-Za-z][A-Za-z0-9_-]{0,39}"
NAME_RULE = "a letter, then at most 39 letters, digits, '_' or '-'"


UNKNOWN_PATIENTS = "none"  # `patients` of a source of which nobody knows them
UNKNOWN_PATIENT = "unknown-"  # what the ids of such patients begin with
IGNORE = "ignore"  # the class of areas of slides that no tile is taken from


def is_name(text: str) -> bool:
    """Whether a study may use the text as a name."""
    return re.fullmatch(NAME, text) is not None
