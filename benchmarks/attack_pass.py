"""One forward and backward pass by the images on a CPU: torch's own layers beside pgdose's.

    .venv/bin/python benchmarks/attack_pass.py [--width 1] [--size 128] [--batches 8 32] [--profile]

For each batch size: milliseconds per image of the folded InceptionV3, by torch's layers and
autograd (the floor of attack.py) and by pgdose (`networks.frozen_graph`), and their ratio, of
medians over rounds in turns. `--keep-memory` keeps freed memory, as jobs do. `--profile` tells
which operators take the time, and what a matrix product reaches. OpenMP's settings
come from the environment.
"""

import argparse
import time
from functools import partial

import torch
from attack import Key, Task, Way, in_turn, task
from torch import nn
from torch.profiler import ProfilerActivity, profile

from pgdose import devices

CPU = torch.device("cpu")
SHOWN = 12  # operators of a profile


def one_pass(network: nn.Module, given: Task) -> None:
    images = given.images.detach().requires_grad_()
    torch.autograd.grad(network(images).sum(), images)


def passes(network: nn.Module, given: Task, number: int) -> None:
    for _ in range(number):
        one_pass(network, given)


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
        turns: dict[Key, Way] = {
            (name, ""): partial(passes, network, given, arguments.passes)
            for name, network in ways.items()
        }
        in_turn(turns, 1, CPU)  # warms up
        taken = in_turn(turns, arguments.rounds, CPU)
        pgdose, plain = (
            1e3 * taken[name, ""] / arguments.passes / batch for name in ("pgdose", "torch")
        )
        print(f"{batch:<8}{plain:10.2f}{pgdose:10.2f}{plain / pgdose:8.2f}", flush=True)
        if arguments.profile:
            for name, network in ways.items():
                print_profile(name, network, given)
    if arguments.profile:
        print(f"\na matrix product: {matrix_speed():.0f} GFLOP/s")


if __name__ == "__main__":
    main()
