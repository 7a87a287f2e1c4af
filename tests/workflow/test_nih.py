"""The shipped NIH study on real records: counts that can be derived by hand from the table."""

import json
from pathlib import Path

import pandas as pd
import pytest
from helpers.workflow import PROJECT, checkout, paths_of, snakemake

from pgdose.tables import parquet

NIH = PROJECT.parent / "shared" / "real" / "nih"
pytestmark = pytest.mark.skipif(not NIH.is_dir(), reason="the real NIH films are not here")

STUDY = "resources/studies/nih-chest-xray14.yaml"
GROUPS = ("NIH-AGE", "NIH-PNEUMONIA")


@pytest.fixture(scope="module")
def nih(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = checkout(tmp_path_factory.mktemp("nih"))
    source = {"nih": {"root": str(NIH / "images"), "table": str(NIH / "records.csv")}}
    targets = [f"results/nih/groups/{group}/planned.parquet" for group in GROUPS]
    run = snakemake(folder, *targets, "--config", f"sources={json.dumps(source)}", study=STUDY)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    return folder


def members(nih: Path, group: str) -> pd.DataFrame:
    table = parquet.read_table(nih / f"results/nih/groups/{group}/planned.parquet")
    paths = paths_of(nih / "private/nih/nih")
    table = table.merge(paths, on="record_id")
    table["image"] = table["path"].map(lambda path: Path(path).name)
    return table.merge(pd.read_csv(NIH / "records.csv"), on="image", suffixes=("", "_true"))


@pytest.mark.parametrize("group", GROUPS)
def test_no_real_patient_stands_in_both_parts(nih: Path, group: str) -> None:
    table = members(nih, group)
    assert (table.groupby("patient_true")["part"].nunique() == 1).all()
    assert table["patient_true"].nunique() > 100


def test_some_patients_have_several_films(nih: Path) -> None:
    """Otherwise the test above would be easy to pass."""
    assert members(nih, "NIH-PNEUMONIA")["patient_true"].duplicated().sum() > 10


def test_counts_follow_from_the_table(nih: Path) -> None:
    truth = pd.read_csv(NIH / "records.csv")
    norm = truth[truth["finding"] == "No Finding"]
    table = members(nih, "NIH-AGE")
    rejected = parquet.read_table(nih / "results/nih/sources/nih/rejects.parquet")
    paths = paths_of(nih / "private/nih/nih")
    lost = set(rejected.merge(paths, on="record_id")["path"].map(lambda path: Path(path).name))
    ages = {"G1": (20, 35), "G2": (50, 70)}
    usable = norm[~norm["image"].isin(lost)]
    each = min(
        usable[usable["age"].between(*ages[name])]["sex"].value_counts().min() for name in ages
    )
    assert each > 40
    for name, (low, high) in ages.items():
        chosen = table[table["class"] == name]
        assert chosen["sex"].value_counts().to_dict() == {"F": each, "M": each}
        assert chosen["age"].between(low, high).all()
    pneumonia = members(nih, "NIH-PNEUMONIA")
    usable = truth[~truth["image"].isin(lost)]
    counts = usable["finding"].value_counts()
    assert pneumonia["class"].value_counts().to_dict() == {
        "C1": counts["Pneumonia"],
        "C2": min(counts["Pneumonia"], counts["No Finding"]),
    }
    assert len(lost) < 10


def test_numbers_of_patients_and_files_stay_private(nih: Path) -> None:
    """Names of NIH files are patient numbers."""
    names = {name.encode() for name in pd.read_csv(NIH / "records.csv")["image"]}
    for path in (nih / "results").rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not any(name in content or name[:8] in content for name in names), path
