"""The key of the ids in a real run: made once, needed ever after, begun anew only by a person."""

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from helpers.workflow import SMALL, Run, checkout, snakemake
from PIL import Image

from pgdose.tables import parquet, site_key

RECORDS = "results/small/sources/mine/records.parquet"
KEY = Path("private/key")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A checkout with a study of some real images."""
    folder = checkout(tmp_path)
    small = yaml.safe_load((folder / SMALL).read_text())
    study = {key: small[key] for key in ("study", "attacks", "training")}
    source = {"kind": "table", "root": "data", "table": "data.csv", "columns": {"class": "class"}}
    classes = {n: {"source": "mine", "where": {"class": n}, "count": "all"} for n in ("C1", "C2")}
    group = {"title": "t", "image": {"size": 75}, "classes": classes}
    study |= {"sources": {"mine": source}, "groups": {"G": group}}
    (folder / "site.yaml").write_text(yaml.safe_dump(study))
    (folder / "data").mkdir()
    rows = ["image,patient,class"]
    for n in range(8):
        pixels = np.random.default_rng(n).integers(0, 256, (80, 80), np.uint8)
        Image.fromarray(pixels).save(folder / f"data/{n}.png")
        rows.append(f"{n}.png,{n},C{n % 2 + 1}")
    (folder / "data.csv").write_text("\n".join(rows))
    return folder


def index(folder: Path) -> Run:
    return snakemake(folder, "--", RECORDS, study="site.yaml")


def test_a_key_is_made_once_and_never_replaced(site: Path) -> None:
    run = snakemake(site, "--dry-run", "--", RECORDS, study="site.yaml")
    assert run.returncode == 0 and not (site / KEY).exists()

    assert index(site).returncode == 0
    key = (site / KEY).read_text()
    entry = parquet.read_metadata(site / RECORDS)[site_key.ENTRY]
    assert entry == site_key.fingerprint(bytes.fromhex(key))
    ids = parquet.read_table(site / RECORDS)["record_id"].tolist()

    for content in (None, "", "b" * 10, hashlib.sha256().hexdigest()):  # lost, damaged, another one
        (site / KEY).unlink()
        if content is not None:
            (site / KEY).write_text(content)
        for arguments in ((), ("--dry-run",), ("--forceall",)) if content is None else ((),):
            run = snakemake(site, *arguments, "--", RECORDS, study="site.yaml")
            said = run.stdout + run.stderr
            assert run.returncode == 1 and "privacy.key: " in said and "from a backup" in said
            assert "Traceback" not in said and "Select jobs" not in said
        if content is None:
            assert not (site / KEY).exists()
            (site / KEY).touch()
    assert parquet.read_table(site / RECORDS)["record_id"].tolist() == ids

    (site / KEY).write_text(key)
    assert "Nothing to be done" in index(site).stderr
    (site / "data.csv").write_text((site / "data.csv").read_text() + "\n")  # makes it anew
    assert index(site).returncode == 0
    assert parquet.read_table(site / RECORDS)["record_id"].tolist() == ids

    # Beginning anew, as the message says.
    (site / KEY).unlink()
    for folder in ("results/small/sources/mine", "private/small/mine"):
        assert f"{folder}/;" in index(site).stderr
        shutil.rmtree(site / folder)
    assert index(site).returncode == 0
    assert set(parquet.read_table(site / RECORDS)["record_id"]).isdisjoint(ids)


def test_a_job_without_the_key_makes_none(site: Path) -> None:
    """As on another machine of a cluster, which has no private/."""
    run = snakemake(site, "--no-hooks", "--", RECORDS, study="site.yaml")
    assert run.returncode == 1 and "privacy.key: there is no key file" in run.stdout + run.stderr
    assert not (site / KEY).exists() and not (site / RECORDS).exists()


def test_groups_are_begun_anew_with_their_key(site: Path) -> None:
    """What the message says to delete leaves no id of the old key behind."""
    members = "results/small/groups/G/members.parquet"
    assert snakemake(site, "--", members, study="site.yaml").returncode == 0
    key = bytes.fromhex((site / KEY).read_text())
    for table in (members, members.replace("members", "planned")):
        assert parquet.read_metadata(site / table)[site_key.ENTRY] == site_key.fingerprint(key)
    (site / KEY).unlink()
    named = ("results/small/sources/mine", "private/small/mine", "results/small/groups/G")
    for folder in named:
        assert f"{folder}/;" in index(site).stderr
        shutil.rmtree(site / folder)
    assert index(site).returncode == 0


def test_another_study_makes_no_key_in_place_of_a_lost_one(site: Path) -> None:
    text = (site / "site.yaml").read_text()
    (site / "site.yaml").write_text(text + "privacy: {key: keys/k, folder: private/2024/a}\n")
    assert index(site).returncode == 0 and (site / "keys/k").exists()
    (site / "keys/k").unlink()
    (site / "site.yaml").write_text(
        text.replace("study: small", "study: c") + "privacy: {key: keys/k}\n"
    )
    run = snakemake(site, "--", RECORDS.replace("small", "c"), study="site.yaml")
    assert run.returncode == 1 and "private/2024/a/mine/; restore the key" in run.stderr
    assert not (site / "keys/k").exists()
