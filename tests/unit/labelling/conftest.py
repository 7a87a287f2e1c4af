"""The shipped lexicons, read once a module."""

import pytest
from helpers.lexicons import shipped

from pgdose.labelling.lexicon import Lexicon


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    return shipped("ru")


@pytest.fixture(scope="module")
def english() -> Lexicon:
    return shipped("en")
