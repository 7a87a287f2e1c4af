"""What a job computes on: its GPU or the CPU, how precisely, and how many images at a time."""

import contextlib
import fcntl
import os
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn


def allow(precision: str, device: torch.device) -> str:
    """Allow CUDA the precision that is asked for; returns the one that is used.

    Only CUDA has others than fp32; there torch's own default is tf32 for convolutions, which is
    switched off unless it is asked for.
    """
    if device.type != "cuda":
        return "fp32"
    torch.backends.cudnn.allow_tf32 = precision == "tf32"
    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    return precision


def described(devices: list[torch.device], precision: str) -> dict[str, str | int | bool]:
    """What a job computed with, for the record."""
    cuda = devices[0].type == "cuda"
    return {
        "device": torch.cuda.get_device_name(devices[0]) if cuda else "cpu",
        "devices": len(devices),
        "precision": allow(precision, devices[0]),
        "deterministic": not cuda or torch.are_deterministic_algorithms_enabled(),
        "threads": torch.get_num_threads(),
        "torch": str(torch.__version__),
    }


def be_deterministic(wanted: bool, device: torch.device) -> None:
    """Whether a GPU repeats itself to the last bit, at some cost of speed; a CPU always does.

    To be called before anything is computed. Where torch knows no such way, it warns of that.
    """
    if device.type == "cuda":
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
        torch.use_deterministic_algorithms(wanted, warn_only=True)
        torch.backends.cudnn.benchmark = not wanted  # tries which algorithm is fastest


class Lower(nn.Module):
    """A network that computes in bfloat16 or float16 where that will do; what it says is float32.

    A module, since each thread of DataParallel would compute in a type of its own.
    """

    def __init__(self, network: nn.Module, kind: torch.dtype) -> None:
        super().__init__()
        self.network, self.kind = network, kind

    def forward(self, images: Tensor) -> Tensor | tuple[Tensor, ...]:
        with torch.autocast(images.device.type, self.kind):
            answer: Tensor | tuple[Tensor, ...] = self.network(images)
        if isinstance(answer, Tensor):
            return answer.float()
        return tuple(part.float() for part in answer)


def with_precision(
    network: nn.Module, precision: str, device: torch.device
) -> tuple[nn.Module, str]:
    """A network for inference in fp32, tf32 or bf16, and the precision that was used."""
    precision = allow(precision, device)
    return (network if precision != "bf16" else Lower(network, torch.bfloat16).eval()), precision


MOST_AT_ONCE = {"cpu": 32, "cuda": 512}  # images; more make no step cheaper


def fitting_batch(network: nn.Module, image: Tensor, device: torch.device, mem_mb: int) -> int:
    """How many images can be attacked at a time.

    On a GPU by what is free on it, else by the memory that the job may take. Counted are the
    tensors that the backward pass of one `image` (1 x channels x rows x columns) needs, twice,
    since gradients come beside them, and the iterates of some tens of epsilons.
    """
    if device.type == "cuda":
        budget = 0.8 * torch.cuda.mem_get_info(device)[0]
    else:
        budget = (mem_mb - 1000) * 1e6  # torch and the rest of the job
    one, two = (_saved_bytes(network, image.expand(n, -1, -1, -1)) for n in (1, 2))
    each = 2 * (two - one) + 40 * image.numel() * image.element_size()
    return int(max(1, min(MOST_AT_ONCE[device.type], budget // each)))


def _saved_bytes(network: nn.Module, images: Tensor) -> int:
    """Bytes of all tensors that the backward pass to the images needs."""
    saved: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        saved[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        kept = network(images.contiguous().requires_grad_())  # its graph holds the tensors
    del kept
    return sum(saved.values())


_locks: list[int] = []  # held until the process ends, however it ends


def devices_of(gpus: int) -> list[torch.device]:
    """As many GPUs as the job was given, if there are any, else the CPU.

    They are those that no other job on this machine has taken; if there are none, the first.
    """
    if not gpus or not torch.cuda.is_available():
        return [torch.device("cpu")]
    found: list[torch.device] = []
    for number in range(torch.cuda.device_count()):
        if len(found) < gpus and _taken(str(torch.cuda.get_device_properties(number).uuid)):
            found.append(torch.device("cuda", number))
    if not found:
        return [torch.device("cuda")]
    torch.cuda.set_device(found[0])
    return found


def device_of(gpus: int) -> torch.device:
    """The first of `devices_of`, of a job that uses one."""
    return devices_of(min(gpus, 1))[0]


def _taken(uuid: str) -> bool:
    """Whether the lock of a GPU could be had; jobs may see the same GPU under other numbers."""
    path = Path(tempfile.gettempdir(), f"pgdose-gpu-{uuid}")
    try:  # anybody's file will do: a lock needs no right to write
        lock = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW, 0o644)
    except OSError:
        return False
    with contextlib.suppress(OSError):  # of another user, who has done it
        os.fchmod(lock, 0o644)  # whatever the umask
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return False
    _locks.append(lock)
    return True


def scaled(images: np.ndarray | Tensor, device: torch.device) -> Tensor:
    """uint8 images to float32 in [0, 1] on the device, channels last."""
    tensor = torch.as_tensor(images).to(device, non_blocking=True)
    return (tensor.float() / 255).contiguous(memory_format=torch.channels_last)
