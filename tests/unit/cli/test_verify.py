"""`pgdose verify`: what it says with a manifest and without one."""

from pathlib import Path

import numpy as np
import pytest
from helpers.results_folder import finished, list_files

from pgdose.cli.verify import verify
from pgdose.errors import UserError
from pgdose.images.stores import new_store


def write(path: Path) -> Path:
    with new_store(path, 3, 8, 1) as store:
        for row in range(3):
            store.put(row, np.full((8, 8), 50 + row, np.uint8))
    return path


def test_verify_names_every_damaged_store(tmp_path: Path) -> None:
    write(tmp_path / "groups/X/images/0.npy")
    assert verify(tmp_path)[0] == "1 image stores, tables and networks are as they were written"
    flipped, cut = write(tmp_path / "sources/a/tiles/0.npy"), write(tmp_path / "b.npy")
    content = flipped.read_bytes()
    flipped.write_bytes(content.replace(bytes([52] * 64), bytes([52] * 63 + [53])))
    cut.write_bytes(content[:-20])
    with pytest.raises(UserError) as caught:
        verify(tmp_path)
    message = str(caught.value)
    assert "2 of 3 files are damaged" in message
    assert (
        "tiles/0.npy: damaged, 1 images, rows 2; delete it and make it again with `snakemake"
        in message
    )
    assert "b.npy: damaged, it is cut off" in message and "images/0.npy" not in message


def test_verify_says_so_where_there_is_nothing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no image stores"):
        verify(tmp_path)


def test_without_a_manifest_it_says_what_goes_unseen(tmp_path: Path) -> None:
    write(tmp_path / "groups/X/images/0.npy")
    last = verify(tmp_path)[-1]
    assert last.startswith("There is no manifest.sha256") and "missing, swapped and added" in last
    (tmp_path / "groups/X/images/0.npy").write_bytes(b"")
    with pytest.raises(UserError, match=r"1 of 1 files are damaged:\n.*\nThere is no manifest"):
        verify(tmp_path)


def test_without_a_manifest_a_link_or_a_folder_is_a_line(tmp_path: Path) -> None:
    write(tmp_path / "a.npy")
    (tmp_path / "b.npy").symlink_to("nowhere")
    (tmp_path / "c.npy").symlink_to("c.npy")
    (tmp_path / "d.npy").symlink_to("/")
    with pytest.raises(UserError) as caught:
        verify(tmp_path)
    lines = str(caught.value).splitlines()
    assert lines[0] == "3 of 4 files are damaged:"
    assert [line.split(": ")[1].split(";")[0] for line in lines[1:4]] == [
        "a link that leads nowhere",
        "a link that leads round in a circle",
        "a folder stands in its place",
    ]


def test_a_folder_of_several_studies_is_no_study(tmp_path: Path) -> None:
    finished(tmp_path / "one")
    finished(tmp_path / "two")
    with pytest.raises(UserError, match=r"several studies; give one: .*/one, .*/two"):
        verify(tmp_path)
    with pytest.raises(UserError, match="there is no folder"):
        verify(tmp_path / "three")


def test_with_a_manifest_all_files_are_looked_at(tmp_path: Path) -> None:
    finished(tmp_path)
    (line,) = verify(tmp_path)
    assert line.startswith("20 files (0.0 MB) are as manifest.sha256 of 20")
    (tmp_path / "report.html").unlink()
    with pytest.raises(UserError, match=r"`snakemake -R manifest`. What you did not change was"):
        verify(tmp_path)


def test_damage_from_before_the_manifest_is_told(tmp_path: Path) -> None:
    finished(tmp_path)
    path = tmp_path / "groups/A/images/0.npy"
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)
    list_files(tmp_path)
    with pytest.raises(UserError, match=r"0.npy: damaged, .*; it was so before the manifest"):
        verify(tmp_path)
