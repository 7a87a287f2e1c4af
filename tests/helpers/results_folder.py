"""A small finished results folder with every kind of file that a study makes, and its manifest."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image

from pgdose import tensor_files
from pgdose.errors import UserError
from pgdose.images.stores import new_store
from pgdose.manifest.files import MANIFEST
from pgdose.manifest.writing import Written, write_manifest
from pgdose.tables import parquet, result_csv

FILES = [
    "sources/xray/records.parquet",
    "sources/xray/rejects.parquet",
    "sources/xray/slides.csv",
    "groups/A/images/0.npy",
    "groups/A/images/1.npy",
    "groups/A/full/network.safetensors",
    "groups/A/small/network.safetensors",
    "tables/asr.csv",
    "figures/fig1.png",
    "figures/fig2.png",
    "figures/fig1.svg",
    "figures/fig2.svg",
    "figures/examples.npz",
    "figures/more.npz",
    "tables/checks.json",
    "tables/times.json",
    "report.html",
    "old/report.html",
]
THUMBNAILS = ["sources/xray/thumbnails/0/a.png", "sources/xray/thumbnails/0/b.png"]
FOLDER = "sources/xray/thumbnails/0"


def write_file(path: Path, number: int) -> None:
    """A file of the kind that its name says; another number gives other content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame({"record_id": ["a", "b"], "n": [number, 7]})
    match path.suffix:
        case ".parquet":
            parquet.write_table(table, path)
        case ".csv":
            result_csv.write_csv(table, path)
        case ".npy":
            with new_store(path, 2, 8, 1) as store:
                for row in range(2):
                    store.put(row, np.full((8, 8), 10 * number + row, np.uint8))
        case ".safetensors":
            tensor_files.save({"weight": torch.full((4,), float(number))}, path)
        case ".png":
            Image.new("L", (8, 8), 10 * number).save(path)
        case ".npz":
            np.savez(path, image=np.full(4, number))
        case _:
            path.write_text(f"<!-- {number * 7919} -->\n")


def finished(results: Path) -> Path:
    """A results folder with a manifest, and with logs and marks, which no manifest lists."""
    for number, name in enumerate([*FILES, *THUMBNAILS]):
        write_file(results / name, number)
    for name in ("logs/render/0.log", "benchmarks/train.tsv", f"{FOLDER}/.snakemake_timestamp"):
        (results / name).parent.mkdir(parents=True, exist_ok=True)
        (results / name).write_text("now\n")
    list_files(results)
    return results


def list_files(results: Path) -> Written:
    outputs = [re.escape(f"{results}/{name}") + "$" for name in FILES]
    folders = [re.escape(f"{results}/{FOLDER}") + "$"]
    return write_manifest(results, outputs, folders, results / MANIFEST, "phantom", threads=2)


def faults(results: Path) -> list[str]:
    """The lines of `pgdose verify` about single files."""
    from pgdose.cli.verify import verify

    try:
        verify(results)
    except UserError as error:
        return str(error).splitlines()[1:-1]
    return []
