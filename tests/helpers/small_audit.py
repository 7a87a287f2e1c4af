"""A tiny network that tells dark images from bright ones, and such images, for `pgdose audit`."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

SIZE, IMAGES = 32, 16
DARK, BRIGHT = 100, 140  # mean grey levels


class Brightness(nn.Module):
    """Two logits, which are equal where an image's mean lies in the middle of the two."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor([-20.0, 20.0]))

    def forward(self, images: Tensor) -> Tensor:
        mean = images.mean((1, 2, 3)) - (DARK + BRIGHT) / 2 / 255
        return mean[:, None] * self.gain


def write_audit(folder: Path) -> Path:
    """Write model.pt2, films/ (a PNG each) and labels.csv: file, Patient ID, diagnosis."""
    rng = np.random.default_rng(0)
    (folder / "films").mkdir(parents=True)
    rows = ["file,Patient ID,diagnosis"]
    for number in range(IMAGES):
        bright = number % 2
        grey = rng.normal(BRIGHT if bright else DARK, 20, (SIZE, SIZE))
        name = f"{number}.png"
        Image.fromarray(grey.clip(0, 255).astype(np.uint8)).save(folder / "films" / name)
        rows.append(f"{name},p{number // 2},{'bright' if bright else 'dark'}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    shapes = ({0: torch.export.Dim("batch", min=1, max=1024)},)
    example = (torch.zeros(2, 3, SIZE, SIZE),)
    program = torch.export.export(Brightness().eval(), example, dynamic_shapes=shapes)
    torch.export.save(program, folder / "model.pt2")
    return folder
