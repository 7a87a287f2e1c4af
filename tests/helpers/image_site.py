"""A checkout with a study of a few real images: what a site has, in a minute."""

from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from helpers.workflow import checkout

SITE = "site.yaml"
RESULTS = "results/site"
PRIVATE = "private/site/mine"
NETWORK = f"{RESULTS}/groups/G/full/network.safetensors"
RECORDS = f"{RESULTS}/sources/mine/records.parquet"
TRAINING = {"width": 0.0625, "epochs": 1, "batch": 4, "threads": 1}
ATTACKS = {"paper": {"lr": 0.1, "epsilon": [0.02, 0.1], "max_iter": 2, "threads": 1}}


def image_site(
    folder: Path, training: dict[str, Any] | None = None, attacks: dict[str, Any] | None = None
) -> Path:
    """A checkout with 16 images of noise in two classes, and a study of them in site.yaml."""
    checkout(folder)
    source = {"kind": "table", "root": "data", "table": "data.csv", "columns": {"class": "class"}}
    classes = {n: {"source": "mine", "where": {"class": n}, "count": "all"} for n in ("C1", "C2")}
    study = {
        "study": "site",
        "sources": {"mine": source},
        "groups": {"G": {"title": "t", "image": {"size": 75}, "classes": classes}},
        "training": TRAINING | (training or {}),
        "attacks": attacks or ATTACKS,
    }
    (folder / SITE).write_text(yaml.safe_dump(study, sort_keys=False))
    (folder / "data").mkdir()
    rows = ["image,patient,class"]
    for n in range(16):
        pixels = np.random.default_rng(n).integers(0, 256, (80, 80), np.uint8)
        Image.fromarray(pixels).save(folder / f"data/{n}.png")
        rows.append(f"{n}.png,{n},C{n % 2 + 1}")
    (folder / "data.csv").write_text("\n".join(rows))
    return folder
