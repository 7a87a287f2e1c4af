"""A film on disk for the tests of headers and pixels; drawn chest films for those of anatomy."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.chest_films import Film, chest_film
from helpers.dicom_files import film, save
from pydicom import uid

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a film to a file whose path gives its patient away."""

    def write_film(stored: np.ndarray | None = None, bits: int = 12, **attributes: Any) -> Path:
        path = tmp_path / "archive" / "IVANOV" / f"{uid.generate_uid()}.dcm"
        return save(film(stored, bits, **attributes), path)

    return write_film


@pytest.fixture(scope="session")
def films() -> list[Film]:
    return [chest_film(number) for number in range(48)]


@pytest.fixture(scope="session")
def laterals() -> list[np.ndarray]:
    return [chest_film(number, lateral=True)[0] for number in range(16)]
