"""What an epoch of adversarial training costs: its time over that of a plain epoch.

    .venv/bin/python benchmarks/adversarial_training.py [--width 0.25] [--size 96] [--steps 7]

Trains one network of each kind on made-up images, epoch by epoch in turn, so that other work on the
machine meets all of them, and prints the ratio of each round and the median. All make as many
gradient steps in an epoch. Reading is part of each epoch. Seconds are those of the processor, on
one thread, which other work hardly changes; of a GPU those of the clock.
"""

import argparse
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from shared import synchronised
from training import made_up, network_of

from pgdose.cohort.images import Members
from pgdose.study.adversarial_training import AdversarialTraining
from pgdose.study.training import Training
from pgdose.training.epoch import attacked_epoch, draw_epoch, train_epoch
from pgdose.training.state import TrainingState

METHODS = ("plain", "free", "pgd", "trades")


@dataclass
class Timed:
    """A training, one epoch after another."""

    state: TrainingState
    members: Members
    readers: int
    epochs: int = 0

    def seconds(self) -> float:
        """Of its next epoch."""
        self.epochs += 1
        settings, device = self.state.settings, self.state.device
        clock = time.process_time if device.type == "cpu" else lambda: synchronised(device)
        begun = clock()
        epoch = draw_epoch(0, "G", self.epochs, len(self.members), settings.augment is not None)
        train_epoch(self.state, self.members, attacked_epoch(epoch, settings, 0), self.readers)
        return clock() - begun


def timed(arguments: argparse.Namespace, members: Members, method: str) -> Timed:
    adversarial = None
    if method != "plain":
        adversarial = AdversarialTraining(
            method=method,  # type: ignore[arg-type]
            epsilon=arguments.epsilon,
            steps=arguments.steps,
        )
    settings = Training(
        batch=arguments.batch,
        lr=1e-4,
        schedule="constant",
        precision=arguments.precision,
        augment={} if arguments.augment else None,  # type: ignore[arg-type]
        adversarial=adversarial,
    )
    network = network_of(arguments).to(memory_format=torch.channels_last)
    return Timed(TrainingState(network, settings, 10**6, arguments.device), members, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--architecture", default="inception_v3")
    parser.add_argument("--width", type=float, default=0.25)
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--images", type=int, default=320)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=7)
    parser.add_argument("--epsilon", type=float, default=0.01)
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--augment", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    parser.add_argument("--methods", nargs="+", default=METHODS[1:], choices=METHODS[1:])
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as folder:
        members = made_up(Path(folder), arguments.images, arguments.size)
        trainings = {m: timed(arguments, members, m) for m in ("plain", *arguments.methods)}
        for training in trainings.values():  # warms up
            training.seconds()
        ratios: dict[str, list[float]] = {method: [] for method in arguments.methods}
        for _ in range(arguments.rounds):
            plain = trainings["plain"].seconds()
            for method, values in ratios.items():
                values.append(trainings[method].seconds() / plain)
            words = ", ".join(f"{method} {values[-1]:.2f}" for method, values in ratios.items())
            print(f"plain epoch {plain:.2f} s; times that: {words}", flush=True)
    for method, values in ratios.items():
        settings = trainings[method].state.settings.adversarial
        assert settings is not None
        print(
            f"{method}: median {statistics.median(values):.2f} ({min(values):.2f} to "
            f"{max(values):.2f}), passes {settings.cost}"
        )


if __name__ == "__main__":
    main()
