"""Slides of several files stay in their folder."""

from pathlib import Path

import numpy as np
import openslide
import pydicom
import pytest
from helpers.rejections import reason
from helpers.slide_files import write_slide, write_vms
from PIL import Image
from pydicom import uid
from pydicom.dataset import FileMetaDataset

from pgdose.histology.slides.opening import open_slide


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder, and a picture outside of it that a Hamamatsu slide could have."""
    pixels = Image.fromarray(np.full((256, 256, 3), 90, np.uint8))
    pixels.save(tmp_path / "secret.jpg", restart_marker_blocks=4)
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


def test_a_slide_of_several_files_in_its_folder_is_read(folder: Path) -> None:
    (folder / "a.jpg").write_bytes((folder.parent / "secret.jpg").read_bytes())
    (folder / "b.jpg").symlink_to("a.jpg")
    with open_slide(write_vms(folder / "a.vms", "b.jpg")) as slide:
        assert slide.dimensions == (256, 256)


@pytest.mark.parametrize(
    "image", ["../secret.jpg", "./..//secret.jpg", "link.jpg", "up/secret.jpg"]
)
def test_no_index_file_of_hamamatsu_leads_out_of_its_folder(image: str, folder: Path) -> None:
    path = write_vms(folder / "a.vms", image)
    if image[0] != ".":
        (folder / "link.jpg").symlink_to(folder.parent / "secret.jpg")
        (folder / "up").symlink_to(folder.parent)
    openslide.OpenSlide(path).close()  # it would follow
    assert reason(open_slide, path) == "outside_root"


@pytest.mark.parametrize("way", ["name", "link", "folder"])
def test_no_folder_of_mirax_leads_out(way: str, folder: Path) -> None:
    (folder / "a.mrxs").touch()
    inner = folder.parent / "elsewhere" if way == "folder" else folder / "a"
    inner.mkdir()
    name = "../../secret.jpg" if way == "name" else "Data.dat"
    (inner / "Slidedat.ini").write_text(f"[DATAFILE]\nFILE_COUNT=1\nFILE_0={name}\n")
    if way == "folder":
        (folder / "a").symlink_to(inner)
    if way == "link":
        assert reason(open_slide, folder / "a.mrxs") == "unreadable_slide"
        (inner / "Data.dat").symlink_to(folder.parent / "secret.jpg")
    assert reason(open_slide, folder / "a.mrxs") == "outside_root"


def test_no_folder_of_a_dicom_slide_leads_out(folder: Path) -> None:
    ds = pydicom.Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    ds.SOPClassUID = uid.VLWholeSlideMicroscopyImageStorage
    ds.SOPInstanceUID = ds.SeriesInstanceUID = "1.2"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    ds.save_as(folder / "a.dcm", enforce_file_format=True)
    assert openslide.OpenSlide.detect_format(folder / "a.dcm") == "dicom"
    assert reason(open_slide, folder / "a.dcm") == "unreadable_slide"
    (folder / "b.dcm").symlink_to(folder.parent / "secret.jpg")
    assert reason(open_slide, folder / "a.dcm") == "outside_root"


def test_a_format_that_is_not_known_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_slide(folder / "a.svs", np.full((512, 512, 3), 200, np.uint8))
    (folder / "link").symlink_to(folder.parent)  # no matter to a slide of one file
    open_slide(path).close()
    monkeypatch.setattr(openslide.OpenSlide, "detect_format", lambda _: "new")
    assert reason(open_slide, path) == "unreadable_slide"
