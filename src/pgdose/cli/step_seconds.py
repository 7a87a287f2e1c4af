"""What one image costs on this machine: a forward and backward pass, timed in a process of its own.

    python -m pgdose.cli.step_seconds < networks.json > seconds.json

A network of the study is built with random weights, or read from its file, and carried out on a few
images of noise. Whatever its file does, only that process is lost.
"""

import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

IMAGES = 16  # of a batch
LEAST, MOST = 0.5, 8.0  # seconds that the passes of a network are timed for
LIMIT = 240  # seconds for all networks

Seconds = dict[str, list[float | None]]  # of each network: forward, and forward and backward


def time_steps(networks: Mapping[str, Mapping[str, Any]]) -> Seconds:
    """Seconds an image of each network; None for one that cannot be timed.

    Each gives size, channels, classes, threads, and architecture and width, or file and format.
    """
    nothing: Seconds = {name: [None, None] for name in networks}
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-W", "ignore", "-m", __name__],
            input=json.dumps(networks),
            text=True,
            capture_output=True,
            timeout=LIMIT,
        )
        return nothing | json.loads(done.stdout.splitlines()[-1])
    except (subprocess.TimeoutExpired, ValueError, IndexError):
        return nothing


def _time(networks: Mapping[str, Mapping[str, Any]]) -> Seconds:
    seconds: Seconds = {}
    for name, about in networks.items():
        try:
            seconds[name] = list(_time_one(about))
        except Exception:  # a network that cannot be built or read is told by other checks
            seconds[name] = [None, None]
    return seconds


def _time_one(about: Mapping[str, Any]) -> Sequence[float]:
    import torch

    from pgdose.networks import architectures, formats
    from pgdose.study.image_size import sides
    from pgdose.study.onnx_locations import data_files

    torch.set_num_threads(about["threads"])
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    channels, size = about["channels"], about["size"]
    rows, columns = sides(size)
    if about.get("file"):
        path = Path(about["file"])
        content = path.read_bytes()
        network = formats.read_module(about["format"], content, path.name, data_files(path))
    else:
        network = architectures.untrained(
            about["architecture"], about["classes"], size, about["width"]
        )
        channels = 3
    network = network.eval().to(device)
    images = torch.rand(IMAGES, channels, rows, columns, device=device, requires_grad=True)

    def step(backward: bool) -> None:
        logits = network(images)
        if backward:
            torch.autograd.grad(logits.sum(), images)
        if device.type == "cuda":
            torch.cuda.synchronize()

    return [_per_image(step, backward) for backward in (False, True)]


def _per_image(step: Any, backward: bool) -> float:
    step(backward)  # the first one prepares
    rounds, start = 0, time.perf_counter()
    while (passed := time.perf_counter() - start) < LEAST and rounds < 1000:
        step(backward)
        rounds += 1
    return float(passed / (rounds * IMAGES)) if rounds else MOST


if __name__ == "__main__":
    print(json.dumps(_time(json.load(sys.stdin))))
