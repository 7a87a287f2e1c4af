"""Names and files that the Python of a page takes for granted, such as the reader's network."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import torchvision
from PIL import Image

from helpers.workflow import PROJECT

WITH_A_NETWORK = ("README.md",)
WITH_A_CHECKPOINT = ("docs/tutorials/your-network.md",)
WITH_A_LEXICON = ("docs/how-to/measure-a-lexicon.md",)


def names_of(page: str) -> dict[str, Any]:
    """The reader's names on a page: small, so that its blocks take seconds."""
    return a_network() if page in WITH_A_NETWORK else {}


def a_network() -> dict[str, Any]:
    """A network that tells dark images from bright ones, and eight of its images."""
    rng = np.random.default_rng(0)
    labels = np.arange(8) % 2
    images = rng.uniform(0.2, 0.4, (8, 12, 12, 3)) + 0.3 * labels[:, None, None, None]
    network = torch.nn.Sequential(
        torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(3, 2)
    )
    with torch.no_grad():
        network[2].weight.copy_(torch.tensor([[-1.0] * 3, [1.0] * 3]))
        network[2].bias.zero_()
    patients = [f"p{i // 2}" for i in range(8)]
    return {"network": network.eval(), "images": images, "labels": labels, "patients": patients}


def write_files_of(page: str) -> None:
    """The reader's files on a page, in the working folder."""
    if page in WITH_A_CHECKPOINT:
        write_checkpoint()
    if page in WITH_A_LEXICON:
        shutil.copy(PROJECT / "resources/lexicons/en.yaml", "mine.yaml")


def write_checkpoint() -> None:
    """A ResNet-18 as DataParallel saves it, and four images with their table of labels."""
    torch.manual_seed(0)
    network = torchvision.models.resnet18(num_classes=2)
    weights = {f"module.{name}": values for name, values in network.state_dict().items()}
    torch.save({"state_dict": weights}, "model.pth")
    rng, rows = np.random.default_rng(0), []
    Path("films").mkdir()
    for number in range(4):
        picture = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(picture).save(f"films/{number:03}.png")
        label = ("normal", "tumour")[number % 2]
        rows.append({"image": f"{number:03}.png", "patient": f"p{number}", "label": label})
    pd.DataFrame(rows).to_csv("labels.csv", index=False)
