"""What a job computes on: its GPU or the CPU, the precision, and how many images at a time."""

import contextlib
import ctypes
import fcntl
import os
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

# torch's switches for tf32, the old ones first: they set the new ones, too. A person may have set
# either; reading an old one is an error while a new one says something else.
_TF32_SWITCHES: tuple[tuple[Any, str], ...] = (
    (torch.backends.cudnn, "allow_tf32"),
    (torch.backends.cuda.matmul, "allow_tf32"),
    (torch.backends.cudnn.conv, "fp32_precision"),  # type: ignore[attr-defined]
    (torch.backends.cuda.matmul, "fp32_precision"),
)


def set_precision(precision: str, device: torch.device) -> str:
    """Set torch's precision on CUDA; returns the one in use, on a CPU always fp32.

    torch's own default on CUDA is tf32 for convolutions; it is switched off unless `precision` is
    tf32.
    """
    if device.type != "cuda":
        return "fp32"
    tf32 = precision == "tf32"
    # The new switches, too: without them a general `torch.backends.fp32_precision` would hold.
    _set_switches([tf32, tf32, *(["tf32" if tf32 else "ieee"] * 2)])
    return precision


@contextlib.contextmanager
def kept_precision() -> Iterator[None]:
    """Put torch's precision on CUDA back at the end to what it is now."""
    before: list[Any] = []
    for place, name in _TF32_SWITCHES:
        try:
            before.append(getattr(place, name))
        except RuntimeError:
            before.append(None)
    try:
        yield
    finally:
        _set_switches(before)


def _set_switches(values: Sequence[Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch 2.9 and later: the old ones are deprecated
        for (place, name), value in zip(_TF32_SWITCHES, values, strict=True):
            if value is not None:
                setattr(place, name, value)


def describe(devices: list[torch.device], precision: str) -> dict[str, str | int | bool]:
    """What a job computed with, for a network's metadata."""
    cuda = devices[0].type == "cuda"
    return {
        "device": torch.cuda.get_device_name(devices[0]) if cuda else "cpu",
        "devices": len(devices),
        "precision": set_precision(precision, devices[0]),
        "deterministic": not cuda or torch.are_deterministic_algorithms_enabled(),
        "threads": torch.get_num_threads(),
        "torch": str(torch.__version__),
    }


def set_deterministic(enabled: bool, device: torch.device) -> None:
    """Make a GPU repeat its results to the last bit, at some cost of speed; a CPU always does.

    Call it before anything is computed. torch warns of operations that have no deterministic
    version.
    """
    if device.type == "cuda":
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
        torch.use_deterministic_algorithms(enabled, warn_only=True)
        torch.backends.cudnn.benchmark = not enabled  # tries which algorithm is fastest


class Autocast(nn.Module):
    """A network computing in bfloat16 or float16 where torch's autocast does; outputs are float32.

    It is a module, so all that takes a network takes it.
    """

    def __init__(self, network: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.network, self.dtype = network, dtype

    def forward(self, images: Tensor) -> Tensor | tuple[Tensor, ...]:
        with torch.autocast(images.device.type, self.dtype):
            output: Tensor | tuple[Tensor, ...] = self.network(images)
        if isinstance(output, Tensor):
            return output.float()
        return tuple(part.float() for part in output)


def with_precision(
    network: nn.Module, precision: str, device: torch.device
) -> tuple[nn.Module, str]:
    """A network for inference in fp32, tf32 or bf16, and the precision in use."""
    precision = set_precision(precision, device)
    if precision == "bf16":
        network = Autocast(network, torch.bfloat16).eval()
    return network, precision


MOST_AT_ONCE = {"cpu": 32, "cuda": 512}  # images; a larger batch makes no step cheaper


def fitting_batch(network: nn.Module, image: Tensor, device: torch.device, mem_mb: int) -> int:
    """How many images can be attacked at a time: by a GPU's free memory, else by `mem_mb`.

    Counts the tensors that the backward pass of one `image` (1 x channels x rows x columns) keeps,
    twice, because gradients have the same size; and the iterates of some tens of epsilons.
    """
    if device.type == "cuda":
        budget = 0.8 * torch.cuda.mem_get_info(device)[0]
    else:
        budget = (mem_mb - 1000) * 1e6  # torch and the rest of the job
    one, two = (backward_bytes(network, image.expand(n, -1, -1, -1)) for n in (1, 2))
    each = 2 * (two - one) + 40 * image.numel() * image.element_size()
    return int(max(1, min(MOST_AT_ONCE[device.type], budget // each)))


def backward_bytes(network: nn.Module, images: Tensor) -> int:
    """Bytes of all tensors that the backward pass to the images keeps, each counted once."""
    sizes: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        output = network(images.contiguous().requires_grad_())  # its graph keeps the tensors
    del output
    return sum(sizes.values())


gpu_locks: list[int] = []  # file descriptors, held until the process ends, however it ends


def claim_devices(gpus: int) -> list[torch.device]:
    """Claim as many free GPUs of this machine as the job was given; the CPU without any.

    If other jobs hold all GPUs, the job shares the first one.
    """
    if not gpus or not torch.cuda.is_available():
        keep_freed_memory()
        return [torch.device("cpu")]
    claimed: list[torch.device] = []
    for number in range(torch.cuda.device_count()):
        if len(claimed) < gpus and lock_gpu(str(torch.cuda.get_device_properties(number).uuid)):
            claimed.append(torch.device("cuda", number))
    if not claimed:
        return [torch.device("cuda")]
    torch.cuda.set_device(claimed[0])
    return claimed


# Options of glibc's mallopt, and 32 MiB, the most that it takes for the first.
_MMAP_THRESHOLD, _TRIM_THRESHOLD, _TOP_PAD = -3, -1, -2
_LARGEST_THRESHOLD = 32 << 20


def keep_freed_memory() -> bool:
    """Let this process keep the memory of freed tensors for the next ones; False without glibc.

    glibc gives blocks from 128 KiB on back to the system, which then clears each page again for
    the next tensor. A job computes tensors of the same sizes over and over.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):  # another C library, another system
        return False
    options = {_MMAP_THRESHOLD: _LARGEST_THRESHOLD, _TRIM_THRESHOLD: 2**31 - 1, _TOP_PAD: 64 << 20}
    return all(mallopt(option, value) for option, value in options.items())


def claim_device(gpus: int) -> torch.device:
    """The first of `claim_devices`, for a job that uses one device."""
    return claim_devices(min(gpus, 1))[0]


def lock_gpu(uuid: str) -> bool:
    """Lock a GPU for this process; False if another process holds it.

    Jobs may see the same GPU under different numbers, so its UUID names the lock.
    """
    path = Path(tempfile.gettempdir(), f"pgdose-gpu-{uuid}")
    try:  # a file of any user will do: a lock needs no right to write
        lock = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW, 0o644)
    except OSError:
        return False
    with contextlib.suppress(OSError):  # another user's file, who has set its mode
        os.fchmod(lock, 0o644)  # whatever the umask
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return False
    gpu_locks.append(lock)
    return True


def scaled(images: np.ndarray | Tensor, device: torch.device) -> Tensor:
    """uint8 images to float32 in [0, 1] on the device, channels last."""
    tensor = torch.as_tensor(images).to(device, non_blocking=True)
    return (tensor.float() / 255).contiguous(memory_format=torch.channels_last)
