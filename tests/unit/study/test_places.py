"""Where a study may write, and which sources are synthetic."""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from helpers.workflow import PROJECT

from pgdose.errors import UserError
from pgdose.study.parsing import parse
from pgdose.study.places import OF_THE_PROJECT
from pgdose.study.study import Study

STUDY = (PROJECT / "tests/data/studies/small.yaml").read_text()


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home/me"))


def study(**places: Any) -> dict[str, Any]:
    """The small study with other places; `privacy__key` is `privacy.key`."""
    content = yaml.safe_load(STUDY)
    for field, place in places.items():
        section, _, key = field.partition("__")
        content[section] = {**content.get(section, {}), key: place} if key else place
    return content


def refusal(field: str, place: Any, **others: Any) -> str:
    with pytest.raises(UserError) as caught:
        parse(study(**others, **{field: place}))
    return str(caught.value)


FIELDS = ["results", "privacy__key", "privacy__folder", "phantom__root"]
EVERYWHERE = ["~", ".", "..", "/", "./", "a/..", *OF_THE_PROJECT, "src/a", "workflow/../src/b"]
EVERYWHERE += ["a" * 256, "é" * 130, "/".join(["abc"] * 1000), "x" * 5000, "~no_such_user/x"]


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("place", EVERYWHERE, ids=lambda place: place[:12])
def test_a_place_in_use_is_refused_with_its_field(field: str, place: str) -> None:
    message = refusal(field, place)
    assert f"  {field.replace('__', '.')}: " in message
    assert any(words in message for words in ("use ", "must be a "))
    assert len(message) < 1000


@pytest.mark.parametrize(
    ("field", "place"),
    [
        ("results", "private"),
        ("results", "private/small"),
        ("results", "private/x/y"),
        ("results", "hospital"),
        ("results", "hospital/xray/a"),
        ("results", "results/../private"),
        ("privacy__folder", "results/small/private"),
        ("privacy__folder", "results/private"),
        ("privacy__folder", "hospital"),
        ("privacy__folder", "private/key"),
        ("privacy__key", "results/small/key"),
        ("privacy__key", "private"),
        ("privacy__key", "private/small"),
        ("privacy__key", "hospital/xray/key"),
        ("phantom__root", "results/small"),
        ("phantom__root", "private/hospital"),
    ],
)
def test_private_results_and_inputs_lie_apart(field: str, place: str) -> None:
    message = refusal(field, place)
    assert "such as " in message or "; use " in message


def test_places_elsewhere_lie_apart_too() -> None:
    assert "results: '/data/x' " in refusal("results", "/data/x", privacy__folder="/data/x")
    assert "privacy.key" in refusal("privacy__key", "/data/x/key", results="/data/x")
    assert "results" in refusal("results", "/data/p/x", privacy__folder="/data/p")


def test_a_link_leads_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "private").mkdir()
    (tmp_path / "link").symlink_to("private")
    assert "results: 'link/x' lies in the folder 'private'" in refusal("results", "link/x")


@pytest.mark.parametrize("place", [5, True, ["a"], {"a": "b"}])
@pytest.mark.parametrize("field", FIELDS)
def test_a_place_is_a_text(field: str, place: Any) -> None:
    assert "must be a text" in refusal(field, place)


