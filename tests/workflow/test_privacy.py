"""No planted name, number, date or sentence leaves its hospital, and what is private stays so."""

import io
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from helpers.leaks import CYRILLIC, NAME, PATIENTS, ROOT, STUDY, leaks, mark, plant
from helpers.workflow import SMALL, Run, checkout, snakemake
from PIL import Image
from safetensors.numpy import save_file

from pgdose.cli.share import share
from pgdose.errors import UserError
from pgdose.tables import parquet, result_csv, site_key
from pgdose.user_tables.formats import UserTable, find_columns, read_header

# --- the search -------------------------------------------------------------------------------


def _base64_png(path: Path) -> None:
    import base64

    picture = io.BytesIO()
    mark(Image.new("RGB", (8, 8)), path.with_suffix(".png"))
    picture.write(path.with_suffix(".png").read_bytes())
    path.with_suffix(".png").unlink()
    packed = base64.b64encode(picture.getvalue()).decode()
    path.write_text(f'<img src="data:image/png;base64,{packed}">')


HIDDEN: dict[str, Callable[[Path], Any]] = {
    "a.csv": lambda path: path.write_text(f"a,b\n1,{CYRILLIC}\n"),
    "b.csv": lambda path: path.write_text("day\n1938-05-17\n"),
    "a.log": lambda path: path.write_text("1.2.47114711471147114711.3"),
    "a.json": lambda path: path.write_text(
        '{"a": "\\u0417\\u044b\\u043a\\u0449\\u044e\\u0432\\u0430"}'
    ),
    "a.txt": lambda path: path.write_text(NAME, encoding="utf-16"),
    "b.txt": lambda path: path.write_text(CYRILLIC, encoding="cp1251"),
    "a.parquet": lambda path: pd.DataFrame({"a": [NAME] * 999}).to_parquet(path),
    "b.parquet": lambda path: pd.DataFrame({"a": [NAME.encode()] * 999}).to_parquet(path),
    "c.parquet": lambda path: pd.DataFrame({"a": pd.Categorical([NAME, "b"])}).to_parquet(path),
    "d.parquet": lambda path: parquet.write_table(
        pd.DataFrame({"a": [1]}), path, None, {"a": NAME}
    ),
    "a.npz": lambda path: np.savez_compressed(path, a=np.array([NAME] * 99)),
    "a.safetensors": lambda path: save_file({"a": np.zeros(2)}, path, {"a": NAME}),
    "a.png": lambda path: mark(Image.new("RGB", (8, 8)), path),
    "a.jpg": lambda path: mark(Image.new("RGB", (8, 8)), path),
    "a.tif": lambda path: mark(Image.new("RGB", (8, 8)), path),
    "a.html": _base64_png,
    "b.html": lambda path: path.write_text("&#1047;&#1099;&#1082;&#1097;&#1102;&#1074;&#1072;"),
    "zqxwov/empty": lambda path: (path.parent.mkdir(), path.touch()),
}


@pytest.mark.parametrize("name", HIDDEN)
def test_the_search_finds_what_is_hidden(name: str, tmp_path: Path) -> None:
    HIDDEN[name](tmp_path / name)
    assert {file for file, _ in leaks(tmp_path, PATIENTS)} >= {name}


