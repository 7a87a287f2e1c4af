"""What people get wrong: each ends in a sentence, not in a traceback or half a result."""

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from helpers.workflow import SMALL, Run, checkout, paths_of, snakemake
from PIL import Image

from pgdose.tables import parquet

Edit = Callable[[dict[str, Any]], None]


@pytest.fixture
def site(small_study: Path, tmp_path: Path) -> Path:
    return new_site(small_study, tmp_path)


def new_site(small_study: Path, folder: Path) -> Path:
    """A checkout with the small study's hospital as if it were a real site's archive."""
    checkout(folder)
    subprocess.run(["cp", "-a", small_study / "hospital", folder / "data"], check=True)
    shutil.rmtree(folder / "data/truth")
    return folder


def carry_out(folder: Path, edit: Edit, *targets: str) -> Run:
    """Run the small study on the site's data, after an edit."""
    study = yaml.safe_load((folder / SMALL).read_text().replace("hospital", "data"))
    del study["phantom"], study["sources"]["xray"]["reports"]["hand_labels"]
    edit(study)
    (folder / "site.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
    return snakemake(folder, *targets, study="site.yaml")


def said(run: Run) -> str:
    text = run.stdout + run.stderr
    assert run.returncode == 1, text
    assert "Traceback" not in text
    return text


def nothing_was_made(folder: Path) -> bool:
    return not any((folder / name).exists() for name in ("results", "private", "work"))


MEMBERS = "results/small/groups/X-TB/members.parquet"
REJECTS = "results/small/sources/xray/rejects.parquet"


@pytest.fixture(scope="module")
def broken_site(small_study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site with a web page and a truncated file among its films, where members were chosen."""
    site = new_site(small_study, tmp_path_factory.mktemp("broken"))
    whole = max((site / "data/xray").rglob("*.dcm"), key=lambda path: path.stat().st_size)
    (site / "data/xray/cut.dcm").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    (site / "data/xray/page.dcm").write_text("<!DOCTYPE html><title>Sign in</title>")
    run = carry_out(site, lambda study: None, REJECTS, MEMBERS)
    assert run.returncode == 0, run.stdout + run.stderr
    return site


def test_broken_dicom_files_are_listed_and_the_run_goes_on(broken_site: Path) -> None:
    paths = paths_of(broken_site / "private/small/xray")
    rejected = parquet.read_table(broken_site / REJECTS).merge(paths, on="record_id")
    reasons = {Path(row.path).name: (row.stage, row.reason) for row in rejected.itertuples()}
    assert reasons["cut.dcm"] == ("screen", "unreadable_pixels")
    assert reasons["page.dcm"] == ("index", "not_dicom")
    assert not rejected["detail"].str.contains("page|cut|data/").any()


def test_a_group_that_asks_for_too_many_is_told_what_there_is(broken_site: Path) -> None:
    def edit(study: dict[str, Any]) -> None:
        study["groups"]["X-TB"]["balance"] = ["sex"]
        study["groups"]["X-TB"]["classes"]["C2"]["count"] = 5000

    (broken_site / MEMBERS).unlink()
    text = said(carry_out(broken_site, edit, MEMBERS))
    assert "groups.X-TB.classes.C2: needs 5000 images, but " in text
    assert "'balance: [sex]' takes as many of each" in text
    assert "at_most" in text
    table = [line.split() for line in text[text.index("what there is:") :].splitlines()]
    assert table[1:3] == [["images", "usable"], ["class", "sex"]]
    assert table[3][:2] == ["C1", "F"]
    assert not (broken_site / MEMBERS).exists()


def test_a_missing_reports_table_stops_before_any_job(site: Path) -> None:
    (site / "data/reports.csv").unlink()
    text = said(carry_out(site, lambda study: None))
    assert "sources.xray.reports.table: there is no file 'data/reports.csv'" in text
    assert nothing_was_made(site)


def test_a_reports_table_without_the_named_column_stops_before_any_job(site: Path) -> None:
    def edit(study: dict[str, Any]) -> None:
        study["sources"]["xray"]["reports"]["text"] = "conclusion"

    text = said(carry_out(site, edit))
    assert (
        "sources.xray.reports.text: no column 'conclusion' in reports.csv; "
        "its columns are: accession_number, report_date, physician, report"
    ) in text
    assert nothing_was_made(site)


def test_missing_folders_and_files_are_named_together(site: Path) -> None:
    def edit(study: dict[str, Any]) -> None:
        study["sources"]["fields"]["root"] = "data/nowhere"
        study["sources"]["xray"]["lexicon"] = "resources/lexicons/fr.yaml"
        study["groups"]["H-OV"]["exclude"] = "left_out.csv"

    text = said(carry_out(site, edit))
    assert "sources.fields.root: there is no folder 'data/nowhere'" in text
    assert "sources.xray.lexicon: there is no file 'resources/lexicons/fr.yaml'" in text
    assert "groups.H-OV.exclude: there is no file 'left_out.csv'" in text


def test_a_person_s_exclusions_act_before_members_are_drawn(site: Path) -> None:
    target = "results/small/groups/H-OV/members.parquet"
    assert carry_out(site, lambda study: None, target).returncode == 0
    before = parquet.read_table(site / target)
    left_out = before["record_id"].iloc[:3]
    pd.DataFrame({"record_id": left_out, "reason": "folded"}).to_csv(site / "out.csv", index=False)

    def edit(study: dict[str, Any]) -> None:
        study["groups"]["H-OV"]["exclude"] = "out.csv"

    assert carry_out(site, edit, target).returncode == 0
    after = parquet.read_table(site / target)
    assert not set(after["record_id"]) & set(left_out)
    assert len(after) == len(before)

    (site / "out.csv").write_text("id,why\n")
    told = said(carry_out(site, edit, target))
    assert "groups.H-OV.exclude: no column 'record_id' in " in told


@dataclass
class TableStudy:
    """A finished study of a table of ready images: one was never there, one vanished on the way."""

    folder: Path
    planned: pd.DataFrame
    lost: pd.Series  # the row of `planned` whose file was deleted after the screen

    @property
    def results(self) -> Path:
        return self.folder / "results/pictures"


@pytest.fixture(scope="module")
def table_study(tmp_path_factory: pytest.TempPathFactory) -> TableStudy:
    folder = table_site(tmp_path_factory.mktemp("table"))
    target = "results/pictures/groups/AB/planned.parquet"
    run = snakemake(folder, target, study="pictures.yaml")
    assert run.returncode == 0, run.stdout + run.stderr
    paths = paths_of(folder / "private/pictures/pictures").set_index("record_id")["path"]
    planned = parquet.read_table(folder / target)
    lost = planned[planned["part"] == "training"].iloc[0]
    (folder / paths[lost["record_id"]]).unlink()
    run = snakemake(folder, study="pictures.yaml")
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    return TableStudy(folder, planned, lost)


def table_site(folder: Path) -> Path:
    """A checkout with a table of ready images; one that it names is not there."""
    checkout(folder)
    (folder / "pictures").mkdir()
    rows = []
    for i in range(24):
        shade = Image.linear_gradient("L").resize((90, 90)).rotate(i * 3)
        shade.save(folder / f"pictures/{i}.png")
        rows.append({"image": f"{i}.png", "patient": f"P{i // 2}", "finding": "ab"[i % 2]})
    rows.append({"image": "gone.png", "patient": "P99", "finding": "a"})
    pd.DataFrame(rows).to_csv(folder / "pictures.csv", index=False)
    study = {
        "study": "pictures",
        "sources": {
            "pictures": {
                "kind": "table",
                "modality": "xray",
                "root": "pictures",
                "table": "pictures.csv",
                "labels": {"column": "finding", "names": {"a": "a", "b": "b"}},
            }
        },
        "groups": {
            "AB": {
                "title": "a / b",
                "image": {"size": 75},
                "classes": {
                    "A": {"source": "pictures", "where": {"label": "a"}, "count": "all"},
                    "B": {"source": "pictures", "where": {"label": "b"}, "count": "all"},
                },
            }
        },
        "training": {"width": 0.0625, "epochs": 1, "batch": 8, "threads": 1},
        "attacks": {"paper": {"lr": 0.1, "epsilon": [0.1], "max_iter": 1, "threads": 1}},
    }
    (folder / "pictures.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
    return folder


def test_a_table_that_names_a_missing_file_goes_on_without_it(table_study: TableStudy) -> None:
    results = table_study.results
    rejected = parquet.read_table(results / "sources/pictures/rejects.parquet")
    assert rejected["reason"].tolist() == ["file_missing"]
    assert len(table_study.planned) == 24
    sources = pd.read_csv(results / "tables/sources.csv")
    assert sources.loc[0, ["found", "readable", "screened", "usable"]].tolist() == [25, 24, 24, 24]
    assert "gone.png" not in (results / "report.html").read_text()


def test_one_picture_under_two_labels_is_in_no_class(tmp_path: Path) -> None:
    """The source keeps one of the two before it knows their classes; the group takes neither."""
    folder = table_site(tmp_path)
    rows = pd.read_csv(folder / "pictures.csv")
    added = []
    for name, label in (("x", "a"), ("y", "b"), ("z", "a")):
        Image.radial_gradient("L").resize((90, 90)).save(folder / f"pictures/{name}.png")
        added.append({"image": f"{name}.png", "patient": f"P{name}", "finding": label})
    smaller = Image.linear_gradient("L").resize((80, 80)).rotate(0)  # of 0.png, under another label
    smaller.save(folder / "pictures/near.png")
    added.append({"image": "near.png", "patient": "Pnear", "finding": "b"})
    pd.concat([rows, pd.DataFrame(added)]).to_csv(folder / "pictures.csv", index=False)
    group = "results/pictures/groups/AB"
    run = snakemake(folder, f"{group}/planned.parquet", study="pictures.yaml")
    assert run.returncode == 0, run.stdout + run.stderr
    left_out = parquet.read_table(folder / f"{group}/left_out.parquet")
    assert left_out["reason"].tolist() == ["contradiction"] * 3
    assert set(left_out["stage"]) == {"group"}
    assert sorted(left_out["class"]) == ["A", "A", "B"]
    planned = parquet.read_table(folder / f"{group}/planned.parquet")
    assert len(planned) == 25 and not set(planned["record_id"]) & set(left_out["record_id"])
    pairs = parquet.read_table(folder / f"{group}/near_duplicates.parquet")
    assert len(pairs) and {"A", "B"} == {*pairs["class_a"], *pairs["class_b"]}
    warned = run.stdout + run.stderr
    assert "AB: 3 records are left out (contradiction)" in warned
    assert "pairs of images look the same" in warned


def test_a_file_that_fails_after_the_screen_is_left_out_and_counted(
    table_study: TableStudy,
) -> None:
    """It was planned, and is no member; everything downstream does without it."""
    results, planned, lost = table_study.results, table_study.planned, table_study.lost
    missing = parquet.read_table(results / "groups/AB/images/0.missing.parquet")
    assert missing["member"].tolist() == [lost["member"]]
    assert missing["reason"].tolist() == ["file_missing"]
    assert len(parquet.read_table(results / "groups/AB/planned.parquet")) == 24
    members = parquet.read_table(results / "groups/AB/members.parquet")
    assert set(planned["member"]) - set(members["member"]) == {lost["member"]}
    rejects = parquet.read_table(results / "groups/AB/unreadable.parquet")
    assert rejects["record_id"].tolist() == [lost["record_id"]]
    assert pd.read_csv(results / "tables/table1.csv")["n_images"].tolist() == [23]