def test_files_and_folders_are_not_mixed_up(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    assert "is a file" in refusal("results", "file")
    assert "is a folder" in refusal("privacy__key", "folder")


@pytest.mark.parametrize(
    ("field", "place", "words"),
    [
        ("results", "/dev/null", "a folder of the system"),
        ("results", "/dev/shm", "a folder of the system"),
        ("privacy__key", "/dev/zero", "a folder of the system"),
        ("privacy__key", "/proc/self/mem", "a folder of the system"),
        ("privacy__folder", "/sys/x", "a folder of the system"),
        ("results", "Snakefile", "the project's file 'Snakefile'"),
        ("results", "Snakefile/x", "the project's file 'Snakefile'"),
        ("privacy__key", "snakefile", "the project's file 'snakefile'"),
        ("privacy__key", "config.yaml", "the project's file"),
        ("results", "a file/x/y", "lies in 'a file', which is a file"),
        ("privacy__key", "a pipe", "is a pipe or a device"),
        ("results", "a pipe", "is a file"),
        ("results", "SRC/x", "the folder 'SRC'"),
        ("results", "Private/x", "the folder 'Private'"),
        ("privacy__folder", "RESULTS/x", "the folder 'RESULTS'"),
        ("privacy__key", "private/small/breast/paths.parquet", "the private folder of sources.br"),
    ],
)
def test_a_place_that_cannot_be_one(field: str, place: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    os.mkfifo(tmp_path / "a pipe")
    assert words in refusal(field, place)


@pytest.mark.parametrize("field", ["results", "privacy__folder", "privacy__key"])
def test_no_table_can_name_what_a_study_writes(field: str) -> None:
    mine = {"kind": "table", "root": "data", "table": "data.csv"}
    content = study(**{field: "data/x/y"})
    content["sources"]["mine"] = mine
    with pytest.raises(UserError, match=r"shares its files with sources\.mine\.root, 'data'"):
        parse(content)


@pytest.mark.parametrize("field", ["results", "privacy__folder", "privacy__key"])
def test_nothing_is_written_into_a_folder_of_outlines(field: str) -> None:
    content = study(**{field: "drawn/x/y"})
    content["sources"]["breast"]["outlines_root"] = "drawn"
    match = r"shares its files with sources\.breast\.outlines_root, 'drawn'"
    with pytest.raises(UserError, match=match):
        parse(content)


def test_a_persons_outlines_make_no_synthetic_source() -> None:
    content = study()
    synthetic = parse(content).synthetic("breast")
    content["sources"]["breast"]["outlines_root"] = "drawn"
    assert synthetic and not parse(content).synthetic("breast")


def test_usual_places_pass(tmp_path: Path) -> None:
    assert parse(study(results="~/x")).results == str(tmp_path / "home/me/x")
    assert parse(study(results="results/x/")).results == "results/x"
    assert parse(study(results="results/x/")).privacy.folder == "private/x"
    for field, place in [
        ("results", "results/a b; c"),
        ("results", "/data/results"),
        ("results", "elsewhere"),
        ("privacy__key", "key"),
        ("results", "/dev/shm/x"),
        ("privacy__key", "/secrets/key"),
        ("privacy__key", "private/small/key"),
        ("privacy__folder", "private"),
        ("privacy__folder", "~/private"),
        ("phantom__root", "/tmp/hospital"),
    ]:
        parse(study(**{field: place}))


# --- what is synthetic --------------------------------------------------------------------------


def source(name: str, **changes: Any) -> Study:
    """The small study with a source changed."""
    content = study()
    entry = content["sources"][name]
    for key, value in changes.items():
        if key == "reports":
            entry["reports"] = {**entry["reports"], "table": value}
        else:
            entry[key] = value
    return parse(content)


def test_what_the_phantom_makes_is_synthetic(tmp_path: Path) -> None:
    assert [parse(study()).synthetic(name) for name in ("xray", "fields", "breast")] == [True] * 3
    assert source("fields", table=None, layout="{class}/{patient}_*").synthetic("fields")
    assert source("fields", root=f"{tmp_path}/hospital/./fields").synthetic("fields")
    assert source("fields", table="hospital/truth/fields.csv").synthetic("fields")


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("xray", {"root": "/archive"}),  # real films, and reports below phantom.root
        ("xray", {"reports": "hospital/real/reports.csv"}),
        ("xray", {"reports": "hospital/real.csv", "root": "hospital/real"}),
        ("fields", {"table": "hospital/mine.csv"}),
        ("fields", {"root": "hospital/mine"}),
        ("fields", {"table": "hospital/slides.csv"}),
        ("breast", {"table": "hospital/../slides.csv"}),
        ("breast", {"root": "hospital/slides/mine"}),
    ],
)
def test_real_files_beside_the_phantom_s_are_not_synthetic(
    name: str, changes: dict[str, str]
) -> None:
    assert not source(name, **changes).synthetic(name)


@pytest.mark.parametrize("part", ["xray", "fields", "slides"])
@pytest.mark.parametrize("kind", ["table", "dicom_archive", "microscope_fields", "slides"])
def test_another_kind_of_source_is_not_synthetic(part: str, kind: str) -> None:
    """Its rules do not look for files that the hospital did not make."""
    phantom = parse(study()).phantom
    assert phantom
    suits = {"dicom_archive": "xray", "microscope_fields": "fields", "slides": "slides"}
    for table in (None, f"hospital/truth/{part}.csv"):
        assert phantom.makes(kind, f"hospital/{part}", table) == (suits.get(kind) == part)


def test_a_table_of_the_phantom_s_fields_is_not_synthetic() -> None:
    content = study()
    mine = {"kind": "table", "root": "hospital/fields", "table": "hospital/fields.csv"}
    content["sources"]["mine"] = mine
    assert not parse(content).synthetic("mine")


def test_a_part_that_the_phantom_does_not_make_is_not_synthetic() -> None:
    content = study()
    del content["phantom"]["xray"]
    assert not parse(content).synthetic("xray")


def test_an_archive_does_not_hold_the_synthetic_hospital() -> None:
    with pytest.raises(UserError, match=r"phantom\.root: 'hospital' shares its files"):
        source("xray", root="hospital")
