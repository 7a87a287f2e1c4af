"""One forward and backward pass by the images on a CPU: torch's own layers beside pgdose's.

    .venv/bin/python benchmarks/attack_pass.py [--width 1] [--size 128] [--batches 8 32] [--profile]

For each batch size: milliseconds per image of the folded InceptionV3, by torch's layers and
autograd (the floor of attack.py) and by pgdose (`networks.frozen_graph`), and their ratio; medians
of rounds in turns. `--keep-memory` keeps freed memory, as jobs do. `--profile` tells which
operators take the time, and what a matrix product reaches. OpenMP's settings are the environment's.
"""

import argparse
import time
from statistics import median

import torch
from attack import Task, task
from torch import nn
from torch.profiler import ProfilerActivity, profile

from pgdose import devices

CPU = torch.device("cpu")
SHOWN = 12  # operators of a profile


def one_pass(network: nn.Module, given: Task) -> None:
    images = given.images.detach().requires_grad_()
    torch.autograd.grad(network(images).sum(), images)


def milliseconds(network: nn.Module, given: Task, passes: int) -> float:
    begun = time.perf_counter()
    for _ in range(passes):
        one_pass(network, given)
    return 1e3 * (time.perf_counter() - begun) / passes / len(given.images)


def matrix_speed() -> float:
    """10^9 additions and multiplications a second."""
    matrix = torch.rand(2048, 2048)
    seconds = []
    for _ in range(10):
        begun = time.perf_counter()
        matrix @ matrix
        seconds.append(time.perf_counter() - begun)
    return 2 * 2048**3 / min(seconds) / 1e9


def print_profile(name: str, network: nn.Module, given: Task) -> None:
    with profile(activities=[ProfilerActivity.CPU]) as measured:
        for _ in range(5):
            one_pass(network, given)
    events = sorted(measured.key_averages(), key=lambda event: -event.self_cpu_time_total)
    total = sum(event.self_cpu_time_total for event in events)
    print(f"\n{name}, {len(given.images)} images")
    for event in events[:SHOWN]:
        print(f"   {event.key[:50]:52}{100 * event.self_cpu_time_total / total:5.1f} %")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--passes", type=int, default=3, help="in a turn")
    parser.add_argument("--keep-memory", action="store_true")
    parser.add_argument("--profile", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.keep_memory:
        devices.keep_freed_memory()
    print(f"torch {torch.__version__}, {arguments.threads} threads, width {arguments.width:g}")
    print(
        f"{'images':8}{'torch':>10}{'pgdose':>10}{'ratio':>8}   ms per image, {arguments.size} px"
    )
    for batch in arguments.batches:
        given = task(batch, arguments.size, arguments.width, 0, CPU, "fp32")
        ways = {"torch": given.floor, "pgdose": given.folded}
        taken: dict[str, list[float]] = {name: [] for name in ways}
        for number in range(-1, arguments.rounds):  # the first warms up
            for name, network in ways.items():
                spent = milliseconds(network, given, arguments.passes)
                if number >= 0:
                    taken[name].append(spent)
        ratio = median(a / b for a, b in zip(taken["torch"], taken["pgdose"], strict=True))
        figures = [median(values) for values in taken.values()]
        print(f"{batch:<8}{figures[0]:10.2f}{figures[1]:10.2f}{ratio:8.2f}", flush=True)
        if arguments.profile:
            for name, network in ways.items():
                print_profile(name, network, given)
    if arguments.profile:
        print(f"\na matrix product: {matrix_speed():.0f} GFLOP/s")


if __name__ == "__main__":
    main()
