"""What a job computes on: GPUs that no other job holds, precision, and images at a time."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from helpers.networks import images, settled, small
from torch import Tensor, nn

from pgdose import devices
from pgdose.attack.input_checks import check_network
from pgdose.networks import folding

pytestmark = pytest.mark.usefixtures("one_thread")


def test_a_job_without_a_gpu_runs_on_the_cpu() -> None:
    assert devices.claim_device(0) == torch.device("cpu")


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[int]]:
    """Two GPUs, as torch would report them; yields the numbers that became the current device."""
    current: list[int] = []
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(
        torch.cuda, "get_device_properties", lambda i: SimpleNamespace(uuid=f"GPU-{'ab'[i]}")
    )
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: current.append(device.index))
    before = len(devices.gpu_locks)
    yield current
    for lock in devices.gpu_locks[before:]:
        os.close(lock)
    del devices.gpu_locks[before:]


def test_jobs_side_by_side_take_different_gpus(two_gpus: list[int]) -> None:
    assert [devices.claim_device(1) for _ in range(2)] == [
        torch.device("cuda", 0),
        torch.device("cuda", 1),
    ]
    assert devices.claim_device(1) == torch.device("cuda")  # none is left: they share
    assert two_gpus == [0, 1] and devices.claim_device(0) == torch.device("cpu")


HOLDS = """
import sys, time
from pgdose import devices
assert devices.lock_gpu("GPU-a")
print("held", flush=True)
time.sleep(60)
"""


def test_another_user_can_ask_for_the_lock_too(two_gpus: list[int], tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        devices.claim_device(1)
    finally:
        os.umask(before)
    (lock,) = tmp_path.glob("pgdose-gpu-*")
    assert lock.stat().st_mode & 0o777 == 0o644


def test_a_link_is_no_lock(two_gpus: list[int], tmp_path: Path) -> None:
    (tmp_path / "pgdose-gpu-GPU-a").symlink_to(tmp_path / "planted")
    assert devices.claim_device(1) == torch.device("cuda", 1)
    assert not (tmp_path / "planted").exists()


def test_a_killed_job_gives_its_gpu_back(two_gpus: list[int], tmp_path: Path) -> None:
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    other = subprocess.Popen(
        [sys.executable, "-c", HOLDS], stdout=subprocess.PIPE, env=environment, text=True
    )
    assert other.stdout and other.stdout.readline() == "held\n"
    assert devices.claim_device(1) == torch.device("cuda", 1)
    other.kill()
    other.wait()
    assert devices.claim_device(1) == torch.device("cuda", 0)


CPU = torch.device("cpu")


def test_only_a_gpu_has_other_precisions_than_fp32() -> None:
    network = folding.fold(small())
    for precision in ("fp32", "tf32", "bf16"):
        assert devices.with_precision(network, precision, CPU) == (network, "fp32")


def test_a_network_of_any_precision_can_be_attacked() -> None:
    check_network(devices.Autocast(folding.fold(small()), torch.bfloat16).eval())
    with pytest.raises(ValueError, match="evaluation mode"):
        check_network(devices.Autocast(small(), torch.bfloat16).train())


def test_outputs_in_a_lower_precision_are_float32_again() -> None:
    dtypes = []

    class Products(nn.Module):
        def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
            products = images.flatten(1) @ images.flatten(1).T
            dtypes.append(products.dtype)
            return products, products

    outputs = devices.Autocast(Products(), torch.bfloat16)(images(4))
    assert dtypes == [torch.bfloat16]
    assert all(part.dtype == torch.float32 for part in outputs)


# In a process of its own: what the C library was told holds for good.
MAPPED = """
import ctypes, sys
from pgdose import devices

class Info(ctypes.Structure):  # glibc's mallinfo2
    _fields_ = [(name, ctypes.c_size_t) for name in "arena ordblks smblks hblks".split()]
    _fields_ += [(f"other{n}", ctypes.c_size_t) for n in range(6)]

libc = ctypes.CDLL(None)
if not hasattr(libc, "mallinfo2"):
    sys.exit("no glibc")
libc.mallinfo2.restype, libc.malloc.restype = Info, ctypes.c_void_p
assert sys.argv[1] == "as it is" or devices.keep_freed_memory()
before = libc.mallinfo2().hblks
libc.malloc(ctypes.c_size_t(30 << 20))
print(libc.mallinfo2().hblks - before)
"""


def test_a_job_keeps_the_memory_of_freed_tensors() -> None:
    """Blocks of 30 MB come from the heap, which stays, and not from pages of their own."""
    own_pages = {}
    for how in ("as it is", "kept"):
        command = [sys.executable, "-c", MAPPED, how]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.stderr.strip() == "no glibc":
            pytest.skip(done.stderr)
        own_pages[how] = int(done.stdout)
    assert own_pages == {"as it is": 1, "kept": 0}


# In a process of its own: what torch takes for its default cannot be set again.
PRECISIONS = """
import warnings
warnings.simplefilter("error")
import torch
from torch import backends
from pgdose import devices

def switches():
    return backends.cudnn.conv.fp32_precision, backends.cuda.matmul.fp32_precision

def check(caller):
    before, used = switches(), []
    with devices.kept_precision():
        for precision in ("fp32", "tf32", "fp32"):
            devices.set_precision(precision, torch.device("cuda"))
            used += switches()
    print(caller, *used, switches() == before)

check("nothing")
backends.cudnn.allow_tf32, backends.cuda.matmul.allow_tf32 = False, True
check("old")
backends.cudnn.conv.fp32_precision, backends.cuda.matmul.fp32_precision = "tf32", "ieee"
check("new")
backends.fp32_precision = "tf32"
check("general")
"""


def test_the_precision_is_ours_within_and_the_callers_afterwards() -> None:
    done = subprocess.run([sys.executable, "-c", PRECISIONS], capture_output=True, text=True)
    expected = [*["ieee"] * 2, *["tf32"] * 2, *["ieee"] * 2, "True"]
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines == [[name, *expected] for name in ("nothing", "old", "new", "general")], (
        done.stderr
    )


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_precisions_of_a_gpu_agree_with_the_cpu() -> None:
    device = torch.device("cuda")
    network, some = folding.fold(settled(small())), images(4)
    expected = network(some)
    for precision, within in (("fp32", 1e-4), ("tf32", 0.02), ("bf16", 0.1)):
        on_gpu, used = devices.with_precision(network.to(device), precision, device)
        logits = on_gpu(some.to(device)).cpu()
        assert used == precision and logits.dtype == torch.float32
        assert (logits - expected).abs().max() < within
        network.cpu()


def test_more_memory_or_smaller_images_are_more_at_a_time() -> None:
    network = folding.fold(small())

    def batch(size: int, mem_mb: int) -> int:
        return devices.fitting_batch(network, torch.zeros(1, 1, size, size), CPU, mem_mb)

    assert batch(75, 100_000) == devices.MOST_AT_ONCE["cpu"]
    assert 1 < batch(299, 1200) < batch(299, 1400) < batch(150, 1400)
    assert batch(299, 500) == 1  # the smallest there is; memory that runs out halves it no more


def test_the_bytes_of_the_backward_pass_are_counted_once() -> None:
    class Two(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return (images.exp() * images).flatten(1)[:, :2]  # keeps exp(x) twice, and x

    counted = [devices.backward_bytes(Two(), torch.rand(n, 1, 10, 10)) for n in (1, 2)]
    assert counted[1] - counted[0] == 2 * 100 * 4
