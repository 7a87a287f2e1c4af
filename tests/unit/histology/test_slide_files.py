"""The slides that the tests write are what they say."""

from pathlib import Path

import numpy as np
import openslide
import pytest
from helpers.slide_files import write_slide


def test_slides_for_tests_are_what_they_say(tmp_path: Path) -> None:
    slide = np.full((700, 900, 3), 240, np.uint8)
    slide[200:400, 300:500] = (160, 40, 110)
    for vendor in ("aperio", "generic-tiff"):
        path = write_slide(tmp_path / "a.tif", slide, (1, 2, 8), mpp=0.25, vendor=vendor)
        with openslide.OpenSlide(path) as opened:
            assert opened.properties["openslide.vendor"] == vendor
            assert opened.level_dimensions == ((900, 700), (450, 350), (113, 88))
            assert float(opened.properties["openslide.mpp-x"]) == pytest.approx(0.25)
            got = np.asarray(opened.read_region((0, 0), 0, (900, 700)).convert("RGB"))
        assert np.abs(got.astype(int) - slide).mean() < 1
        with openslide.OpenSlide(
            write_slide(path, slide, mpp=None, power=None, vendor=vendor)
        ) as s:
            assert not {"openslide.mpp-x", "openslide.objective-power"} & set(s.properties)
