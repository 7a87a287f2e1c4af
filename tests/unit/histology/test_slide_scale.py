"""The scale of a slide: what counts as told, and which word goes first."""

from pathlib import Path

import pytest
import tifffile
from helpers.rejections import reason
from helpers.slide_files import write_dicom, write_ome, write_slide
from helpers.slide_surveys import survey, tissue_image
from hypothesis import given
from hypothesis import strategies as st

from pgdose.histology.slides.scale import Scale, read_scale

MPP, POWER, TEXT = "openslide.mpp-", "openslide.objective-power", "tiff.ImageDescription"
SIZE = {"openslide.level[0].width": "640", "openslide.level[0].height": "480"}
MAIN = '<OME:Pixels SizeX="640" SizeY="480" '


def both(value: str) -> dict[str, str]:
    return {f"{MPP}x": value, f"{MPP}y": value}


@pytest.mark.parametrize(
    ("properties", "table_mpp", "um", "source"),
    [
        (both("0.25"), "", 0.25, "mpp"),
        ({f"{MPP}x": "0.25", f"{MPP}y": "0.26"}, "", 0.255, "mpp"),
        ({POWER: "40"}, "", 0.25, "objective"),
        (both("0.25"), "0,5", 0.5, "table"),
        ({f"{MPP}x": "nan", f"{MPP}y": "0"}, "", None, None),
        ({f"{MPP}x": "0.25"}, "", None, None),
        ({f"{MPP}x": "0", POWER: "40"}, "", 0.25, "objective"),
        ({POWER: "0.1"}, "", None, None),
        ({}, "", None, None),
        # 72, 96 and 300 dpi are the resolution of a screen or a printer.
        (both("352.77"), "", None, None),
        (both("264.6"), "", None, None),
        (both("84.7") | {POWER: "20"}, "", 0.5, "objective"),
        (both("352.77") | {TEXT: "x|MPP = 0.25|y"}, "", 0.25, "description"),
        ({TEXT: "MPP=0,499"}, "", 0.499, "description"),
        ({"openslide.comment": "a\nmpp: 2.5e-1\n"}, "", 0.25, "description"),
        ({TEXT: "MPP = 0.25|MPP = 0.5"}, "", None, None),
        ({TEXT: "MPP = 0.25|MPP = 0.250"}, "", 0.25, "description"),
        ({TEXT: "nMPP = 0.25, compMPP = 3"}, "", None, None),
        ({TEXT: "MPP = 250"}, "", None, None),
        ({TEXT: "MPP-X: .25"}, "", 0.25, "description"),
        ({TEXT: "a|AppMag = 40|b"}, "", 0.25, "objective"),
        ({TEXT: "AppMag = 40|AppMag = 20"}, "", None, None),
        (both("1.5") | {TEXT: "MPP = 0.25"}, "", 1.5, "mpp"),
    ],
)
def test_the_scale_is_told_by_the_table_the_file_or_the_objective(
    properties: dict[str, str], table_mpp: str, um: float | None, source: str | None
) -> None:
    scale = read_scale(properties, table_mpp)
    assert (scale.um_per_px, scale.source) == (um and pytest.approx(um), source)


@pytest.mark.parametrize(
    ("pixels", "um"),
    [
        (MAIN + 'PhysicalSizeX="0.25" PhysicalSizeY="0.25">', 0.25),
        (MAIN + 'PhysicalSizeX="0.25">', 0.25),
        (MAIN + 'PhysicalSizeX="250" PhysicalSizeXUnit="nm">', 0.25),
        (MAIN + "PhysicalSizeX='0.25' PhysicalSizeXUnit='&#181;m'/>", 0.25),
        (MAIN + 'PhysicalSizeX="2.5E-4" PhysicalSizeXUnit="mm">', 0.25),
        (MAIN + 'PhysicalSizeX="0.25" PhysicalSizeXUnit="pixel">', None),
        (MAIN + 'PhysicalSizeX="-1">', None),
        # The label's picture is not the slide.
        ('<Pixels SizeX="64" SizeY="48" PhysicalSizeX="0.3">', None),
        ('<Pixels SizeX="64" SizeY="48" PhysicalSizeX="9">' + MAIN + 'PhysicalSizeX="1">', 1.0),
    ],
)
def test_ome_xml_tells_the_scale_of_the_image_of_level_0(pixels: str, um: float | None) -> None:
    scale = read_scale(SIZE | {TEXT: f'<?xml version="1.0"?><OME>{pixels}'}, "")
    assert (scale.um_per_px, scale.source) == (um and pytest.approx(um), um and "ome")


@given(st.text(), st.text(), st.text())
def test_whatever_a_file_says_is_a_scale_or_none(mpp: str, power: str, text: str) -> None:
    scale = read_scale({**both(mpp), POWER: power, TEXT: text, **SIZE}, "")
    assert scale == Scale() or 1e-3 < (scale.um_per_px or 0) <= 20


def test_a_scale_in_the_table_is_a_number_of_micrometres() -> None:
    for text in ("0", "-1", "1e-320", "inf", "nan", "half", "250", "1e-4"):
        assert reason(read_scale, {}, text) == "wrong_mpp"


def test_a_slide_of_a_file_with_a_scale_is_surveyed_at_it(tmp_path: Path) -> None:
    ome = survey(write_ome(tmp_path / "o.ome.tif", tissue_image(), 250, "nm"), None, "norm", mpp=1)
    assert (ome.grid.scale_from, ome.grid.extent, ome.facts["levels"]) == ("ome", 512, 1)
    dicom = survey(write_dicom(tmp_path, tissue_image())[0], None, "norm", mpp=1)
    assert (dicom.grid.scale_from, dicom.grid.extent) == ("mpp", 256)
    path = write_slide(tmp_path / "d.tif", tissue_image(), mpp=352.78, vendor="generic-tiff")
    assert reason(survey, path, None, "norm", mpp=0.5) == "no_scale"


def test_pixels_that_are_not_square_have_no_scale_but_the_tables(tmp_path: Path) -> None:
    path = write_slide(tmp_path / "a.tif", tissue_image(), vendor="generic-tiff")
    with tifffile.TiffFile(path, mode="r+") as file:
        file.pages[0].tags["YResolution"].overwrite((10_000, 1))
    assert reason(survey, path, None, "norm", mpp=1) == "uneven_scale"
    at_level = survey(path, None, "norm").grid
    assert (at_level.um_per_px, at_level.scale_from) == (None, None)
    assert survey(path, None, "norm", "0.5", mpp=1).grid.extent == 256


def test_a_level_in_a_sub_ifd_is_not_promised(tmp_path: Path) -> None:
    path = write_ome(tmp_path / "o.ome.tif", tissue_image())
    assert reason(survey, path, None, "norm", level=1) == "no_level"
