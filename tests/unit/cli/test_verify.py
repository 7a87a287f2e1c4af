"""`pgdose verify`: what it says with a manifest and without one."""

import shlex
from pathlib import Path

import numpy as np
import pytest
from helpers.results_folder import finished, list_files

from pgdose.cli import verify as command
from pgdose.cli.verify import verify
from pgdose.errors import UserError
from pgdose.images.stores import new_store
from pgdose.manifest.files import shown


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
    assert line.startswith("20 files (0.0 MB) are as in manifest.sha256 of study phantom")
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


def test_without_a_manifest_files_behind_links_are_read(tmp_path: Path) -> None:
    """A larger disk is where a user may have put them."""
    write(tmp_path / "disk/A/0.npy")
    (tmp_path / "results").mkdir()
    (tmp_path / "results/groups").symlink_to("../disk")
    (tmp_path / "disk/up").symlink_to(tmp_path)
    (tmp_path / "results/later").symlink_to("groups")  # in the order of names
    (tmp_path / "results/.hidden").mkdir()
    (tmp_path / "results/inside").symlink_to(".hidden")
    lines = verify(tmp_path / "results")
    assert lines[0] == "1 image stores, tables and networks are as they were written"
    assert [line.split(":")[0] for line in lines[1:-1]] == [
        f"{tmp_path}/results/{name}" for name in ("groups/up", "inside", "later")
    ]
    assert all("not followed" in line for line in lines[1:-1])
    content = bytearray((tmp_path / "disk/A/0.npy").read_bytes())
    content[-100] ^= 1
    (tmp_path / "disk/A/0.npy").write_bytes(content)
    with pytest.raises(UserError, match=r"1 of 1 files are damaged:\n.*/A/0.npy: damaged"):
        verify(tmp_path / "results")


@pytest.mark.parametrize("name", ["manifest.sha256.sig", "report.html"])
def test_the_manifest_of_a_finished_study_must_be_there(tmp_path: Path, name: str) -> None:
    """Who deletes it could change every file without checksums."""
    write(tmp_path / "groups/X/images/0.npy")
    assert verify(tmp_path)
    (tmp_path / name).touch()
    with pytest.raises(
        UserError, match=rf"manifest.sha256: missing, though {name} is there.*restore"
    ):
        verify(tmp_path)
    (tmp_path / name).unlink()
    (tmp_path / name).symlink_to("nowhere")
    with pytest.raises(UserError, match="missing, though"):
        verify(tmp_path)


@pytest.mark.parametrize("ending", [".npy", ".parquet", ".safetensors"])
def test_a_name_adds_no_line_and_no_colour(tmp_path: Path, ending: str) -> None:
    name = (
        f"x`; evil; `\n9 image stores, tables and networks are as they were written\x1b[8m{ending}"
    )
    folder = tmp_path / "a\nb"
    folder.mkdir()
    (folder / name).write_bytes(b"no such thing")
    with pytest.raises(UserError) as caught:
        verify(folder)
    lines = str(caught.value).splitlines()
    assert len(lines) == 3 and all(line.isprintable() for line in lines)
    command = lines[1].split("make it again with ")[1]
    assert shlex.split(command.removeprefix("`snakemake ").removesuffix("`")) == [
        shown(folder / name)
    ]


def test_every_message_about_the_folder_is_one_line(tmp_path: Path) -> None:
    folder = tmp_path / "a\n\x1b[8mb"
    with pytest.raises(UserError) as caught:
        verify(folder)
    messages = [str(caught.value)]
    folder.mkdir()
    with pytest.raises(UserError) as caught:
        verify(folder)
    messages.append(str(caught.value))
    (folder / "manifest.sha256").write_text("no manifest")
    with pytest.raises(UserError) as caught:
        verify(folder)
    messages.append(str(caught.value))
    assert all(message.isprintable() for message in messages)


def test_a_file_that_fills_the_memory_is_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.npy")

    def refuse(path: Path) -> None:
        raise MemoryError

    monkeypatch.setitem(command.CHECKS, ".npy", refuse)
    with pytest.raises(UserError, match=f"{path}: not checked, it takes more memory than there is"):
        verify(tmp_path)
