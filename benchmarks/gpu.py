"""Holds pgdose on a GPU to the CPU and measures it: one command, 8 minutes on one card.

    python benchmarks/gpu.py [--out FOLDER] [--minutes 8]

It needs torch, torchvision and this checkout, and nothing else. gpu.json and gpu.md in the folder
are written anew after each part, and while one runs. The parts, in this order:

machine   what is there: the GPU, versions, packages that are missing, other libraries of attacks
checks    training and surfaces of all kinds of attack beside the CPU, precisions beside fp32,
          deterministic mode, resuming after a kill, halving batches when memory runs out
attack    the attack step and whole surfaces beside forward and backward alone and other libraries
training  the training loop beside a step on one batch and a plain loop
compile   the step with torch.compile
paper     the hours of resources/studies/paper.yaml by these figures

Each part has a process of its own, and a share of the time that is left: one that crashes or hangs
is ended, and the next goes on. What there was no time for is named. Without a GPU, or with --toy,
the same code runs at toy size; its figures then mean nothing.
"""

import argparse
import importlib
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import gpu_imports
import gpu_report
from gpu_report import Part, part_file, write_report

# Shares of the time that is left when a part begins, beside those of the parts after it.
SHARES = {"machine": 4, "checks": 32, "attack": 38, "training": 20, "compile": 12, "paper": 1}
WITHOUT_PGDOSE = ("machine", "paper")  # parts that do not need its modules
LEAST = {"machine": 90}  # seconds: torch may have to come from a slow disk
GRACE = 10  # seconds that a part may run over before it is killed: an entry, or its end
EVERY = 2  # seconds between two looks at a running part
TOY_SECONDS = 180  # of a part at toy size
OF_TOY = "TOY SIZE: figures mean nothing"


def run_part(name: str, folder: Path, seconds: float, toy: bool) -> Part:
    """Carry out one part in this process."""
    part = Part(name, folder, seconds, toy)
    part.write()
    try:
        if name not in WITHOUT_PGDOSE:
            gpu_imports.prepare()
        importlib.import_module(f"gpu_{name}").run(part)
    except BaseException as error:  # said in the report; the next part goes on
        part.finish(error)
        if isinstance(error, KeyboardInterrupt):
            raise
    else:
        part.finish()
    return part


def supervise(name: str, folder: Path, seconds: float, command: list[str], write: Any) -> None:
    """Carry out one part in a process of its own, and end it if it does not end."""
    begun = time.monotonic()
    process = subprocess.Popen(command)
    try:
        while process.poll() is None and time.monotonic() - begun < seconds + GRACE:
            time.sleep(min(EVERY, 0.1 * seconds))
            write()
    finally:
        killed = process.poll() is None
        process.kill()
        process.wait()
    if killed or process.returncode:
        how = "killed: it took too long" if killed else f"its process ended: {process.returncode}"
        _mark_as_ended(name, folder, seconds, how)


def _mark_as_ended(name: str, folder: Path, seconds: float, how: str) -> None:
    found = gpu_report.read_parts(folder).get(name, {"entries": [], "error": None})
    if not found["entries"] and found["error"]:
        return  # it has said why
    part = Part(name, folder, seconds)
    part.entries = found["entries"]
    for entry in part.entries:
        if entry["state"] == "running":
            entry["state"] = how
    part.finish(RuntimeError(how))


def is_toy(folder: Path) -> bool:
    """Whether the part `machine` found no GPU."""
    found = gpu_report.entries(gpu_report.read_parts(folder), "machine", "torch")
    return any(entry["cuda"] is False for entry in found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("gpu"), help="default: gpu")
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--toy", action="store_true", help="toy size, on the CPU")
    parser.add_argument("--parts", nargs="+", choices=SHARES, default=list(SHARES))
    parser.add_argument("--together", action="store_true", help="all parts in one process")
    parser.add_argument("--seconds", type=float, help=argparse.SUPPRESS)  # of a single part
    wanted = parser.parse_args()
    folder: Path = wanted.out.resolve()
    if wanted.seconds:
        run_part(wanted.parts[0], folder, wanted.seconds, wanted.toy)
        return
    begun, toy = time.monotonic(), wanted.toy
    for name in SHARES:
        part_file(folder, name).unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)

    def write() -> None:
        spent = round(time.monotonic() - begun)
        about = {"minutes": wanted.minutes, "seconds spent": spent}
        write_report(folder, wanted.parts, about | ({"size": OF_TOY} if toy else {}))

    for number, name in enumerate(wanted.parts):
        rest = sum(SHARES[later] for later in wanted.parts[number:])
        left = 60 * wanted.minutes - (time.monotonic() - begun) - GRACE
        seconds = max(left * SHARES[name] / rest, min(LEAST.get(name, 1), left), 1.0)
        seconds = TOY_SECONDS if toy else seconds
        print(f"{name}: {seconds:.0f} s", flush=True)
        if wanted.together:
            run_part(name, folder, seconds, toy)
        else:
            command = [sys.executable, str(Path(__file__).resolve()), "--out", str(folder)]
            command += ["--parts", name, "--seconds", f"{seconds:.1f}", *(["--toy"] if toy else [])]
            supervise(name, folder, seconds, command, write)
        toy = toy or (name == "machine" and is_toy(folder))
        write()
    print(f"{folder / 'gpu.json'} and gpu.md written")


if __name__ == "__main__":
    main()
