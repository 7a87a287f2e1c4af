"""Six studies, shared and pooled: what docs/explanation/pooling.md shows.

    .venv/bin/python benchmarks/atlas.py FOLDER --public ../shared/real

Four synthetic hospitals of different seeds, an audit of the first one's network on the films of a
fifth, and films of the public study, all under the same attacks. It takes about half an hour on two
cores. The folder then holds a folder for each study, `shares/` and `atlas/atlas.html`; a second
start goes on where it was. It searches each shared folder for the ids of all records and patients.
The picture of the page is `atlas/figures/forest-rates-0.png`.
"""

import argparse
import copy
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
import yaml

from pgdose.cli.pool import pool
from pgdose.cli.share import share
from pgdose.networks import network_files
from pgdose.tables import parquet

PROJECT = Path(__file__).resolve().parents[1]
GROUPS = ("X-TB", "X-AO")
SIDE = 80
AMOUNTS = {"norm": 500, "aorta": 200, "tuberculosis": 150, "other": 40, "broken": 20}
AMOUNTS_OF_AUDIT = {"norm": 150, "aorta": 2, "tuberculosis": 120, "other": 10, "broken": 5}
OPERATING_POINTS = {
    "epsilon": 0.002,
    "epsilons_over_iterations": [0.002, 0.02],
    "flips_epsilon": 0.002,
}


def attacks(default: dict[str, Any]) -> dict[str, Any]:
    """Three of the default study's, on more images."""
    three = {name: default["attacks"][name] | {"images": 60} for name in ("paper", "sign", "noise")}
    three["sign"]["epsilon"] = [0.0005, 0.001, 0.002, 0.004, 0.02]
    three["noise"]["epsilon"] = [0.002, 0.02]
    return three


def hospital(default: dict[str, Any], name: str, seed: int) -> dict[str, Any]:
    """Two groups of a synthetic hospital."""
    study = copy.deepcopy(default) | {"study": name, "seed": seed}
    study["phantom"] = {"root": "hospital", "xray": AMOUNTS}
    study["sources"] = {"xray": study["sources"]["xray"]}
    study["groups"] = {group: study["groups"][group] for group in GROUPS}
    for entry in study["groups"]["X-AO"]["classes"].values():
        entry["at_most"] = entry.pop("count")
    few = study["groups"]["X-TB"]["classes"]["C1"]
    few |= {"at_most": 130}
    del few["count"]
    del study["training_size"]
    return study


def audit(default: dict[str, Any]) -> dict[str, Any]:
    """The network of the first hospital on the films of another one."""
    study = hospital(default, "audit", 109)
    study["phantom"]["xray"] = AMOUNTS_OF_AUDIT
    group = study["groups"]["X-TB"]
    for entry in group["classes"].values():
        for key in ("at_most", "augment_to"):
            entry.pop(key, None)
        entry["count"] = "all"
    network_input = {"channels": 1, "range": [0, 1], "mean": 0, "std": 1}
    group["network"] = {"file": "theirs.pt2", "classes": ["C1", "C2"], "input": network_input}
    study["groups"] = {"X-TB": group}
    return study


def public() -> dict[str, Any]:
    """Two groups of the public study, with one short training each."""
    study = yaml.safe_load((PROJECT / "resources/studies/public.yaml").read_text())
    study["sources"] = {name: study["sources"][name] for name in ("kermany", "glas")}
    study["groups"] = {name: study["groups"][name] for name in ("X-BACT", "H-GLAND")}
    study["training"]["epochs"] = 8
    del study["training"]["repeats"], study["training_size"]
    return study


def carry_out(folder: Path, study: dict[str, Any]) -> Path:
    """The results of a study in a folder of its own."""
    file = folder / "study.yaml"
    file.write_text(yaml.safe_dump(study, sort_keys=False))
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--resources", "gpu=0"]
    command += ["--snakefile", PROJECT / "Snakefile", "--directory", folder, "--configfile", file]
    subprocess.run([*command, "--workflow-profile", PROJECT / "profiles/default"], check=True)
    return folder / "results" / study["study"]


def export(results: Path, file: Path) -> None:
    network = network_files.load(results / "groups/X-TB/full/network.safetensors")
    shapes = ({0: torch.export.Dim("images", min=1)},)
    images = torch.zeros(2, 1, SIDE, SIDE)
    torch.export.save(torch.export.export(network, (images,), dynamic_shapes=shapes), file)


def ids(results: Path) -> set[str]:
    """The ids of all records and patients in the tables of a study."""
    words: set[str] = set()
    for path in results.rglob("records.parquet"):
        table = parquet.read_table(path)
        words |= {*table["record_id"].astype(str), *table["patient"].dropna().astype(str)}
    return words


def count_in(words: set[str], folder: Path) -> int:
    text = "\n".join(path.read_text() for path in folder.iterdir())
    return sum(word in text for word in words)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--public", type=Path, required=True, help="where the public sets lie")
    arguments = parser.parse_args()
    default = yaml.safe_load((PROJECT / "config.yaml").read_text())
    studies = {f"hospital{n}": hospital(default, f"hospital{n}", 100 + n) for n in range(1, 5)}
    studies |= {"audit": audit(default), "public": public()}
    shares = []
    for name, study in studies.items():
        folder = arguments.folder.resolve() / name
        folder.mkdir(parents=True, exist_ok=True)
        if name == "public" and not (folder / "public").exists():
            (folder / "public").symlink_to(arguments.public.resolve())
        if name == "audit" and not (folder / "theirs.pt2").exists():
            export(folder.parent / "hospital1/results/hospital1", folder / "theirs.pt2")
        study |= {"attacks": attacks(default), "operating_points": OPERATING_POINTS}
        results = carry_out(folder, study)
        shares.append(folder.parent / "shares" / name)
        if not shares[-1].exists():
            share(results, shares[-1], name, 5, True)
        words = ids(results)
        print(f"{name}: {count_in(words, shares[-1])} of {len(words)} ids are in its share")
    print(*pool(shares, arguments.folder / "atlas"), sep="\n")


if __name__ == "__main__":
    main()
