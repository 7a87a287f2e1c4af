"""The secret key of the ids: what is accepted as one, and that it is never lost in silence."""

import hashlib
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
from pgdose.tables import (
    keyed,
    output_files,
    parquet,
    private_paths,
    site_key,
    source_files,
    source_index,
)
from pgdose.tables.site_key import ENTRY, fingerprint, key_metadata, load_key, make_key

SMALL = yaml.safe_load((PROJECT / "tests/data/studies/small.yaml").read_text())
GOOD = hashlib.sha256(b"a key").hexdigest()

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
    "few digits": b"01234567" + b"0" * 56,
    "a period": b"0123456701234567" * 4,
    "all digits": b"0123456789abcdef" * 4,
    "a broken period": b"0123456789abcde" * 4 + b"0123",
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


def test_random_keys_are_accepted(tmp_path: Path) -> None:
    assert all(site_key.is_random(secrets.token_hex(32).encode()) for _ in range(2000))
    assert all(site_key.is_random(secrets.token_hex(64).encode()) for _ in range(200))


def strange_places(folder: Path) -> dict[str, Path]:
    """Places of a key that are no file, or one that nobody can use."""
    pipe, loop, nowhere, endless = (folder / n for n in ("pipe", "loop", "nowhere", "endless"))
    os.mkfifo(pipe)
    loop.symlink_to(loop)
    nowhere.symlink_to(folder / "gone")
    with endless.open("wb") as file:
        file.truncate(8 * 2**30)
    return {
        "is no regular file": pipe,
        "is no regular file; give": Path("/dev/zero"),
        "cannot be read": loop,
        "is a link to a file that is not there": nowhere,
        "has more than 4096 bytes": endless,
    }


def test_a_key_is_a_regular_file(tmp_path: Path) -> None:
    for words, path in strange_places(tmp_path).items():
        assert words in refusal(path)
        # Planning says the same, in a study that has no results, too.
        assert words in "".join(site_key.check_key(path, {}))
    with pytest.raises(UserError, match="is a link to a file that is not there"):
        make_key(tmp_path / "nowhere")
    assert (tmp_path / "nowhere").is_symlink() and not (tmp_path / "gone").exists()


def test_a_job_says_what_to_do_with_a_key_that_it_may_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_key(tmp_path / "key")

    def refuse(*_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert "cannot be read (Permission denied); let its owner" in refusal(tmp_path / "key")
    assert site_key.check_key(tmp_path / "key", {"a/": ["0123456789abcdef"]}) == []


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


@pytest.mark.parametrize(
    ("key", "folder", "table"),
    [
        ("keys/k", "", "private/b/films/paths.parquet"),
        ("keys/k", "", "private/b/slides/slide_files/0.parquet"),
        ("private/key", "private", "private/pic/paths.parquet"),
        ("private/key", "private/2024/b", "private/2024/a/films/paths.parquet"),
        ("keys/k", "tables/2024/b", "tables/2024/a/films/paths.parquet"),
        ("keys/k", "", "keys/2024/a/films/paths.parquet"),
    ],
)
@pytest.mark.parametrize("entry", ["0123456789abcdef", None])
def test_no_key_is_made_where_any_tables_of_ids_are(
    key: str, folder: str, table: str, entry: str | None, study: Study
) -> None:
    put(table, entry)
    privacy = {"key": key, "folder": folder}
    study = parse(study.model_dump(by_alias=True, exclude_unset=True) | {"privacy": privacy})
    place = Path(table).parent.parent if "slide_files" in table else Path(table).parent
    assert f"there is no key file {key!r}" in (message := stopped(study))
    old = " (maybe: it is of an earlier version)" if entry is None else ""
    assert f"{place}/{old}; restore the key" in message
    put(table, "synthetic")
    check_inputs(study)


def test_the_search_for_tables_leaves_inputs_alone(study: Study) -> None:
    put("private/.cache/paths.parquet", "0123456789abcdef")
    put("data/paths.parquet", "0123456789abcdef")  # the source's root
    check_inputs(study)


@pytest.mark.parametrize("name", ["planned", "members"])
def test_groups_are_named_too(name: str, study: Study) -> None:
    table = f"results/small/groups/G/{name}.parquet"
    put(table, "0123456789abcdef")
    assert "there is no key file" in stopped(study) and "groups/G/; restore" in stopped(study)
    make_key(Path("private/key"))
    assert "did not make the ids in results/small/groups/G/" in stopped(study)
    put(table, None)  # of an earlier version: those of its sources say it
    check_inputs(study)


def test_a_group_knows_the_key_of_its_sources(tmp_path: Path) -> None:
    tables = {"a": "1" * 16, "b": "1" * 16, "c": "2" * 16, "old": None, "phantom": "synthetic"}
    for name, entry in tables.items():
        put(f"{tmp_path}/{name}.parquet", entry)
    a, b, c, old, phantom = (tmp_path / f"{name}.parquet" for name in tables)
    assert source_index.key_of_group([a, b, old, phantom], "G") == {ENTRY: "1" * 16}
    assert source_index.key_of_group([old, phantom], "G") == {ENTRY: "synthetic"}
    assert source_index.key_of_group([old], "G") == {}
    with pytest.raises(UserError, match=r"groups\.G: the ids of its sources were made with sev"):
        source_index.key_of_group([a, c, phantom], "G")


@pytest.mark.parametrize("kind", ["archive", "table", "fields"])
def test_a_key_is_tried_on_tables_that_do_not_name_theirs(kind: str, study: Study) -> None:
    """Each kind of source makes ids of its files' names in its own way."""
    names = ["a.png", "b/ü.png"]
    for name in names:
        Path("data", name).parent.mkdir(exist_ok=True)
        Path("data", name).touch()
    make_key(Path("private/key"))
    key = load_key(Path("private/key"))
    if kind == "archive":
        rows = list(source_files.list_files(Path("data"), key=key, source="mine"))
    else:
        rows = [
            {"record_id": keyed.opaque(key, "mine", name, *xy), "path": f"data/{name}"}
            for name in names
            for xy in ([()] if kind == "table" else [(), ("0,0",)])
        ]
    private_paths.write_paths(rows, PATHS)
    check_inputs(study)
    Path("private/key").unlink()
    make_key(Path("private/key"))
    message = stopped(study)
    assert "did not make the ids in private/small/mine/ (fingerprint not recorded)" in message
    private_paths.write_paths([row | {"path": "/elsewhere/a"} for row in rows], PATHS)
    check_inputs(study)  # the root has moved since


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
