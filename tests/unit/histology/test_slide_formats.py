"""What OpenSlide does not read is named, with what to do; what it misreads is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from helpers.slide_files import write_dicom, write_mirax, write_slide
from helpers.slide_surveys import tissue_image
from pydicom.data import get_testdata_file

from pgdose.errors import Rejected
from pgdose.histology.slides.folders import slide_file
from pgdose.histology.slides.opening import open_slide

PICTURE = tissue_image(512)


def refused(path: Path) -> Rejected:
    with pytest.raises(Rejected) as caught:
        open_slide(path)
    return caught.value


@pytest.mark.parametrize(
    ("name", "content", "named", "advice"),
    [
        ("a.czi", b"ZISRAWFILE" + bytes(600), "Zeiss CZI", "bfconvert"),
        ("a.lif", b"\x70\0\0\0" + bytes(600), "Leica LIF", "bfconvert"),
        ("a.nd2", b"\xda\xce\xbe\x0a" + bytes(60), "Nikon ND2", "bfconvert"),
        ("a.isyntax", b"<DataObject ObjectType='DPUfsImport'>", "iSyntax", "scanner's own"),
        ("a.kfb", b"KFB", "KFB", "scanner's own"),
        ("a.mds", b"\xd0\xcf\x11\xe0" + bytes(600), "Motic", "scanner's own"),
        ("a.svs", b"PK\x03\x04" + bytes(60), "zipped", "unpack"),
        ("a.svs.gz", b"\x1f\x8b" + bytes(60), "gzipped", "unpack"),
        ("a.tar", bytes(257) + b"ustar" + bytes(60), "tar", "unpack"),
        ("a.jxr", b"II\xbc\x01" + bytes(60), "JPEG XR", "scanner's own"),
        ("a.jxl", b"\0\0\0\x0cJXL \r\n", "JPEG XL", "vips tiffsave"),
        ("a.jp2", b"\0\0\0\x0cjP  \r\n", "JPEG 2000", "vips tiffsave"),
        ("a.svs", b"\xff\xd8\xff\xe0" + bytes(60), "JPEG picture", "vips tiffsave"),
        ("a.png", b"\x89PNG\r\n", "PNG", "vips tiffsave"),
    ],
)
def test_a_file_of_another_format_says_how_to_convert_it(
    name: str, content: bytes, named: str, advice: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    rejected = refused(tmp_path / name)
    assert rejected.reason == "unsupported_slide"
    assert named in rejected.detail and advice in rejected.detail


@pytest.mark.parametrize(
    ("options", "named", "advice"),
    [
        ({}, "without tiles", "vips tiffsave"),
        ({"tile": (256, 256), "compression": "jpeg2000"}, "JPEG2000", "vips tiffsave"),
        ({"tile": (256, 256), "compression": "jpegxl"}, "JPEGXL", "vips tiffsave"),
        ({"tile": (256, 256), "compression": "jpegxr"}, "JPEGXR", "scanner's own"),
        ({"tile": (256, 256), "compression": "webp"}, "WEBP", "vips tiffsave"),
    ],
)
def test_a_tiff_that_openslide_does_not_read_says_why(
    options: dict[str, Any], named: str, advice: str, tmp_path: Path
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", PICTURE, photometric="rgb", metadata=None, **options)
    rejected = refused(tmp_path / "a.tif")
    assert rejected.reason == "unsupported_slide"
    assert named in rejected.detail and advice in rejected.detail


def test_what_openslide_would_misread_is_refused(tmp_path: Path) -> None:
    """It takes the upper eight bits of sixteen, the first of several channels, a VSI's label."""
    tiled: dict[str, Any] = {"tile": (256, 256), "compression": "zlib"}
    deep, channels, label = (tmp_path / name for name in ("deep.tif", "channels.ome.tif", "a.vsi"))
    tifffile.imwrite(deep, PICTURE.astype(np.uint16) * 16, photometric="rgb", **tiled)
    planes = np.moveaxis(PICTURE, -1, 0)
    tifffile.imwrite(channels, planes, photometric="minisblack", metadata={"axes": "CYX"}, **tiled)
    label.write_bytes(write_slide(tmp_path / "a.tif", PICTURE).read_bytes())
    for path, named in ((deep, "16 bits"), (channels, "each channel"), (label, "VSI")):
        rejected = refused(path)
        assert rejected.reason == "unsupported_slide" and named in rejected.detail


