"""Analysis at the paper's size: 40,000 attacked images x 10 eps x 21 iterations of one group.

    .venv/bin/python benchmarks/analysis.py [--images 40000] [--films 1908926]

Runs the rules that lead from a group's surface to its tables and figures, all but the pictures of
Fig. 1 and 2, on files made for them: a group of five times as many images, a fifth of which is
attacked, out of an archive of the paper's size. The images are of one patient each, or all of 46
patients as the paper's fields are, and of 2 or 4 classes. Prints the seconds of each rule as
Snakemake measured them, and of the whole call, which starts Snakemake and Python anew for each
rule: by the clock and of the processors, which other work on the machine hardly changes. The peak
memory is that of the largest process. The aim: 60 s and 2 GB for a group.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from histology_timing import Clock, alone

from pgdose.attack.surface_table import SurfaceTable, write_surface
from pgdose.study.doses import Doses
from pgdose.tables import output_files, parquet, record_schemas, result_csv, sharding
from pgdose.tables.cohort_schemas import MEMBERS
from pgdose.tables.network_schemas import CLEAN

PROJECT = Path(__file__).resolve().parents[1]
FILMS = 1_908_926
EPSILON = [0.02, 0.04, 0.06, 0.08, 0.10, 0.12, 0.14, 0.16, 0.18, 0.20]
MAX_ITER = 20
SHARDS = 8
LEARNED = 4  # images for each one that is attacked
FIELD_PATIENTS = 46
GROUP, ATTACK = "X-NR2", "paper"
RULES = ["measure", "table1", "quality", "tables", "curves", "group_figures"]
WANTED = [
    "tables/table1.csv",
    "tables/conclusions.csv",
    "figures/fig3a.png",
    f"figures/heatmap/{GROUP}.png",
]


def write_study(folder: Path, classes: int) -> Path:
    """A study of one group, with stand-ins for the files that it names."""
    (folder / "films.csv").write_text("image,patient\n")
    source = {"kind": "table", "root": str(folder), "table": str(folder / "films.csv")}
    names = [f"C{i}" for i in range(classes)]
    images = {n: {"source": "films", "where": {"class": n}, "count": 1000} for n in names}
    group = {"title": "Benchmark", "image": {"size": 75}, "shards": 1}
    attack = {"lr": 0.1, "epsilon": EPSILON, "max_iter": MAX_ITER, "images": "all"}
    settings = {
        "study": "benchmark",
        "seed": 0,
        "results": str(folder / "results"),
        "privacy": {"folder": str(folder / "private")},
        "sources": {"films": source},
        "groups": {GROUP: {**group, "classes": images}},
        "attacks": {ATTACK: {**attack, "shards": SHARDS}},
    }
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(settings, sort_keys=False))
    return path


def write_inputs(results: Path, images: int, films: int, classes: int, patients: int) -> None:
    """Records, members, a network, the surface and examples, as the workflow would leave them."""
    rng = np.random.default_rng(0)
    n = images * (LEARNED + 1)
    table = pd.DataFrame({"record_id": pd.Series(range(films)).map("{:020x}".format)})
    table["patient"] = (table.index.to_series() % patients).map("{:020x}".format)
    table["source"] = "films"
    table["age"] = rng.uniform(17, 90, films)
    table["sex"] = np.array(["F", "M", None])[rng.choice(3, films, p=[0.52, 0.475, 0.005])]
    parquet.write_table(
        table, results / "sources/films/records.parquet", record_schemas.records_schema([])
    )
    members = table.loc[: n - 1, ["record_id", "patient", "sex", "age"]]
    members["member"] = np.arange(n)
    members["class_index"] = rng.integers(0, classes, n)
    members["class"] = "C" + members["class_index"].astype(str)
    members["part"] = np.where(members["member"] < images, "validation", "training")
    group = results / "groups" / GROUP
    parquet.write_table(members, group / "members.parquet", MEMBERS)
    of_class = members["class_index"].to_numpy()[:images]
    write_network(group / "full", rng, of_class, classes)
    write_examples(results / "figures", rng)


def write_network(run: Path, rng: np.random.Generator, of_class: np.ndarray, classes: int) -> None:
    """Its file, what it learned, its clean logits and its surface."""
    run.mkdir()
    network = run / "network.safetensors"
    network.write_bytes(b"a network")
    epochs = pd.DataFrame({"epoch": range(1, 21), "lr": 1e-3, "loss": np.linspace(1, 0.1, 20)})
    epochs["training_accuracy"] = epochs["validation_accuracy"] = np.linspace(0.5, 0.99, 20)
    result_csv.write_csv(epochs, run / "training.csv")
    images = len(of_class)
    margin = rng.gamma(
        2.0, 1.5, images
    )  # of the true class over the others: all are classified correctly
    one_hot = np.eye(classes, dtype=np.float32)[of_class]
    clean = pd.DataFrame({"member": range(images), "logits": list(margin[:, None] * one_hot)})
    parquet.write_table(clean, run / "clean.parquet", CLEAN)
    # Attacks take from the margin by dose and iteration, of some images more than of others.
    push = np.outer(EPSILON, np.arange(MAX_ITER + 1)) * 2
    for shard in range(SHARDS):
        rows = sharding.shard_rows(images, shard, SHARDS)
        part = slice(rows.start, rows.stop)
        ease = rng.uniform(0.5, 1.5, (len(rows), 1, 1))
        left = (margin[part, None, None] - push * ease).astype(np.float32)
        logits = left[..., None] * one_hot[part, None, None]
        about = {"n_images": str(len(rows)), "n_correct": str(len(rows))}
        table = SurfaceTable(
            members=np.arange(rows.start, rows.stop),
            doses=Doses(tuple(EPSILON), MAX_ITER),
            logits=logits,
            stored=logits[:, :, -1],
            change=np.tile(np.float32(EPSILON), (len(rows), 1)),
            zero_gradient=np.zeros(len(rows), np.float32),
            bad_gradient=np.zeros(len(rows), np.float32),
            metadata=[about | {"network": output_files.file_digest(network)}],
        )
        write_surface(table, run / ATTACK / f"surface/{shard}.parquet")


def write_examples(folder: Path, rng: np.random.Generator) -> None:
    """A picture and its versions."""
    folder.mkdir()
    shown = pd.DataFrame({"figure": 1, "group": GROUP, "attack": ATTACK, "epsilon": [0.0, 0.1]})
    shown = shown.assign(iteration=[0, MAX_ITER], class_before="C0", class_after=["C0", "C1"])
    shown = shown.assign(confidence_before=0.9, confidence_after=0.9, index=0)
    result_csv.write_csv(shown, folder / "examples.csv")
    pictures = {f"image{i}": rng.uniform(0, 1, (256, 256)) for i in range(len(shown))}
    np.savez(folder / "examples.npz", **pictures)


def measure(images: int, films: int, classes: int, patients: int) -> dict[str, Any]:
    """Seconds of each rule, seconds and processor seconds of the call, its peak memory in MB."""
    with tempfile.TemporaryDirectory() as name:
        folder, results = Path(name), Path(name, "results")
        alone(write_inputs, results, images, films, classes, patients)
        study = write_study(folder, classes)
        command = [sys.executable, "-m", "snakemake", *(str(results / path) for path in WANTED)]
        command += ["--snakefile", str(PROJECT / "Snakefile"), "--cores", "1", "-q"]
        command += ["--allowed-rules", *RULES, "--configfile", str(study)]
        environment = os.environ | {"PYTHONPATH": str(PROJECT / "src")}
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        with Clock() as clock:
            run = subprocess.run(
                command, cwd=folder, env=environment, text=True, capture_output=True
            )
        if run.returncode:
            sys.exit(run.stdout[-2000:] + run.stderr[-2000:])
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        costs = {"call": clock.seconds, "peak": after.ru_maxrss * 1024 / 1e6}
        costs["processors"] = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        timed = results / "benchmarks"
        for rule in RULES:
            files = [*timed.glob(f"{rule}.tsv"), *timed.glob(f"{rule}/*.tsv")]
            costs[rule] = sum(pd.read_csv(path, sep="\t")["s"].sum() for path in files)
        return costs


def report(images: int, films: int) -> None:
    columns = [*RULES, "all rules", "call", "processors", "peak, MB"]
    print(f"{f'{images} images':26}" + "".join(f"{column:>15}" for column in columns))
    for classes, patients in ((2, films), (2, FIELD_PATIENTS), (4, FIELD_PATIENTS)):
        costs = alone(measure, images, films, classes, patients)
        costs |= {"all rules": sum(costs[rule] for rule in RULES), "peak, MB": costs["peak"]}
        many = "a patient each" if patients == films else f"{patients} patients"
        figures = "".join(f"{costs[column]:15.1f}" for column in columns)
        print(f"{f'{classes} classes, {many}':26}{figures}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=40_000, help="attacked ones")
    parser.add_argument("--films", type=int, default=FILMS, help="records of the archive")
    arguments = parser.parse_args()
    report(arguments.images, arguments.films)
