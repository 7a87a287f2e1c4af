"""A film on disk for the tests of headers and pixels."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
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
