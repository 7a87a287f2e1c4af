"""The synthetic microscope fields: repeatable, in every format that cameras write."""

from pathlib import Path

import imagecodecs
import numpy as np
import pandas as pd
import pytest
import tifffile
from helpers.phantom_files import file_hashes
from PIL import Image

from pgdose.tables.keyed import generator
from pgdose_phantom import fields
from pgdose_phantom.field_textures import CLASSES, draw_field, draw_staining
from pgdose_phantom.fields import FieldAmounts, write_fields


def test_fields(tmp_path: Path) -> None:
    def write(patients: int) -> dict[str, str]:
        write_fields(
            tmp_path / "fields",
            tmp_path / "fields.csv",
            tmp_path / "truth" / "fields.csv",
            seed=5,
            amounts=FieldAmounts(patients, 1, 1024, 768),
        )
        return file_hashes(tmp_path)

    one, two = write(1), write(2)  # drawn anew, and still the same
    assert {file: two[file] for file in one if file.startswith("fields/")} == {
        file: digest for file, digest in one.items() if file.startswith("fields/")
    }
    table = pd.read_csv(tmp_path / "fields.csv")
    assert list(table) == ["file", "patient", "class"]
    assert sorted(table["class"]) == sorted(CLASSES * 2) and table["patient"].nunique() == 4
    for file in table["file"]:
        with Image.open(tmp_path / "fields" / file) as image:
            assert image.size == (1024, 768) and image.mode in ("RGB", "RGBA")


def test_every_format_of_fields_says_the_same(tmp_path: Path) -> None:
    rng = generator(5, "test", "format")
    picture = draw_field(rng, CLASSES[0], draw_staining(rng), 300, 200)
    formats = {}
    for form in set(fields.FORMATS):
        path = tmp_path / f"{form}.{form.split('_')[0]}"
        fields.save_field(picture, path, form)
        decode = {".tif": tifffile.imread, ".png": decode_png}.get(path.suffix, decode_plain)
        read = decode(path)
        formats[path.suffix, read.shape[2], read.dtype.name] = form
        if read.shape[2] == 4:
            assert (read[..., 3] == 255).all()
        colours = read[..., :3] / (257 if read.dtype == np.uint16 else 1)
        assert np.abs(colours - picture).max() <= (60 if form == "jpg" else 0)
        assert np.abs(colours - picture).mean() < 4
    assert set(formats) == {
        (".jpg", 3, "uint8"),
        (".bmp", 3, "uint8"),
        (".tif", 3, "uint8"),
        (".tif", 3, "uint16"),
        (".png", 3, "uint8"),
        (".png", 4, "uint8"),
        (".png", 3, "uint16"),
    }


def decode_png(path: Path) -> np.ndarray:
    return imagecodecs.png_decode(path.read_bytes())


def decode_plain(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def test_formats_of_fields_tell_nothing_of_the_class(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each occurs in the default study, none in one kind of tissue alone."""
    files: list[tuple[str, str]] = []
    blank = np.zeros((1, 1, 3), np.uint8)

    def record(picture: np.ndarray, file: Path, form: str) -> None:
        files.append((form, file.name.split("_")[1]))

    monkeypatch.setattr(fields, "draw_field", lambda rng, label, staining, *size: blank)
    monkeypatch.setattr(fields, "save_field", record)
    amounts = FieldAmounts(patients_per_organ=46, fields_per_patient=1, width=1, height=1)
    write_fields(tmp_path / "f", tmp_path / "f.csv", tmp_path / "t.csv", seed=5, amounts=amounts)
    assert len(files) == 184
    assert set(files) == {(form, kind) for form in fields.FORMATS for kind in ("tumour", "norm")}


@pytest.mark.parametrize("label", CLASSES)
def test_field_texture_is_everywhere(label: str) -> None:
    rng = generator(5, "test", label)
    picture = draw_field(rng, label, draw_staining(rng), 1024, 768)
    tiles = picture.reshape(3, 256, 4, 256, 3).swapaxes(1, 2)[..., 0].reshape(12, -1)
    assert (tiles.std(axis=1) > 8).all()
    assert picture[..., 2].mean() > picture[..., 1].mean()  # blue and brown, never green
