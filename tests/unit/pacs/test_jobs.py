"""The jobs of the workflow, from a server to the tables that the rules of a folder read."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from helpers.jobs import run_script
from helpers.pacs_servers import Faults, Holdings, films, stored, web_server

from pgdose.tables import parquet, private_paths, site_key
from pgdose.user_tables import notes


def run_jobs(folder: Path, url: str, shards: int = 2) -> None:
    """List and fetch all films of a server."""
    source = {
        "kind": "pacs",
        "root": str(folder / "films"),
        "server": {"dicomweb": {"url": url}},
        "find": {"modalities": ["CR"]},
        "fetch": {"retries": 0, "least_free_gb": 0},
        "shards": shards,
    }
    study: dict[str, Any] = {"config": {"sources": {"xray": source}}}
    study["wildcards"] = {"source": "xray"}
    listed, key = str(folder / "listed.parquet"), folder / "key"
    run_script("list_on_pacs", folder, output={"listed": listed}, **study)
    fetched = []
    for shard in range(shards):
        fetched.append(str(folder / f"{shard}.parquet"))
        study["wildcards"] = {"source": "xray", "shard": str(shard)}
        run_script("fetch", folder, input={"a": listed}, output={"a": fetched[-1]}, **study)
    site_key.make_key(key)
    names = ("paths", "documents", "not_fetched")
    run_script(
        "list_fetched",
        folder,
        input={"fetched": fetched},
        output={name: str(folder / f"{name}.parquet") for name in names},
        params={"root": source["root"], "key": str(key), "key_seed": None},
        wildcards={"source": "xray"},
    )


def test_each_listed_instance_has_a_path_and_a_reason_if_it_is_not_there(tmp_path: Path) -> None:
    """Some servers do not say the SOP class of what they list."""
    instances = [*films(5), dataclasses.replace(stored(6), sop_class="")]
    gone = instances[2].uid
    with web_server(Holdings(instances, Faults(vanished={gone}, claims=2))) as url:
        run_jobs(tmp_path, url)
    paths = private_paths.read_shard(tmp_path / "paths.parquet", 0, 1)
    assert [path.name for _, path in paths] == sorted(f"{one.uid}.dcm" for one in instances)
    assert {path.name for _, path in paths if not path.exists()} == {f"{gone}.dcm"}
    rejects = parquet.read_table(tmp_path / "not_fetched.parquet")
    assert rejects["reason"].tolist() == ["not_fetched"]
    assert dict(paths)[rejects["record_id"][0]].name == f"{gone}.dcm"
    [note] = notes.from_metadata(parquet.read_metadata(tmp_path / "listed.parquet"))
    assert note == "12 instances that the PACS counts are not there in its lists"


def test_a_mistake_names_the_field_of_its_source(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with web_server(Holdings([])) as url, pytest.raises(SystemExit):
        run_jobs(tmp_path, url)
    assert "sources.xray.find: the PACS lists nothing that fits it" in caplog.text
    assert not (tmp_path / "listed.parquet").exists()