@pytest.mark.parametrize("compression", [None, "zlib", "lzw", "zstd", "packbits"])
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_the_compressions_that_are_accepted_give_the_pixels(
    compression: str | None, planar: str, tmp_path: Path
) -> None:
    rng = np.random.default_rng(1)
    picture = rng.integers(0, 256, (256, 256, 3), dtype=np.uint8)
    stored = np.moveaxis(picture, -1, 0) if planar == "separate" else picture
    kind: dict[str, Any] = {"photometric": "rgb", "planarconfig": planar, "metadata": None}
    tifffile.imwrite(tmp_path / "a.tif", stored, tile=(256, 256), compression=compression, **kind)
    with open_slide(tmp_path / "a.tif") as slide:
        pixels = np.asarray(slide.read_region((0, 0), 0, (256, 256)).convert("RGB"))
    assert np.array_equal(pixels, picture)


def test_a_missing_companion_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.mrxs").touch()
    assert "put the folder with the same name beside it" in refused(tmp_path / "a.mrxs").detail
    (tmp_path / "v.vms").write_text(
        "[Virtual Microscope Specimen]\nNoLayers=1\nNoJpegColumns=1\nNoJpegRows=1\n"
        "ImageFile=there.jpg\nMapFile=gone.jpg\n"
    )
    (tmp_path / "there.jpg").touch()
    assert refused(tmp_path / "v.vms").detail.startswith("1 of the 2 files that it lists")


def test_a_dicom_file_of_no_slide_says_so(tmp_path: Path) -> None:
    film = get_testdata_file("CT_small.dcm")
    (tmp_path / "a.dcm").write_bytes(Path(str(film)).read_bytes())
    assert "not of a whole-slide image" in refused(tmp_path / "a.dcm").detail
    instance = write_dicom(tmp_path, PICTURE, series="1.5")[0]
    instance.write_bytes(instance.read_bytes()[:500])
    assert "DICOM series" in refused(instance).detail


def test_a_property_with_a_name_of_odd_bytes_is_no_crash(tmp_path: Path) -> None:
    """OpenSlide lists it, and does not find it again."""
    path = write_mirax(tmp_path / "a.mrxs", PICTURE)
    with (tmp_path / "a" / "Slidedat.ini").open("ab") as file:
        file.write(b"[MORE]\nK\xe4=1\n")
    assert refused_or_read(path) in ("read", "unreadable_slide")


def refused_or_read(path: Path) -> str:
    try:
        with open_slide(path) as slide:
            assert slide.dimensions == (512, 512)
        return "read"
    except Rejected as r:
        return r.reason


# --- folders ------------------------------------------------------------------------------------


def test_a_folder_of_one_slide_names_it(tmp_path: Path) -> None:
    for name in ("series", "holds", "gdc"):
        (tmp_path / name).mkdir()
    write_dicom(tmp_path / "series", PICTURE)
    assert slide_file(tmp_path, "series").suffix == ".dcm"
    with open_slide(slide_file(tmp_path, "series/")) as slide:
        assert slide.dimensions == (512, 512)
    (tmp_path / "mirax").mkdir()
    (tmp_path / "mirax" / "Slidedat.ini").touch()
    (tmp_path / "mirax.mrxs").touch()
    assert slide_file(tmp_path, "mirax") == tmp_path / "mirax.mrxs"
    write_slide(tmp_path / "gdc" / "a.svs", PICTURE)
    (tmp_path / "gdc" / "annotations.txt").touch()
    assert slide_file(tmp_path, "./gdc") == tmp_path / "gdc" / "a.svs"


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda at: [write_dicom(at, PICTURE, series=s) for s in ("1.5", "1.6")], "several_slides"),
        (lambda at: [write_slide(at / f"{n}.svs", PICTURE) for n in "ab"], "several_slides"),
        (lambda at: (at / "Slidedat.ini").touch(), "unreadable_slide"),
        (lambda at: (at / "a.txt").touch(), "unreadable_slide"),
        (lambda at: at.rmdir(), "file_missing"),
        (lambda at: (at / "a.svs").symlink_to(at.parent.parent / "out.svs"), "outside_root"),
    ],
)
def test_a_folder_that_names_no_slide_for_sure_is_refused(
    make: Any, reason: str, tmp_path: Path
) -> None:
    folder = tmp_path / "root" / "a"
    folder.mkdir(parents=True)
    write_slide(tmp_path / "out.svs", PICTURE)
    make(folder)
    with pytest.raises(Rejected) as caught:
        slide_file(tmp_path / "root", "a")
    assert caught.value.reason == reason
    with pytest.raises(Rejected) as caught:
        slide_file(tmp_path / "root" / "a", "..")
    assert caught.value.reason == "outside_root"


def test_a_damaged_slide_is_told_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "a.svs").write_bytes(b"no slide at all")
    with pytest.raises(Rejected) as caught:
        open_slide(tmp_path / "a.svs")
    assert caught.value.reason == "unreadable_slide" and "copy it again" in caught.value.detail
