"""Architectures, their wrapper, folding of batch norm, and weights on disk.

Outside the wrapper everything speaks of images in [0, 1]; a grey image is one channel.
"""

import contextlib
import copy
import fcntl
import os
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torchvision.models import inception

from pgdose import tensors
from pgdose.errors import UserError


class Classifier(nn.Module):
    """Images in [0, 1], n x 1 or 3 x size x size, to logits, n x classes."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, images: Tensor) -> Tensor:
        # -1..1 is what InceptionV3 takes, with its ImageNet weights too.
        logits: Tensor = self.body((images * 2 - 1).expand(-1, 3, -1, -1))
        return logits


def inception_v3(classes: int, width: float = 1.0) -> Classifier:
    """torchvision's InceptionV3 with every channel count times `width`, without auxiliary head.

    The auxiliary head does not fit images under 299 pixels.
    """

    class Convolution(inception.BasicConv2d):
        def __init__(self, in_channels: int, out_channels: int, **kwargs: Any) -> None:
            if in_channels != 3:  # the image itself
                in_channels = int(in_channels * width)
            super().__init__(in_channels, int(out_channels * width), **kwargs)

    blocks = [getattr(inception, f"Inception{name}") for name in ("A", "B", "C", "D", "E", "Aux")]
    body = inception.Inception3(
        num_classes=classes,
        aux_logits=False,
        transform_input=False,
        inception_blocks=[Convolution, *(partial(b, conv_block=Convolution) for b in blocks)],
        init_weights=True,
    )
    body.fc = nn.Linear(int(2048 * width), classes)
    return Classifier(body)


def build(architecture: str, classes: int, width: float, weights: str | None) -> Classifier:
    """A network to train: from scratch, from a file of `save`, or from ImageNet."""
    network = {"inception_v3": inception_v3}[architecture](classes, width)
    if weights == "imagenet":
        _start_from(network.body, _imagenet(), "the ImageNet weights")
    elif weights:
        path = Path(weights)
        if not path.is_file():
            raise UserError(f"training.weights: no file {weights!r}; give one, imagenet or null")
        try:
            state = load_file(path)
        except SafetensorError:
            raise UserError(f"training.weights: {path.name} is no safetensors file") from None
        _start_from(network, state, path.name)
    return network


def _imagenet() -> dict[str, Tensor]:
    entry = inception.Inception_V3_Weights.IMAGENET1K_V1
    try:
        return dict(entry.get_state_dict(progress=False, check_hash=True, weights_only=True))
    except Exception as error:
        cache = Path(torch.hub.get_dir()) / "checkpoints"
        raise UserError(
            f"training.weights: imagenet wants {Path(entry.url).name} from {entry.url}, which "
            f"cannot be had ({type(error).__name__}). Put the file into {cache}, or use null"
        ) from None


def _start_from(network: nn.Module, state: dict[str, Tensor], name: str) -> None:
    """Take over all weights but those of a last layer for other classes and auxiliary heads."""
    own = network.state_dict()
    state = {k: v for k, v in state.items() if "AuxLogits" not in k}
    state = {k: v for k, v in state.items() if ".fc." not in f".{k}" or _fits(k, v, own)}
    wrong = [k for k, v in state.items() if not _fits(k, v, own)]
    wrong += [k for k in own if k not in state and ".fc." not in f".{k}"]
    if wrong:
        raise UserError(f"training.weights: {name} does not fit the architecture, e.g. {wrong[0]}")
    network.load_state_dict(state, strict=False)


def _fits(name: str, tensor: Tensor, own: dict[str, Tensor]) -> bool:
    return name in own and tensor.shape == own[name].shape


def save(network: Classifier, path: str | Path, description: dict[str, Any]) -> None:
    """Weights as safetensors, with what `load` needs to build the network."""
    tensors.save(network.state_dict(), path, description)


def load(path: str | Path) -> Classifier:
    """The network of `save`, in evaluation mode; Damaged if the file is not as it was written."""
    state, known = tensors.load(path)
    network = build(known["architecture"], known["classes"], known["width"], None)
    network.load_state_dict(state)
    return network.eval()


def fold(network: Classifier) -> Classifier:
    """A frozen copy for inference: batch norm inside the convolutions, channels last."""
    folded = copy.deepcopy(network).eval().requires_grad_(False)
    for module in folded.modules():
        if isinstance(module, inception.BasicConv2d):
            module.conv = nn.utils.fuse_conv_bn_eval(module.conv, module.bn)
            module.bn = nn.Identity()
    return folded.eval().to(memory_format=torch.channels_last)


class Precise(nn.Module):
    """A network whose arithmetic has the precision asked for; its logits are float32."""

    def __init__(self, network: nn.Module, precision: str) -> None:
        super().__init__()
        self.network = network
        self.bf16 = precision == "bf16"
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        with torch.autocast("cuda", torch.bfloat16, enabled=self.bf16):
            logits: Tensor = self.network(images)
        return logits.float()


def with_precision(
    network: nn.Module, precision: str, device: torch.device
) -> tuple[nn.Module, str]:
    """A network for inference in fp32, tf32 or bf16, and the precision that was used.

    Only CUDA has others than fp32; there torch's own default is tf32 for convolutions, which is
    switched off unless it is asked for.
    """
    if device.type != "cuda":
        return network, "fp32"
    torch.backends.cudnn.allow_tf32 = precision == "tf32"
    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    return (network if precision != "bf16" else Precise(network, precision)), precision


def load_to_attack(path: str | Path, precision: str, device: torch.device) -> tuple[nn.Module, str]:
    """The network of `save` on the device, folded; and the precision that is used there."""
    return with_precision(fold(load(path)).to(device), precision, device)


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


def device_of(gpus: int) -> torch.device:
    """A GPU if the job was given one and there is one, else the CPU.

    Of several GPUs it is one that no other job on this machine has taken, if there is any.
    """
    if not gpus or not torch.cuda.is_available():
        return torch.device("cpu")
    for number in range(torch.cuda.device_count()):
        if _taken(str(torch.cuda.get_device_properties(number).uuid)):
            torch.cuda.set_device(number)
            return torch.device("cuda", number)
    return torch.device("cuda")


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
