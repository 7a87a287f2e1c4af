"""What a manifest lists: what the rules of the study make, and no more."""

from pathlib import Path

import pytest
from helpers.results_folder import FILES, THUMBNAILS, faults, finished, list_files

from pgdose.errors import UserError
from pgdose.manifest.files import walk


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return finished(tmp_path / "results")


def test_what_no_rule_makes_is_left_out_and_then_told(results: Path) -> None:
    (results / "groups/B").mkdir()
    (results / "groups/B/members.parquet").write_bytes(b"of a group that the study no longer has")
    (results / "notes.txt").write_text("mine")
    assert list_files(results).unlisted == ["groups/B/members.parquet", "notes.txt"]
    assert [line.split(":")[0] for line in faults(results)] == [
        f"{results}/groups/B",
        f"{results}/notes.txt",
    ]


def test_logs_benchmarks_and_marks_are_no_results(results: Path) -> None:
    events = "groups/A/full/tensorboard/events.out.tfevents.1.machine.2"
    for name in (events, "logs/more.log", "benchmarks/x/y.tsv", "snakemake.html", ".DS_Store"):
        (results / name).parent.mkdir(exist_ok=True, parents=True)
        (results / name).write_text("other\n")
    assert faults(results) == []
    for number, folder in enumerate(["groups/logs", "sources/xray/full/tensorboard"]):
        (results / folder).mkdir(parents=True)
        (results / folder / "a.log").write_text("elsewhere these are names like any other")
        assert len(faults(results)) == number + 1


def test_files_behind_links_are_listed_and_links_end(results: Path, tmp_path: Path) -> None:
    """A user may have moved a part of the results to a larger disk."""
    (results / "groups/A/images").rename(tmp_path / "images")
    (results / "groups/A/images").symlink_to(tmp_path / "images")
    (results / "groups/round").symlink_to(results / "groups")
    (results / "before").symlink_to(results / "groups")  # in the order of names
    (results / "up").symlink_to(tmp_path)
    (tmp_path / "images/back").symlink_to(tmp_path / "images")
    written = list_files(results)
    assert {entry.path for entry in written.entries} == {*FILES, *THUMBNAILS}
    assert written.unlisted == ["before", "groups/A/images/back", "groups/round", "up"]


def test_a_result_that_cannot_be_read_stops_it(results: Path) -> None:
    (results / "report.html").unlink()
    (results / "report.html").symlink_to("nowhere")
    with pytest.raises(UserError, match=r"report.html: a link that leads nowhere; delete it and"):
        list_files(results)


def test_a_folder_that_cannot_be_read_is_told(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    scandir = os.scandir

    def refusing(path: str):  # type: ignore[no-untyped-def]
        if str(path).endswith("tables"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(UserError, match="tables: Permission denied; make the folder readable"):
        list_files(results)
    errors: list[OSError] = []
    assert "report.html" in set(walk(results, errors.append)) and len(errors) == 1
