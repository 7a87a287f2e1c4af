"""The command line: what is printed where, and the exit status."""

import json
import sys
from pathlib import Path

import pandas as pd
import pytest

from pgdose.cli.evidence import evidence
from pgdose.cli.main import main
from pgdose.cli.where import where
from pgdose.errors import UserError
from pgdose.study.versions import CURRENT


def command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["pgdose", *arguments])
    return main()


def paths(folder: Path, **files: str) -> Path:
    """A source's private table of files."""
    folder.mkdir(parents=True)
    rows = pd.DataFrame(
        {"record_id": list(files), "path": [name.encode() for name in files.values()]}
    )
    rows.to_parquet(folder / "paths.parquet")
    return folder


def test_where_names_the_file_of_each_source_that_has_the_record(tmp_path: Path) -> None:
    xray = paths(tmp_path / "one/xray", a1="/archive/1.dcm", b2="/archive/2.dcm")
    again = paths(tmp_path / "two/xray", a1="/archive/1.dcm")
    assert where("a1", tmp_path) == {xray: "/archive/1.dcm", again: "/archive/1.dcm"}
    with pytest.raises(UserError, match=r"no record 'c3' below .*; check the id"):
        where("c3", tmp_path)
    with pytest.raises(
        UserError, match="run the study first, or give its private folder with --private"
    ):
        where("a1", tmp_path / "nowhere")


def test_evidence_is_for_sources_with_reports(tmp_path: Path) -> None:
    folder = paths(tmp_path / "one/tiles", a1="/slides/1.svs")
    with pytest.raises(UserError, match="source tiles has no reports; use a record of"):
        evidence("a1", folder)


def test_a_mistake_goes_to_the_error_output_with_status_1(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert command(monkeypatch, "verify", str(tmp_path)) == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("pgdose verify: no image stores, tables or networks below")


def test_lines_go_to_the_output_as_bytes(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path
) -> None:
    folder = tmp_path / "one/xray"
    folder.mkdir(parents=True)
    rows = pd.DataFrame({"record_id": ["a1"], "path": [b"/archive/\xff.dcm"]})
    rows.to_parquet(folder / "paths.parquet")
    assert command(monkeypatch, "where", "a1", "--private", str(tmp_path)) == 0
    assert capfdbinary.readouterr().out == b"/archive/\xff.dcm\n"


def test_the_schema_is_printed(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, "schema") == 0
    assert "format_version" in json.loads(capfd.readouterr().out)["properties"]


def test_migrate_rewrites_a_file(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("study: mine # here\n")
    assert command(monkeypatch, "migrate", str(path)) == 0
    assert f"format_version: set to {CURRENT}" in capfd.readouterr().out
    assert path.read_text() == f"format_version: {CURRENT}\nstudy: mine # here\n"
