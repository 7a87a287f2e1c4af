"""What several benchmarks use: clocks, networks that fit their images, loops of training."""

import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from pgdose.training.loading import ImageSource
from pgdose.training.state import TrainingState


def synchronised(device: torch.device) -> float:
    """The time in seconds, when the device has finished."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


@torch.no_grad()
def fit_batch_norm(network: nn.Module, images: Tensor) -> nn.Module:
    """The network in evaluation mode, its batch norm's statistics the means over the images."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # the mean over all that it sees
    for some in torch.arange(len(images), device=images.device).split(16):
        network(images[some])
    return network.eval()


def training_floor(state: TrainingState, pixels: Tensor, classes: Tensor, steps: int) -> int:
    """Steps on one batch that stays on the device; the number of images trained on."""
    dtype = state.autocast or torch.bfloat16
    for _ in range(steps):
        state.optimiser.zero_grad(set_to_none=True)
        with torch.autocast(state.device.type, dtype, enabled=bool(state.autocast)):
            loss = nn.functional.cross_entropy(state.network(pixels), classes)
        state.scaler.scale(loss).backward()
        state.step()
    return steps * len(pixels)


class OneByOne(Dataset):
    """One image after another, as a plain loop reads them."""

    def __init__(self, images: ImageSource) -> None:
        self.images, self.labels = images, images.labels
        self.change = v2.Compose([v2.ToDtype(torch.float32, scale=True)])

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        return self.change(torch.as_tensor(self.images.read([row])[0])), int(self.labels[row])


def plain_loop(
    images: ImageSource, batch: int, device: torch.device, network: nn.Module, workers: int
) -> Callable[[], int]:
    """An epoch in the style of torchvision's reference scripts; the number of images trained on."""
    network = network.to(device).train()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4)
    loader = DataLoader(
        OneByOne(images),
        batch_size=batch,
        shuffle=True,
        drop_last=True,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=device.type == "cuda",
    )

    def run_epoch() -> int:
        done = 0
        for pixels, labels in loader:
            pixels, labels = pixels.to(device), labels.to(device)
            loss = nn.functional.cross_entropy(network(pixels), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            loss.item()
            done += len(labels)
        return done

    return run_epoch
