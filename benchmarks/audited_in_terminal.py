"""`pgdose audit` of a network of audited_networks.py, from a folder of PNGs to the surface."""

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from audited_networks import CLASSES, Brought
from PIL import Image
from torch import Tensor

from pgdose.attack.surface_table import read_surface
from pgdose.cohort.images import load_members
from pgdose.study.parsing import parse
from pgdose.study.study_file import read_study_file

SOURCES = Path(__file__).resolve().parent.parent / "src"
MINUTES = 10


def prepare(
    brought: Brought,
    model: Path,
    data: tuple[Tensor, Tensor],
    *,
    epsilons: Sequence[float],
    iterations: int,
) -> tuple[str, Callable[[], tuple[np.ndarray, np.ndarray]]]:
    """What a person types, and what carries it out.

    The latter gives, of each image, whether it is right and, n x epsilons x iterations, flipped.
    """
    folder = model.parent
    pixels = (data[0][:, 0] * 255).round().numpy().astype(np.uint8)
    _write_images(folder, pixels, data[1])
    words = [
        "--model",
        model.name,
        "--images",
        "films",
        "--labels",
        "labels.csv",
        *options(brought),
    ]
    doses = ["--epsilons", ",".join(map(str, epsilons)), "--iterations", str(iterations)]
    rest = ["--classes", ",".join(CLASSES), "--out", "audit", "--cores", "1", "--gpu", "0"]

    def run() -> tuple[np.ndarray, np.ndarray]:
        command = [sys.executable, "-m", "pgdose.cli", "audit", *words, *doses, *rest]
        with (folder / "log").open("wb") as log:
            environment = os.environ | {"PYTHONPATH": str(SOURCES), "OMP_NUM_THREADS": "1"}
            done = subprocess.run(
                command, cwd=folder, env=environment, stdout=log, stderr=log, timeout=60 * MINUTES
            )
        if done.returncode:
            raise RuntimeError((folder / "log").read_text()[-2000:])
        return outcome(folder / "audit", pixels, data[1].numpy())

    return f"pgdose audit {shlex.join(words)}", run


def _write_images(folder: Path, pixels: np.ndarray, labels: Tensor) -> None:
    (folder / "films").mkdir()
    lines = ["image,patient,label"]
    for number, (image, label) in enumerate(zip(pixels, labels.tolist(), strict=True)):
        Image.fromarray(image).save(folder / "films" / f"{number}.png")
        lines.append(f"{number}.png,p{number},{CLASSES[label]}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")


def options(brought: Brought) -> list[str]:
    """The options that say what the network takes and gives, as its owner would type them."""
    said = {f"--{key}": value for key, value in brought.input.items()}
    if "--layout" in said:
        said["--input-layout"] = said.pop("--layout")
    rows, columns = brought.shape
    said["--size"] = rows if rows == columns else [rows, columns]
    if brought.outputs != "logits":
        said["--outputs"] = brought.outputs
    names = {"threshold": "--threshold", "label": "--label", "labels": "--label-names"}
    said |= {names[key]: value for key, value in brought.extra.items() if key in names}
    words = [f"{key}={_text(value)}" for key, value in said.items()]
    if brought.terminal == "torchscript":
        words.append("--trust")
    if brought.terminal == "safetensors":
        words.append(f"--architecture={brought.architecture}")
    return words


def _text(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def outcome(folder: Path, pixels: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Read what the study measured; its members are matched with the images by their pixels."""
    study = parse(read_study_file(folder / "study.yaml").content)
    (name, group), results = next(iter(study.groups.items())), folder / study.results
    run = results / "groups" / name / "full"
    members = load_members(
        results / "groups" / name / "members.parquet", results, group.image.size, 1
    )
    position = {image.tobytes(): number for number, image in enumerate(pixels)}
    images = [position[image.tobytes()] for image in members.read(range(len(members)))[:, 0]]
    image_of = dict(zip(members.table["member"], images, strict=True))
    surface = read_surface([run / "sign" / "surface" / "0.parquet"], run / "network.safetensors")
    attacked = np.array([image_of[member] for member in surface.members], int)
    flips = surface.flipped(labels[attacked])[:, :, 1:]
    right = np.zeros(len(labels), bool)
    right[attacked] = True  # whatever is right is attacked
    flipped = np.zeros((len(labels), *flips.shape[1:]), bool)
    flipped[attacked] = flips
    return right, flipped
