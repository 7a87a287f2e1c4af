"""How fast the training loop is, against a batch that stays in memory and against a plain loop.

    .venv/bin/python benchmarks/training.py [--width 0.25] [--size 96] [--images 2000]
    .venv/bin/python benchmarks/training.py --memory [--more 100000]
    .venv/bin/python benchmarks/training.py --reads [--size 256] [--images 20000]

Images per second of one epoch over made-up stores, of three loops in turn, several rounds:

floor   steps on one batch of float32 that stays on the device: no reading, no scaling.
ours    `training.epoch.train_epoch`, as a study runs it.
plain   a loop in the style of torchvision's reference scripts: DataLoader, transforms of each
        image, channels first, the loss fetched at each step; the same network and images.

With --memory: the resident memory of a process that trains one epoch on 1,000 and on more images.
With --reads: images per second read in a random order and in shuffled blocks of neighbours, from
the disk (pages dropped before) and from the page cache.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from shared import plain_loop, synchronised, training_floor

from pgdose import devices
from pgdose.cohort.images import Members
from pgdose.images.stores import new_store
from pgdose.networks import architectures, classifier
from pgdose.study.training import Training
from pgdose.tables import parquet
from pgdose.training import loading, loop
from pgdose.training.data import TrainingData
from pgdose.training.epoch import Epoch, train_epoch
from pgdose.training.state import TrainingState

SHARDS = 4
TABLE = "members.parquet"


def made_up(folder: Path, n: int, size: int) -> Members:
    """Grey images of two classes, in several stores."""
    rng = np.random.default_rng(n)
    noise = rng.integers(0, 256, (64, size, size), np.uint8)
    names, rows = [], []
    for shard in range(SHARDS):
        numbers = range(shard * n // SHARDS, (shard + 1) * n // SHARDS)
        with new_store(folder / f"{shard}.npy", len(numbers), size, 1) as store:
            for row, number in enumerate(numbers):
                store.put(row, np.roll(noise[number % 64], number // 64, axis=0))
        names += [f"{shard}.npy"] * len(numbers)
        rows += range(len(numbers))
    table = pd.DataFrame({"member": range(n), "store": names, "row": rows})
    table["class_index"] = np.arange(n) % 2
    return Members(table, folder, size, 1)


def network_of(arguments: argparse.Namespace) -> classifier.Classifier:
    torch.manual_seed(0)
    built = architectures.build(arguments.architecture, 2, arguments.size, arguments.width)
    return built.to(arguments.device)


def loops(arguments: argparse.Namespace, members: Members) -> dict[str, Callable[[], int]]:
    """The loops to time; each returns the number of images it trained on."""
    device = arguments.device
    settings = Training(
        epochs=1, batch=arguments.batch, lr=1e-4, schedule="constant", precision=arguments.precision
    )
    steps = len(members) // arguments.batch
    order = np.random.default_rng(0).permutation(len(members))[: steps * arguments.batch]

    def state_of(network: classifier.Classifier) -> TrainingState:
        network.to(memory_format=torch.channels_last).train()
        return TrainingState(network, settings, 10**6, device)

    ours, held = state_of(network_of(arguments)), state_of(network_of(arguments))
    images, labels = next(loading.batches(members, order, arguments.batch))
    pixels, classes = devices.scaled(images, device), labels.to(device)

    def epoch() -> int:
        train_epoch(ours, members, Epoch(1, "G", order), arguments.readers)
        return len(order)

    plain = plain_loop(members, arguments.batch, device, network_of(arguments), arguments.workers)
    floor = partial(training_floor, held, pixels, classes, steps)
    return {"floor": floor, "ours": epoch, "plain": plain}


def rates(arguments: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        members = made_up(Path(folder), arguments.images, arguments.size)
        timed = loops(arguments, members)
        table = pd.DataFrame(index=range(arguments.rounds), columns=list(timed), dtype=float)
        for number in range(-1, arguments.rounds):  # the first warms up
            for name, run in timed.items():
                begun = synchronised(arguments.device)
                images = run()
                rate = images / (synchronised(arguments.device) - begun)
                if number >= 0:
                    table.loc[number, name] = rate
    print(table.round(1).to_string())
    for other in ("floor", "plain"):
        ratio = (table["ours"] / table[other]).tolist()
        print(f"ours / {other}: median {statistics.median(ratio):.3f}, {min(ratio):.3f} at least")


def train_once(arguments: argparse.Namespace) -> None:
    """Train one epoch in this process on the images of a folder, and print its peak memory."""
    members = Members(
        parquet.read_table(Path(arguments.folder, TABLE)), arguments.folder, arguments.size, 1
    )
    torch.set_num_threads(arguments.readers)
    network = network_of(arguments)
    data = TrainingData(members, members.select(slice(0, 100)))
    settings = Training(epochs=1, batch=arguments.batch, lr=1e-4)
    resources = loop.Resources([arguments.device], Path(arguments.folder, "work"))
    loop.train(network, data, settings, resources, seed=0, name="G")
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def reads(arguments: argparse.Namespace) -> None:
    rng, rows = np.random.default_rng(0), []
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        members = made_up(Path(folder), arguments.images, arguments.size)
        orders = {"random": rng.permutation(arguments.images)}
        for length in (16, 256):
            blocks = np.arange(arguments.images // length * length).reshape(-1, length)
            orders[f"blocks of {length}"] = rng.permutation(blocks).ravel()
        for number in range(arguments.rounds):
            for name, order in orders.items():
                for where in ("disk", "cache"):
                    for store in Path(folder).glob("*.npy") if where == "disk" else ():
                        with store.open("rb") as file:
                            os.fsync(file.fileno())
                            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
                    begun = time.perf_counter()
                    for images, _ in loading.batches(members, order, arguments.batch):
                        images.sum()
                    rate = len(order) / (time.perf_counter() - begun)
                    rows.append({"round": number, "order": name, "from": where, "rate": rate})
    table = pd.DataFrame(rows).groupby(["from", "order"])["rate"]
    print(table.agg(["median", "min", "max"]).round(0).to_string())


def memory(arguments: argparse.Namespace) -> None:
    megabytes = {}
    for n in (1000, arguments.more):
        with tempfile.TemporaryDirectory() as folder:
            made = made_up(Path(folder), n, 75)
            parquet.write_table(made.table, Path(folder, TABLE))
            command = [sys.executable, __file__, "--folder", folder, "--images", str(n)]
            command += ["--width", "0.0625", "--size", "75"]
            run = subprocess.run(command, text=True, capture_output=True, check=True)
            megabytes[n] = float(run.stdout.split()[-1])
            print(f"{n} images: {megabytes[n]:.0f} MB at most")
    print(f"ratio: {megabytes[arguments.more] / megabytes[1000]:.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--architecture", default="inception_v3")
    parser.add_argument("--width", type=float, default=0.25)
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--readers", type=int, default=1)
    parser.add_argument("--workers", type=int, default=0, help="of the plain loop")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--reads", action="store_true")
    parser.add_argument("--more", type=int, default=100_000)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.memory:
        memory(arguments)
    elif arguments.reads:
        reads(arguments)
    elif arguments.folder:
        train_once(arguments)
    else:
        rates(arguments)


if __name__ == "__main__":
    main()
