"""What was fetched has the ids of a folder with the same files; what was not is counted too."""

import os
from pathlib import Path

import pandas as pd

from pgdose.pacs.fetched_files import source_files
from pgdose.tables import source_files as folders
from pgdose.tables.keyed import SourceIds

KEY = b"k" * 32


def test_fetched_files_are_those_of_the_folder(tmp_path: Path) -> None:
    names = ["1.2.10.dcm", "1.2.9.dcm", "1.2.1.dcm"]
    rows = []
    for name in names:
        (tmp_path / name).write_bytes(b"film")
        path = os.fsencode(tmp_path / name)
        row = {"instance": name.removesuffix(".dcm"), "path": path, "reason": None, "detail": None}
        rows.append(row | {"role": "document" if name == "1.2.9.dcm" else "film"})
    listed = list(folders.list_files(tmp_path, key=KEY, source="films"))
    gone = {"instance": "1.2.5", "path": None, "reason": "not_fetched", "detail": "HTTP 404"}
    table = pd.DataFrame([*rows, gone | {"role": "document"}])
    files, documents, rejects = source_files(table, tmp_path, SourceIds(KEY, "films"))
    without = [file for file in files if file["record_id"] != rejects[0]["record_id"]]
    assert without == listed
    assert len(files) == 4 and len(rejects) == 1
    assert [Path(row["path"]).name for row in documents] == ["1.2.9.dcm"]
    assert rejects[0] | {"record_id": ""} == {
        "record_id": "",
        "reason": "not_fetched",
        "detail": "HTTP 404",
    }


def test_files_of_an_earlier_search_are_not_listed(tmp_path: Path) -> None:
    """The root may hold more than the study asks for now."""
    (tmp_path / "1.2.1.dcm").write_bytes(b"film")
    empty = pd.DataFrame(columns=["instance", "role", "path", "reason", "detail"], dtype=object)
    assert source_files(empty, tmp_path, SourceIds(KEY, "films")) == ([], [], [])
