"""Tiles from slide to a .npy file, one thread: pgdose, TIAToolbox and dlup.

    .venv/bin/python benchmarks/histology_peers.py [--slides FOLDER] [--peers dlup=PYTHON ...]

All read the same corners of level 0, 256x256 RGB, the peers tile by tile into an open_memmap as
their documentation has it. The ways take turns, each time in a new process; a figure is the median
over processes of the median round. Each peer has an environment of its own, made once below
.bench/; a peer that cannot be installed, or a way that cannot read a slide, is left out.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from statistics import median

import numpy as np
from histology_slides import add_arguments, find, grid
from histology_worker import WAYS

HERE = Path(__file__).resolve().parent
BENCH = HERE.parent / ".bench"
PACKAGES = {
    # TIAToolbox asks for setuptools' pkg_resources, and for a pair of torch that fits it.
    "tiatoolbox": (
        "tiatoolbox==2.1.3",
        "torch==2.12.1",
        "torchvision==0.27.1",
        "openslide-bin==4.0.1.1",
        "setuptools<81",
    ),
    "dlup": ("dlup[openslide]==0.9.4", "openslide-bin==4.0.1.2"),
}


def interpreter(peer: str, interpreters: Mapping[str, Path]) -> Path | None:
    """The Python that has a peer; makes its environment if there is none."""
    if peer in interpreters:
        return interpreters[peer]
    folder, packages = BENCH / peer, "\n".join(PACKAGES[peer])
    stamp = folder / "packages.txt"
    python = folder / "bin/python"
    if stamp.exists() and stamp.read_text() == packages:
        return python
    print(f"{peer}: installing below {BENCH.name}/", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    command: list[str | Path] = [python, "-m", "pip", "install", "--quiet", *PACKAGES[peer]]
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode:
        print(f"{peer}: left out, pip failed: {_last_line(run.stderr)}")
        return None
    stamp.write_text(packages)
    return python


def measure(python: Path, way: str, slide: Path, folder: Path, rounds: int) -> float | str:
    """The median round of a process, seconds, or what went wrong."""
    command: list[str | Path] = [
        python,
        HERE / "histology_worker.py",
        way,
        slide,
        folder / "places.json",
    ]
    command += [_store(folder, way), str(rounds)]
    run = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    if run.returncode:
        return _last_line(run.stderr)
    return median(json.loads(run.stdout.splitlines()[-1]))


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[-1][:150]


def _store(folder: Path, way: str) -> Path:
    return folder / f"{way}.npy"


def compare(kind: str, slide: Path, pythons: Mapping[str, Path], times: int, rounds: int) -> None:
    places = grid(slide)
    seconds_of: dict[str, list[float]] = {way: [] for way in WAYS if way.split()[0] in pythons}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "places.json").write_text(json.dumps(places[["x", "y"]].to_numpy().tolist()))
        for _ in range(times):
            for way in list(seconds_of):
                result = measure(pythons[way.split()[0]], way, slide, folder, rounds)
                if isinstance(result, str):
                    print(f"{kind}, {way}: left out: {result}")
                    del seconds_of[way]
                else:
                    seconds_of[way].append(result)
        ours = np.load(_store(folder, "pgdose")).astype(int)
        ours_each = median(seconds_of["pgdose"]) / len(places)
        for way, seconds in seconds_of.items():
            apart = np.abs(ours - np.load(_store(folder, way))).max()
            each = median(seconds) / len(places)
            print(
                f"{f'{kind}, {way}':38}{1e3 * each:12.3f}{ours_each / each:12.3f}{apart:12}",
                flush=True,
            )


def report(slides: Path, interpreters: Mapping[str, Path], times: int, rounds: int) -> None:
    pythons = {"pgdose": Path(sys.executable)}
    for peer in PACKAGES:
        if python := interpreter(peer, interpreters):
            pythons[peer] = python
    print(f"{'a tile':38}{'ms':>12}{'pgdose/it':>12}{'apart':>12}", flush=True)
    for kind, slide in find(slides):
        compare(kind, slide.resolve(), pythons, times, rounds)


def add_peers(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--peers", nargs="*", default=[], metavar="NAME=PYTHON", help="environments that exist"
    )


def parse_peers(peers: list[str]) -> dict[str, Path]:
    """The interpreters that --peers names."""
    by_name = dict(peer.split("=", 1) for peer in peers)
    if not set(by_name) <= set(PACKAGES):
        sys.exit(f"--peers takes {', '.join(PACKAGES)}")
    return {name: Path(python).absolute() for name, python in by_name.items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_arguments(parser)
    add_peers(parser)
    parser.add_argument("--processes", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    report(arguments.slides, parse_peers(arguments.peers), arguments.processes, arguments.rounds)
