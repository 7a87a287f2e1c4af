"""A table or folders of images as a whole: what nobody could have meant is refused or noted."""

from pathlib import Path

import pandas as pd
import pytest
from helpers.image_tables import image_rows
from PIL import Image

from pgdose.errors import UserError
from pgdose.imagetable.index import index_images
from pgdose.tables.keyed import SourceIds
from pgdose.tables.source_index import SourceIndex

IDS = SourceIds(b"k" * 32, "nih", "")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("tb/1.png", "norm/2.PNG"):
        (tmp_path / name).parent.mkdir()
        Image.new("L", (8, 8)).save(tmp_path / name)
    return tmp_path


def index(
    root: Path, rows: pd.DataFrame, notes: list[str], taken: tuple[str, ...] = (), **keys: object
) -> SourceIndex:
    images = image_rows(rows, {"view": ["PA"], "class": list(taken)}, **keys)
    return index_images(images, root, IDS, notes)


def test_a_table_without_rows_and_a_folder_without_files_are_refused(root: Path) -> None:
    none = pd.DataFrame({"image": [], "patient": []}, dtype=object)
    with pytest.raises(UserError, match="has no file in it"):
        index(root, none, [], layout="{class}/{patient}.png")


def test_a_layout_that_fits_no_file_or_not_all_classes_is_named(root: Path) -> None:
    files = pd.DataFrame({"image": ["tb/1.png", "norm/2.PNG"]}, dtype=object)
    with pytest.raises(UserError, match=r"nih\.layout: none of the 2 files .* 1 .*'\.png'"):
        index(root, files, [], layout="{class}/{patient}.jpg")
    with pytest.raises(UserError, match=r"nih\.layout: 'norm', .* in no file of .* a pattern"):
        index(root, files, [], ("tb", "norm"), layout="{class}/{patient}.png")


def test_views_that_are_no_code_are_counted(root: Path) -> None:
    rows = {"image": ["tb/1.png", "norm/2.PNG"], "patient": ["1", "2"], "view": ["PA", "Frontal"]}
    notes: list[str] = []
    keys = {"columns": {"image": "image", "patient": "patient", "view": "view"}}
    index(root, pd.DataFrame(rows, dtype=object), notes, **keys)
    (note,) = (note for note in notes if "are read as OTHER" in note)
    assert note.startswith("view: 1 cells") and "Frontal" not in note


def test_patients_that_may_be_none_are_noted(root: Path) -> None:
    names = [f"{n}.png" for n in range(5)]
    for name in names:
        Image.new("L", (8, 8)).save(root / name)
    rows = {"image": names, "patient": ["anon."] * 4 + ["1"], "sex": ["F", "M", "F", "F", "M"]}
    notes: list[str] = []
    keys = {"columns": {"image": "image", "patient": "patient", "sex": "sex"}}
    index(root, pd.DataFrame(rows, dtype=object), notes, **keys)
    assert "patient: one stands for 4 of 5 images; is it a word for unknown ones?" in notes
    assert "patient: 1 have images of both sexes; does the column hold patients?" in notes
    assert "anon" not in " ".join(notes)


def test_a_word_for_nothing_is_no_class_unless_the_study_has_it(root: Path) -> None:
    rows = {"image": ["tb/1.png", "norm/2.PNG"], "patient": ["1", "2"], "class": ["tb", "NaN"]}
    keys = {"columns": {"image": "image", "patient": "patient", "class": "class"}}
    found = index(root, pd.DataFrame(rows, dtype=object), [], ("tb",), **keys).records
    assert {record["class"] for record in found} == {"tb", None}
    found = index(root, pd.DataFrame(rows, dtype=object), [], ("tb", "nan"), **keys).records
    assert {record["class"] for record in found} == {"tb", "nan"}


def test_words_of_a_class_column_become_classes(root: Path) -> None:
    rows = {"image": ["tb/1.png", "norm/2.PNG"], "patient": ["1", "2"], "class": ["Туб. 1", "да"]}
    keys = {"columns": {"image": "image", "patient": "patient", "class": "class"}}
    keys |= {"classes": {"tb": ["туб*"], "norm": ["ДА"]}}
    notes: list[str] = []
    found = index(root, pd.DataFrame(rows, dtype=object), notes, ("tb",), **keys).records
    assert {record["class"] for record in found} == {"tb", "norm"}
    keys["classes"] = {"tb": ["туб*"]}
    found = index(root, pd.DataFrame(rows, dtype=object), notes, ("tb",), **keys).records
    assert {record["class"] for record in found} == {"tb", None}
    assert "1 not understood" in " ".join(notes)
