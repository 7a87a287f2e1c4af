"""The secret key of the ids: what is accepted as one, and that it is never lost in silence."""

import os
import secrets
import stat
import threading
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from helpers.workflow import PROJECT

from pgdose.errors import UserError
from pgdose.preflight import check_inputs
from pgdose.study.parsing import parse
from pgdose.study.study import Study
from pgdose.tables import output_files, parquet, site_key, source_index
from pgdose.tables.site_key import ENTRY, fingerprint, key_metadata, load_key, make_key

SMALL = yaml.safe_load((PROJECT / "tests/data/studies/small.yaml").read_text())
GOOD = "0123456789abcdef" * 4

NO_KEYS = {
    "empty": b"",
    "blank": b" \n\t ",
    "short": b"ab12",
    "nearly": GOOD[:-1].encode(),
    "odd": GOOD.encode() + b"a",
    "noughts": b"0" * 64,
    "words": b"correct horse battery staple " * 4,
    "zeros of a lost write": b"\0" * 64,
    "binary": bytes(range(256)),
    "two keys": f"{GOOD}\n{GOOD}".encode(),
}


def refusal(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        load_key(path)
    return str(caught.value)


@pytest.mark.parametrize("content", NO_KEYS.values(), ids=NO_KEYS)
def test_what_is_no_key_is_refused_and_not_quoted(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    message = refusal(path)
    assert message.startswith("privacy.key: ") and str(path) in message
    assert "restore it from a backup" in message and "64 random hexadecimal digits" in message
    for piece in (content[:4], content[-4:]):
        assert not piece.strip() or piece.decode("latin-1") not in message.replace(str(path), "")
    make_key(path)  # it is not taken for missing
    assert path.read_bytes() == content


@pytest.mark.parametrize("content", [GOOD, f" {GOOD}\n", GOOD.upper(), f"{GOOD}\r\n"])
def test_a_key_may_have_been_copied_by_hand(content: str, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(content.encode())
    assert load_key(tmp_path / "key") == bytes.fromhex(GOOD)


def test_a_job_makes_no_key(tmp_path: Path) -> None:
    assert "there is no key file" in refusal(tmp_path / "private/key")
    assert not list(tmp_path.iterdir())


def test_a_key_is_on_the_disk_before_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, synced = tmp_path / "private/key", []

    def sync(place: Path) -> None:
        # The file is whole before anybody can read it under its name.
        synced.append((place == path.parent, path.exists()))
        assert place == path.parent or len(place.read_text()) == 64
        output_files.sync(place)

    monkeypatch.setattr(site_key, "sync", sync)
    make_key(path)
    assert synced == [(False, False), (True, True)]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["key"]


@pytest.mark.parametrize("failing", ["sync", "hardlink_to"])
def test_a_key_that_fails_leaves_nothing(
    failing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(site_key if failing == "sync" else Path, failing, fail)
    with pytest.raises(OSError, match="no space"):
        make_key(tmp_path / "private/key")
    assert not list((tmp_path / "private").iterdir())


def test_studies_that_begin_at_once_share_a_key(tmp_path: Path) -> None:
    path, keys = tmp_path / "private/key", []

    def begin() -> None:
        make_key(path)
        keys.append(load_key(path))

    threads = [threading.Thread(target=begin) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 16 and len(set(keys)) == 1


def test_a_fingerprint_tells_keys_apart() -> None:
    keys = [secrets.token_bytes(32) for _ in range(200)]
    prints = [fingerprint(key) for key in keys]
    assert len(set(prints)) == 200
    for key, text in zip(keys, prints, strict=True):
        assert len(text) == 16 and text not in key.hex()
    assert key_metadata(keys[0], None) == {ENTRY: prints[0]}
    assert key_metadata(keys[0], 7) == {ENTRY: "synthetic"}


# --- what was made with a key -------------------------------------------------------------------


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """A study of one source of real images, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    Path("data/table.csv").write_text("image,patient,class\n")
    sources = {"mine": {"kind": "table", "root": "data", "table": "data/table.csv"}}
    group = {"title": "t", "classes": {}}
    for name in ("C1", "C2"):
        group["classes"][name] = {"source": "mine", "where": {"class": name}, "count": "all"}
    content = {key: SMALL[key] for key in ("study", "attacks", "training")}
    group["image"] = {"size": 75}
    return parse({**content, "sources": sources, "groups": {"G": group}})


RECORDS, PATHS = "results/small/sources/mine/records.parquet", "private/small/mine/paths.parquet"
SLIDES, SLIDE_FILES = (
    "results/small/sources/mine/slides/3.parquet",
    "private/small/mine/slide_files/3.parquet",
)
REMOVED = "results/small/sources/an_earlier_source/records.parquet"


def put(path: str, entry: str | None) -> None:
    metadata = {} if entry is None else {ENTRY: entry}
    parquet.write_table(pd.DataFrame({"record_id": ["a"]}), path, metadata=metadata)


def stopped(study: Study) -> str:
    with pytest.raises(UserError) as caught:
        check_inputs(study)
    return str(caught.value)


def test_a_new_study_begins_without_a_key(study: Study) -> None:
    check_inputs(study)
    make_key(Path("private/key"))
    check_inputs(study)


@pytest.mark.parametrize("table", [RECORDS, PATHS, SLIDES, SLIDE_FILES, REMOVED])
def test_a_study_goes_on_with_its_own_key_alone(table: str, study: Study) -> None:
    make_key(Path("private/key"))
    mine = fingerprint(load_key(Path("private/key")))
    put(table, mine)
    check_inputs(study)
    place = "/".join(table.split("/")[: 4 if table.startswith("results") else 3])

    Path("private/key").rename("key.lost")
    message = stopped(study)
    assert "privacy.key: there is no key file 'private/key'" in message
    assert f"{place}/; restore the key from a backup, or delete that folder" in message

    make_key(Path("private/key"))
    other = fingerprint(load_key(Path("private/key")))
    message = stopped(study)
    assert f"(fingerprint {other}) did not make the ids in {place}/ (fingerprint {mine})" in message
    assert load_key(Path("private/key")).hex() not in message

    Path("key.lost").replace("private/key")
    check_inputs(study)


def test_the_key_of_another_study_in_the_folder_is_missed_too(study: Study) -> None:
    put("private/other/films/paths.parquet", "0123456789abcdef")
    assert "private/other/films/; restore the key" in stopped(study)
    make_key(Path("private/key"))
    check_inputs(study)  # the other study stops, if it is another key


def test_synthetic_tables_need_no_key(study: Study) -> None:
    for table in (RECORDS, PATHS, "private/other/films/paths.parquet"):
        put(table, "synthetic")
    check_inputs(study)


def test_tables_of_earlier_versions_need_some_key(study: Study) -> None:
    put(RECORDS, None)
    assert "there is no key file" in stopped(study)
    make_key(Path("private/key"))
    check_inputs(study)


def test_a_damaged_table_needs_some_key(study: Study) -> None:
    put(RECORDS, "0123456789abcdef")
    Path(RECORDS).write_bytes(b"PAR1" + b"\0" * 50)
    assert "there is no key file" in stopped(study)


def test_a_bad_key_stops_before_any_job(study: Study) -> None:
    Path("private").mkdir()
    Path("private/key").touch()
    assert "privacy.key: 'private/key' is empty" in stopped(study)


def test_a_synthetic_study_asks_for_no_key(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    Path("resources").symlink_to(PROJECT / "resources")
    Path("private").mkdir()
    Path("private/key").touch()
    put("results/small/sources/xray/records.parquet", "synthetic")
    put("results/small/sources/breast/records.parquet", "0123456789abcdef")  # was real before
    check_inputs(parse(SMALL))


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_who_may_not_read_the_key_can_draw_figures(study: Study) -> None:
    make_key(Path("private/key"))
    put(RECORDS, "0123456789abcdef")
    Path("private/key").chmod(0)
    check_inputs(study)


def test_tables_of_several_keys_are_not_joined(tmp_path: Path) -> None:
    for name, entry in (("a", "1" * 16), ("b", "1" * 16), ("c", "2" * 16), ("old", None)):
        put(f"{tmp_path}/{name}.parquet", entry)
    a, b, c, old = (tmp_path / f"{name}.parquet" for name in ("a", "b", "c", "old"))
    assert source_index.common_key([a, b, old], "s") == {ENTRY: "1" * 16}
    assert source_index.common_key([old], "s") == {}
    assert source_index.common_key([old], "s", {ENTRY: "3"}) == {ENTRY: "3"}
    for paths, entry in (([a, c], {}), ([a], {ENTRY: "2" * 16})):
        with pytest.raises(UserError, match=r"sources\.s: its tables were made with several keys"):
            source_index.common_key(paths, "s", entry)
