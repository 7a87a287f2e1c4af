"""A network from elsewhere, tried in a process of its own before a job reads it.

What a file says can end a process in ways that no check foresees: an operator of torch that takes
any memory inside, that never comes back, that stops the processor. So the first reading and the
first passes happen where only a child of the job can be lost.
"""

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from torch import Tensor

from pgdose.errors import UserError
from pgdose.networks import folding, network_files, probe
from pgdose.networks.onnx_data import MOST_BYTES
from pgdose.study.networks import ExistingNetwork
from pgdose.study.onnx_locations import data_files

SOURCES = str(Path(__file__).parents[2])
IMPORTING = 300  # seconds that the process may take before it begins


def try_network(
    existing: ExistingNetwork, classes: list[str], images: Tensor, *, memory: float, seconds: int
) -> None:
    """UserError, with the reason, if a network cannot be read or attacked.

    Args:
        existing: of the study.
        classes: the group's, in its order.
        images: some of the group's, n x channels x rows x columns in [0, 1], float32.
        memory: MB that the process may take beside torch and the file itself.
        seconds: that it may take.
    """
    request = {
        "existing": existing.model_dump(mode="json"),
        "classes": classes,
        "shape": list(images.shape),
        "memory": memory,
        "seconds": seconds,
        "threads": torch.get_num_threads(),
    }
    run = subprocess.run(
        [sys.executable, "-P", "-W", "ignore", "-m", __name__, json.dumps(request)],
        input=images.cpu().contiguous().numpy().tobytes(),
        capture_output=True,
        timeout=IMPORTING + seconds,
        env=os.environ | {"PYTHONPATH": SOURCES},
    )
    if run.returncode == 0:
        return
    name = Path(existing.file).name
    lines = run.stdout.decode(errors="replace").splitlines()
    if run.returncode == 1 and lines and lines[-1].startswith(name):
        raise UserError(lines[-1])
    over_time = run.returncode == -signal.SIGALRM
    what = f"more than {seconds} seconds" if over_time else f"{memory:.0f} MB, or ended its process"
    field = "training.runtime" if over_time else "training.mem_mb"
    raise UserError(
        f"{name}: refused, because reading it and two passes took {what}; raise {field} if you "
        "know who made it, or export it anew"
    )


def _try(request: str) -> None:
    wanted = json.loads(request)
    existing = ExistingNetwork.model_validate(wanted["existing"])
    content = sys.stdin.buffer.read()
    images = torch.frombuffer(bytearray(content), dtype=torch.float32).view(wanted["shape"])
    torch.set_num_threads(wanted["threads"])
    _limit(Path(existing.file), wanted["memory"], wanted["seconds"])
    try:
        with tempfile.TemporaryDirectory() as folder:
            network = network_files.import_network(
                existing, Path(folder, "network.safetensors"), wanted["classes"], images.shape[-2:]
            )
        name = Path(existing.file).name
        probe.check(folding.fold(network), images, len(wanted["classes"]), name, wanted["memory"])
    except UserError as error:
        print(error)
        sys.exit(1)


def _limit(file: Path, memory: float, seconds: int) -> None:
    """Bound what this process may take from here on."""
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    files = [file, *(data for data in data_files(file) if data.is_file())]
    stored = sum(min(part.stat().st_size, MOST_BYTES) for part in files)
    most = int(size + memory * 1e6 + 6 * stored)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.alarm(seconds)


if __name__ == "__main__":
    _try(sys.argv[1])
