"""Files that a table spells otherwise than the disk."""

import unicodedata
from pathlib import Path

import pytest

from pgdose.errors import Rejected, UserError
from pgdose.user_tables.file_names import FileNames, NameIndex


@pytest.fixture
def root(tmp_path: Path) -> Path:
    names = ("a.png", "sub/b.PNG", "sub/deep/c.png", "one/d.png", "two/d.png", "é.png", "e.jpg")
    for name in names:
        path = tmp_path / "root" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "outside.png").touch()
    return tmp_path / "root"


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("a.png", "a.png"),
        ("A.PNG", "a.png"),
        ("sub\\b.png", "sub/b.PNG"),
        ("./a.png", "a.png"),
        ("sub//b.PNG", "sub/b.PNG"),
        (unicodedata.normalize("NFD", "é.png"), "é.png"),
        ("c.png", "sub/deep/c.png"),
        ("c", "sub/deep/c.png"),
        ("e", "e.jpg"),
        ("export/root/sub/deep/c.png", "sub/deep/c.png"),
        ("/other/machine/sub/deep/c.png", "sub/deep/c.png"),
        ("\u200ba.png\u200f", "a.png"),
    ],
)
def test_a_file_is_found_where_one_alone_can_be_meant(root: Path, name: str, file: str) -> None:
    assert FileNames(root).find(name) == file


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("d.png", "file_unsure"),
        ("d", "file_unsure"),
        ("z.png", "file_missing"),
        ("", "file_missing"),
        ("../outside.png", "outside_root"),
        ("x/../../outside.png", "outside_root"),
        ("x" * 300, "file_missing"),
        ("a\0.png", "file_missing"),
    ],
)
def test_other_names_are_rejected(root: Path, name: str, reason: str) -> None:
    with pytest.raises(Rejected) as caught:
        FileNames(root).find(name)
    assert caught.value.reason == reason


def test_two_rows_do_not_share_a_file_by_way_of_folders_above(root: Path) -> None:
    files = FileNames(root)
    assert files.find("train/a.png") == "a.png"
    with pytest.raises(Rejected, match="same file"):
        files.find("valid/a.png")


def test_what_was_guessed_is_said(root: Path) -> None:
    files = FileNames(root)
    for name in ("A.png", "c.png", "e"):
        files.find(name)
    assert len(files.notes()) == 3


def test_where_no_file_is_there_a_wanted_and_a_present_name_are_shown(root: Path) -> None:
    with pytest.raises(UserError, match=r"^sources\.x\.root: .*'z\.png'.*'a\.png'"):
        FileNames(root).check_any(0, ["", "z.png"], "sources.x")
    FileNames(root).check_any(1, ["z.png"], "sources.x")


def test_names_of_a_list_are_matched_like_files() -> None:
    index = NameIndex(["train/0001.dicom", "train/0002.dicom"])
    assert index.find("0001") == ("train/0001.dicom", "ending")
    assert index.find("train/0002.dicom") == ("train/0002.dicom", "equal")


def test_a_file_has_one_path_however_it_is_spelled(root: Path) -> None:
    files = FileNames(root)
    for name in ("a.png", "./a.png", str(root / "a.png"), f"../{root.name}/a.png", "sub/../a.png"):
        assert files.find(name) == "a.png"


def test_an_absolute_name_of_another_file_is_rejected(root: Path) -> None:
    (root.parent / "a.png").touch()
    with pytest.raises(Rejected, match="outside"):
        FileNames(root).find(str(root.parent / "a.png"))