def test_the_search_finds_nothing_where_nothing_is(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a\n0.19380517\n193805171\nzqx w\n")
    pd.DataFrame({"a": ["b"]}).to_parquet(tmp_path / "a.parquet")
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    assert leaks(tmp_path, [*PATIENTS, *STUDY]) == []


# --- a study on a planted hospital ------------------------------------------------------------


def planted_study(folder: Path) -> dict[str, Any]:
    """The small study on the planted hospital, cut short, with a table of images beside."""
    text = (folder / SMALL).read_text().replace("hospital", f"data/{ROOT}")
    study = yaml.safe_load(text)
    del study["phantom"], study["sources"]["xray"]["reports"]["hand_labels"]
    del study["training_size"], study["attacks"]["noise"]
    groups = study["groups"]
    del groups["X-AO"], groups["H-BR"]
    groups["H-OV"]["classes"]["C1"] = {
        "source": "breast",
        "where": {"class": "tumour"},
        "count": 12,
    }
    groups["X-TB"]["classes"]["C2"]["count"] = 12
    for part in (*study["sources"].values(), *groups.values()):
        part["shards"] = 1
    study["sources"]["films"] = {
        "kind": "table",
        "root": f"data/{ROOT}/films",
        "table": f"data/{ROOT}/films.csv",
        "several": "first",  # one image has two rows
        "columns": {"age": "age", "sex": "sex", "view": "view", "class": "class"},
    }
    groups["T"] = {
        "title": "Two / one",
        "image": {"size": 75},
        "classes": {
            name: {"source": "films", "where": {"class": name}, "count": "all"}
            for name in ("one", "two")
        },
        "networks": {"theirs": {"file": f"data/{ROOT}/network.onnx", "classes": ["one", "two"]}},
    }
    study["split"] = {"training": 0.5}  # so that enough patients are attacked to share rates
    groups["H-OV"]["networks"]["shuffle"].pop("keep")  # which holds out more patients
    study["attacks"]["paper"] |= {"epsilon": [0.1], "images": 12, "shards": 1}
    study["attacks"]["paper"]["export"] = {"images": 1, "dicom": True}
    study["checks"] = {"images": 0}
    return study


@pytest.fixture(scope="module")
def planted(small_study: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run]:
    """A checkout in which a study was carried out on the planted hospital, with an umask of 0."""
    folder = checkout(tmp_path_factory.mktemp("planted"))
    plant(small_study / "hospital", folder / "data")
    outside = folder / "data" / f"outside {NAME}.dcm"
    film = next((folder / f"data/{ROOT}/xray").rglob("zqxwov 20.dcm"))
    outside.write_bytes(film.read_bytes())
    film.with_name(f"link {NAME}.dcm").symlink_to(outside)
    study = planted_study(folder)
    (folder / "planted.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
    before = os.umask(0)
    try:
        run = snakemake(folder, study="planted.yaml")
    finally:
        os.umask(before)
    assert run.returncode == 0, run.stdout[-5000:] + run.stderr[-5000:]
    return folder, run


def test_the_hospital_is_planted_throughout(planted: tuple[Path, Run]) -> None:
    """Otherwise finding nothing would prove nothing."""
    root = planted[0] / "data" / ROOT
    found = {file for file, _ in leaks(root, PATIENTS)}
    assert found >= {str(p.relative_to(root)) for p in root.rglob("*.*") if p.is_file()} - {
        str(p.relative_to(root)) for p in (root / "slides/outlines").rglob("*") if p.is_file()
    }
    private = {word.lower() for _, word in leaks(planted[0] / "private", PATIENTS)}
    assert {b"zqxwov", b"1938-05-17"} <= private


def test_much_of_it_was_used_and_some_rejected(planted: tuple[Path, Run]) -> None:
    results = planted[0] / "results/small"
    reasons = {
        source: set(parquet.read_table(results / f"sources/{source}/rejects.parquet")["reason"])
        for source in ("xray", "fields", "breast", "films")
    }
    assert reasons["xray"] >= {"outside_root", "not_dicom", "not_grey", "not_chest"}
    assert reasons["fields"] == {"not_an_image", "file_missing", "no_class_name", "outside_root"}
    assert reasons["breast"] >= {"outside_root", "unmapped_class", "unreadable_slide"}
    assert reasons["films"] >= {"no_patient", "file_missing"}
    exported = results / "groups/T/full/paper/images"
    assert {path.suffix for path in exported.glob("[!.]*")} == {".png", ".dcm", ".csv"}


def test_nothing_planted_leaves_the_sources(planted: tuple[Path, Run]) -> None:
    folder, run = planted
    for part in ("results", "work", ".snakemake"):
        assert leaks(folder / part, PATIENTS) == [], part
    assert leaks(folder / "results", [*STUDY, str(folder)]) == []
    assert leaks(folder / "work", STUDY) == []
    text = folder / "screen.txt"
    text.write_text(run.stdout + run.stderr)
    assert {name for name, _ in leaks(folder, PATIENTS)}.isdisjoint({"screen.txt"})


def test_nothing_planted_is_shared(planted: tuple[Path, Run], tmp_path: Path) -> None:
    folder, _ = planted
    results = folder / "results/small"
    share(results, tmp_path / "shared", "north", 1, True)
    assert len(pd.read_csv(tmp_path / "shared/rates.csv")) > 0
    records = [parquet.read_table(path) for path in results.rglob("records.parquet")]
    ids = {str(one) for table in records for one in (*table["record_id"], *table["patient"])}
    assert len(ids) > 50
    words = [*PATIENTS, *STUDY, str(folder), *ids]
    assert leaks(tmp_path / "shared", words) == []


def test_nothing_outside_of_a_root_is_shown(planted: tuple[Path, Run]) -> None:
    source = planted[0] / "results/small/sources/breast"
    slides = pd.read_csv(source / "slides.csv").set_index("record_id")["reason"]
    shown = {path.stem for path in source.glob("thumbnails/*/*.png")}
    assert shown and shown.isdisjoint(slides.index[slides == "outside_root"])
    assert shown >= set(slides.index[slides.isna()])


def test_no_film_s_view_or_part_is_told_but_those_that_are_asked_for(
    planted: tuple[Path, Run],
) -> None:
    kept = parquet.read_table(planted[0] / "results/small/sources/xray/records.parquet")
    assert set(kept["view"].dropna()) == {"PA", "LL", "OTHER"}
    assert set(kept["body_part"].dropna()) == {"CHEST", "OTHER"}


def test_what_is_private_is_its_owner_s_whatever_the_umask(planted: tuple[Path, Run]) -> None:
    private = planted[0] / "private"
    below = [private, *private.rglob("*")]
    assert {path.name for path in below} >= {
        "key",
        "small",
        "headers",
        "0.parquet",
        "mentions.parquet",
        "text_regions.png",
    }
    for path in below:
        mode = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == mode, path
    results = planted[0] / "results/small/sources/xray/records.parquet"
    assert stat.S_IMODE(results.stat().st_mode) == 0o666  # the umask was in force


def test_a_key_that_was_copied_is_closed_again(tmp_path: Path) -> None:
    path = tmp_path / "a/b/key"
    site_key.make_key(path)
    key = site_key.load_key(path)
    for folder in (path.parent, path.parents[1]):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    path.chmod(0o644)
    assert site_key.load_key(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_jobs_that_fail_quote_nothing(planted: tuple[Path, Run]) -> None:
    """Two by a mistake in a table, one by an error that nobody foresaw."""
    folder, _ = planted
    root = folder / "data" / ROOT
    (root / "bad.csv").write_text(f'file,patient,class\n{NAME}.png,ZQXWOV-1,{NAME},"ovary\n')
    reports = pd.read_csv(root / "reports.csv", dtype=str)
    hand = pd.DataFrame({"accession_number": reports["accession_number"], "norm": "Zqxwova"})
    hand.to_csv(root / "hand.csv", index=False)
    study = planted_study(folder) | {"study": "failing"}
    study["sources"]["fields"]["table"] = f"data/{ROOT}/bad.csv"
    study["sources"]["xray"]["reports"]["hand_labels"] = {"table": f"data/{ROOT}/hand.csv"}
    (folder / "failing.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
    sources = "results/failing/sources"
    targets = [f"{sources}/fields/records.parquet", f"{sources}/xray/agreement.csv"]
    targets += [f"{sources}/films/records.parquet"]
    module = folder / "src/pgdose/imagetable/index.py"
    code = module.read_text()
    module.write_text(f"{code}\n\ndef index_images(*_):\n    raise RuntimeError({NAME!r})\n")
    run = snakemake(folder, "--keep-going", "--", *targets, study="failing.yaml")
    module.write_text(code)
    assert run.returncode == 1
    logs = folder / "results/failing/logs"
    assert "rule index_table failed: RuntimeError at" in (logs / "index/films.log").read_text()
    told = (logs / "index/fields.log").read_text()
    assert told.startswith("sources.fields.table: bad.csv, line 2: a double quote opens a cell")
    told = (logs / "agreement/xray.log").read_text()
    assert "hand.csv, line 2: column 'norm' must be 1, 0, ? or nothing" in told
    for part in ("results/failing", "work", ".snakemake"):
        assert leaks(folder / part, PATIENTS) == [], part
    assert leaks(folder / "results/failing", [*STUDY, str(folder)]) == []


def test_the_first_row_of_a_table_without_names_of_columns_is_not_told(tmp_path: Path) -> None:
    path = tmp_path / "reports.csv"
    for row in (
        f"ZQXWOV00017,1938-05-17,{NAME},Norm.",
        f"1,{NAME},{'Norm. ' * 9}",
        f"17,{NAME},1,0,?",
        f"abcdefabcdef,{NAME} moved",
    ):
        path.write_text(row + "\n")
        with pytest.raises(UserError) as caught:
            table = UserTable(path, "sources.xray.reports", {"id": "accession_number"})
            find_columns(table, read_header(table))
        assert NAME not in str(caught.value)
        told = "its first row, which must hold the names of columns, looks like data"
        assert told in str(caught.value)


def test_no_table_of_a_source_or_group_tells_the_order_of_its_files(small_study: Path) -> None:
    tables = sorted((small_study / "results/small").rglob("[!.]*.parquet"))
    tables = [path for path in tables if path.relative_to(small_study).parts[2] == "sources"]
    tables += sorted((small_study / "results/small/groups").glob("*/*.parquet"))
    files = [(path, parquet.read_table(path)) for path in tables]
    csv = sorted((small_study / "results/small/sources").glob("*/*.csv"))
    files += [(path, result_csv.read_csv(path)) for path in csv]
    # What a table may be sorted by; those of tiles by the slide or field that they lie in.
    orders = [
        ["record_id"],
        ["parent", "y", "x"],
        ["stage", "reason", "record_id"],
        ["class_index", "record_id", "copy"],
        ["label", "record_id"],
        ["member"],
    ]
    parents = {}
    for path, table in files:
        if path.name == "records.parquet" and table["parent"].notna().all():
            parents |= table.set_index("record_id")["parent"].to_dict()
    checked = 0
    for path, table in files:
        if not {"record_id", "parent"} & set(table):
            continue
        checked += 1
        if "parent" not in table and set(table["record_id"]) <= set(parents):
            table["parent"] = table["record_id"].map(parents)
        is_sorted = [
            table[order].equals(table.sort_values(order)[order].set_index(table.index))
            for order in orders
            if set(order) <= set(table)
        ]
        is_sorted.append("parent" in table and table["parent"].is_monotonic_increasing)
        assert any(is_sorted), path
    assert checked > 25
