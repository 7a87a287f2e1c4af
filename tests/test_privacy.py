"""No planted name, number, date or sentence leaves its hospital, and what is private stays so."""

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import SMALL, Run, checkout, snakemake
from leaks import CYRILLIC, NAME, PATIENTS, ROOT, STUDY, leaks, mark, plant
from PIL import Image
from safetensors.numpy import save_file

from pgdose import records

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
    "a.json": lambda path: path.write_text('{"a": "\\u0417\\u044b\\u043a\\u0449\\u044e"}'),
    "a.txt": lambda path: path.write_text(NAME, encoding="utf-16"),
    "b.txt": lambda path: path.write_text(CYRILLIC, encoding="cp1251"),
    "a.parquet": lambda path: pd.DataFrame({"a": [NAME] * 999}).to_parquet(path),
    "b.parquet": lambda path: pd.DataFrame({"a": [NAME.encode()] * 999}).to_parquet(path),
    "c.parquet": lambda path: pd.DataFrame({"a": pd.Categorical([NAME, "b"])}).to_parquet(path),
    "d.parquet": lambda path: records.write_table(
        pd.DataFrame({"a": [1]}), path, None, {"a": NAME}
    ),
    "a.npz": lambda path: np.savez_compressed(path, a=np.array([NAME] * 99)),
    "a.safetensors": lambda path: save_file({"a": np.zeros(2)}, path, {"a": NAME}),
    "a.png": lambda path: mark(Image.new("RGB", (8, 8)), path),
    "a.jpg": lambda path: mark(Image.new("RGB", (8, 8)), path),
    "a.tif": lambda path: mark(Image.new("RGB", (8, 8)), path),
    "a.html": _base64_png,
    "b.html": lambda path: path.write_text("&#1047;&#1099;&#1082;&#1097;&#1102;"),
    "zqxw/empty": lambda path: (path.parent.mkdir(), path.touch()),
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
        "columns": {"age": "age", "sex": "sex", "view": "view", "class": "class"},
    }
    groups["T"] = {
        "title": "Two / one",
        "image": {"size": 75},
        "classes": {
            name: {"source": "films", "where": {"class": name}, "count": "all"}
            for name in ("one", "two")
        },
    }
    study["attacks"]["paper"] |= {"epsilon": [0.1], "images": 4, "export": 1, "shards": 1}
    study["checks"] = {"images": 0}
    return study


@pytest.fixture(scope="module")
def planted(small_study: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run]:
    """A checkout in which a study was carried out on the planted hospital, with an umask of 0."""
    folder = checkout(tmp_path_factory.mktemp("planted"))
    plant(small_study / "hospital", folder / "data")
    outside = folder / "data" / f"outside {NAME}.dcm"
    film = next((folder / f"data/{ROOT}/xray").rglob("zqxw 20.dcm"))
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
    assert {b"zqxw", CYRILLIC[:5].lower().encode()} <= private


def test_much_of_it_was_used_and_some_rejected(planted: tuple[Path, Run]) -> None:
    results = planted[0] / "results/small"
    reasons = {
        source: set(records.read_table(results / f"sources/{source}/rejects.parquet")["reason"])
        for source in ("xray", "fields", "breast", "films")
    }
    assert reasons["xray"] >= {"outside_root", "not_dicom", "not_grey", "not_chest"}
    assert reasons["fields"] == {"not_an_image", "file_missing", "no_class_name", "duplicate_row"}
    assert reasons["films"] >= {"outside_root", "no_patient", "file_missing"}
    assert (results / "groups/T/full/paper/images").is_dir()


def test_nothing_planted_leaves_the_sources(planted: tuple[Path, Run]) -> None:
    folder, run = planted
    for part in ("results", "work", ".snakemake"):
        assert leaks(folder / part, PATIENTS) == [], part
    assert leaks(folder / "results", [*STUDY, str(folder)]) == []
    assert leaks(folder / "work", STUDY) == []
    text = folder / "screen.txt"
    text.write_text(run.stdout + run.stderr)
    assert {name for name, _ in leaks(folder, PATIENTS)}.isdisjoint({"screen.txt"})
