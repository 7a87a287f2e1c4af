"""Indexing a table of 1.9 million images, here and in another checkout.

.venv/bin/python benchmarks/index_rows.py [--rows N] [--other FOLDER]

Makes a table as NIH ChestX-ray14 has it, and a folder with a file for each row (links to a few
small pictures), and runs scripts/index_table.py on it as Snakemake would, here and in FOLDER,
alternately. Prints seconds, rows a second and their ratio.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

PROJECT = Path(__file__).resolve().parents[1]
ROWS = 1_908_926  # films of the paper's archive
LINKS = 50_000  # to one picture; file systems allow some 65,000
SETTINGS = {
    "columns": {
        **{"image": "Image Index", "patient": "Patient ID", "age": "Patient Age"},
        **{"sex": "Patient Gender", "view": "View Position", "class": None},
    },
    "labels": {
        **{"column": "Finding Labels", "separator": "|", "columns": {}, "empty": "unknown"},
        "names": {"norm": "No Finding", "pneumonia": "Pneumonia"},
    },
    **{"modality": "xray", "table": "table.csv", "layout": None, "patients": None},
    **{"several": "error", "similar_patients": "error", "sex_words": None},
    **{"separator": None, "encoding": None, "shards": 1},
}
# Runs a script with an object in place of Snakemake's, as the tests do.
RUNNER = """
import json, runpy, sys
from types import SimpleNamespace
class Named(SimpleNamespace):
    def get(self, name, default=None):
        return getattr(self, name, default)
    def __iter__(self):
        return iter(vars(self).values())
    def __getitem__(self, name):
        return vars(self)[name] if isinstance(name, str) else list(self)[name]
    def items(self):
        return vars(self).items()
job = json.loads(sys.argv[1])
parts = {name: Named(**job.get(name, {})) for name in ("input", "output", "params", "wildcards")}
sys.path.insert(0, "scripts")
snakemake = Named(rule="index_table", log=[job["log"]], resources=Named(), **parts)
runpy.run_path("scripts/index_table.py", {"snakemake": snakemake})
"""


def make_source(folder: Path, rows: int) -> None:
    """The table, and a link to a small picture for each row."""
    images = folder / "images"
    images.mkdir()
    for number in range(0, rows, LINKS):
        first = images / f"{number:08d}_000.png"
        Image.fromarray(np.full((32, 32), number // LINKS, np.uint8)).save(first)
        for n in range(number + 1, min(number + LINKS, rows)):
            os.link(first, images / f"{n:08d}_000.png")
    rng = np.random.default_rng(0)
    labels = ["No Finding", "Infiltration", "Pneumonia", "Infiltration|Pneumonia"]
    cells = zip(
        rng.choice(labels, rows),
        rng.integers(0, max(rows // 3, 1), rows),
        rng.integers(1, 95, rows),
        rng.choice(["F", "M"], rows),
        rng.choice(["PA", "AP"], rows),
        strict=True,
    )
    header = "Image Index,Finding Labels,Patient ID,Patient Age,Patient Gender,View Position"
    with (folder / "table.csv").open("w") as file:
        print(header, file=file)
        file.writelines(f"{n:08d}_000.png,{','.join(map(str, c))}\n" for n, c in enumerate(cells))


def seconds(checkout: Path, folder: Path) -> float:
    """Of the script in a checkout."""
    output = folder / checkout.name
    job = {
        "log": str(folder / "log.txt"),
        "input": {"table": str(folder / "table.csv")},
        "output": {
            name: str(output / f"{name}.parquet")
            for name in ("records", "rejects", "repeated", "paths")
        },
        "params": {
            **{"root": str(folder / "images"), "key": str(folder / "key"), "key_seed": 1},
            **{"patients": "bench", "settings": json.dumps(SETTINGS)},
            "codes": json.dumps({key: [] for key in ("view", "class", "not.view", "not.class")}),
        },
        "wildcards": {"source": "bench"},
    }
    # An earlier version knows no words of classes.
    if "ImageRows" not in (checkout / "src/pgdose/imagetable/index.py").read_text():
        job["params"]["codes"] = json.dumps({"views": []})
    environment = os.environ | {"PYTHONPATH": str(checkout / "src")}
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", RUNNER, json.dumps(job)], cwd=checkout, env=environment, check=True
    )
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--other", type=Path)
    parser.add_argument("--repeats", type=int, default=1)
    arguments = parser.parse_args()
    checkouts = [PROJECT, *([arguments.other.resolve()] if arguments.other else [])]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        make_source(folder, arguments.rows)
        times: dict[Path, list[float]] = {checkout: [] for checkout in checkouts}
        for _ in range(arguments.repeats):
            for checkout in checkouts:
                times[checkout].append(seconds(checkout, folder))
    for checkout, found in times.items():
        best = min(found)
        print(f"{checkout.name}: {best:.1f} s, {arguments.rows / best:.0f} rows a second")
    if len(checkouts) == 2:
        here, other = (min(times[checkout]) for checkout in checkouts)
        print(f"ratio here / other: {here / other:.2f}")


if __name__ == "__main__":
    main()
