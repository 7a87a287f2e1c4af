"""Made-up members for the tests of training."""

from pathlib import Path

import pytest
from helpers.training import MakeMembers, made_up_members


@pytest.fixture
def members(tmp_path: Path) -> MakeMembers:
    return lambda n: made_up_members(tmp_path, n)
