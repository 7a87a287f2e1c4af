"""Choosing, balancing and splitting at the paper's size: X-NR2 and X-NR3 out of 1.9 million films.

.venv/bin/python benchmarks/xray_cohort.py [number of films]

Runs the rule `plan_members` itself on tables made for it, and prints its seconds and peak memory as
Snakemake measured them.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from pgdose.tables import parquet, record_schemas, rejects, sharding
from pgdose.tables.screening_schemas import SCREEN

PROJECT = Path(__file__).resolve().parents[1]
FILMS = 1_908_926
SHARDS = 32
LABELS = ("norm", "pneumosclerosis", "tuberculosis", "aorta")


def make_tables(folder: Path, films: int) -> None:
    """Records, screens and rejects as the workflow would leave them; a third of ids are unusable
    or not norm, 1.5 films a patient."""
    rng = np.random.default_rng(0)
    ids = pd.Series(np.sort(rng.permutation(films * 7)[:films])).map("{:020x}".format)
    patients = rng.integers(0, int(films / 1.5), films)
    norm = rng.uniform(size=films) < 0.64
    ages = [*np.repeat(np.arange(17, 25), 4), *np.repeat(np.arange(25, 42), 2), *range(42, 90)]
    table = pd.DataFrame(
        {
            "record_id": ids,
            "patient": pd.Series(patients).map("{:020x}".format),
            "source": "xray",
            "age": rng.choice(ages, films) + rng.uniform(0, 1, films),
            "sex": rng.choice(["F", "M", None], films, p=[0.52, 0.475, 0.005]),
            "view": "PA",
        }
    )
    for label in LABELS:
        table[f"label_{label}"] = (norm if label == "norm" else rng.uniform(size=films) < 0.01) * 1
    source = folder / "sources/xray"
    parquet.write_table(table, source / "records.parquet", record_schemas.records_schema(LABELS))
    wanted = table.loc[norm, ["record_id"]].assign(usable=rng.uniform(size=norm.sum()) > 0.02)
    wanted["pixel_hash"] = wanted["record_id"] + "0000"
    for shard in range(SHARDS):
        rows = sharding.shard_rows(len(wanted), shard, SHARDS)
        part = wanted.iloc[rows.start : rows.stop]
        parquet.write_table(part, source / f"screen/{shard}.parquet", SCREEN)
    bad = wanted.loc[~wanted["usable"], ["record_id"]].assign(stage="screen", reason="blank")
    parquet.write_table(bad, source / "rejects.parquet", rejects.REJECTS)


def write_study(folder: Path, results: Path) -> Path:
    """The paper's study, with stand-ins for the files that it names."""
    study = yaml.safe_load((PROJECT / "resources/studies/paper.yaml").read_text())
    (folder / "reports.csv").write_text("accession_number,report\n")
    study |= {"results": str(results), "privacy": {"folder": str(folder / "private")}}
    study["sources"] = {"xray": study["sources"]["xray"] | {"root": str(folder), "shards": SHARDS}}
    study["sources"]["xray"]["reports"]["table"] = str(folder / "reports.csv")
    study["groups"] = {name: study["groups"][name] for name in ("X-NR2", "X-NR3")}
    study.pop("training_size", None)
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(study))
    return path


def report(films: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder, results = Path(name), Path(name, "results")
        make_tables(results, films)
        targets = [results / f"groups/{group}/planned.parquet" for group in ("X-NR2", "X-NR3")]
        command = [sys.executable, "-m", "snakemake", *map(str, targets), "--cores", "1", "-q"]
        command += [
            "--allowed-rules",
            "plan_members",
            "--configfile",
            str(write_study(folder, results)),
        ]
        environment = os.environ | {"PYTHONPATH": str(PROJECT / "src")}
        run = subprocess.run(command, cwd=PROJECT, env=environment, text=True, capture_output=True)
        if run.returncode:
            sys.exit(run.stdout[-2000:] + run.stderr[-2000:])
        print(f"{films} records")
        for group in ("X-NR2", "X-NR3"):
            measured = pd.read_csv(results / f"benchmarks/plan_members/{group}.tsv", sep="\t").iloc[
                0
            ]
            print(f"{group}: {measured['s']:.0f} s, {measured['max_rss']:.0f} MB")


if __name__ == "__main__":
    report(int(sys.argv[1]) if len(sys.argv) > 1 else FILMS)
