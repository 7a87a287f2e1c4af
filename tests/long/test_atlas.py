"""Six sites whose true success rates are known, carried out, shared and pooled."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import yaml
from helpers.workflow import Run, checkout, snakemake
from PIL import Image
from torch import nn

from pgdose.cli.pool import pool
from pgdose.cli.share import share

SIDE, MIDDLE = 80, 127.5
CLASSES = ["dark", "bright"]
GREY_LEVELS = [1, 2, 3]  # the amplitudes
MEAN, SPREAD = np.array([0.35, 0.8, 1.15]), 0.1  # true, on the scale: rates of 0.12, 0.51, 0.83
PATIENTS = [60, 90, 120, 70, 100, 150]
STUDY: dict[str, Any] = {
    "study": "site",
    "sources": {
        "mine": {
            "kind": "table",
            "modality": "xray",
            "root": "images",
            "table": "images.csv",
            "columns": {"image": "image", "patient": "patient", "class": "class"},
        }
    },
    "groups": {
        "G": {
            "title": "dark / bright",
            "image": {"size": SIDE, "window": "full"},  # so that grey values stay as they are
            "network": {
                "file": "model.pt2",
                "classes": CLASSES,
                "input": {"channels": 3, "range": [0, 1], "mean": 0, "std": 1},
            },
            "classes": {
                name: {"source": "mine", "where": {"class": name}, "count": "all"}
                for name in CLASSES
            },
        }
    },
    "attacks": {
        "sign": {
            "form": "bim",
            "alpha": {"of_epsilon": 0.1},
            "epsilon": [level / 255 for level in GREY_LEVELS],
            "max_iter": 20,
            "threads": 1,
        },
        "noise": {"kind": "noise", "epsilon": [3 / 255], "max_iter": 1, "threads": 1},
    },
    "operating_points": {
        "epsilon": 2 / 255,
        "iterations": 20,
        "epsilons_over_iterations": [1 / 255],
        "flips_epsilon": 2 / 255,
    },
}


class Brightness(nn.Module):
    """Says bright where the mean is over the middle, so its margin is |mean - middle|."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        above = 30 * (x.mean(dim=(1, 2, 3)) - MIDDLE / 255)
        return torch.stack([-above, above], dim=1)


def picture(mean: int, rng: np.random.Generator) -> np.ndarray:
    """A pattern of noise with exactly this mean."""
    half = rng.integers(-25, 26, SIDE * SIDE // 2)
    pattern = rng.permutation(np.concatenate([half, -half]))
    return (mean + pattern).reshape(SIDE, SIDE).astype(np.uint8)


def make_site(folder: Path, number: int) -> list[int]:
    """Write the site's files; how many of its images flip at each amplitude."""
    rng = np.random.default_rng(number)
    true = np.sin((MEAN + rng.normal(0, SPREAD)).clip(0, np.pi / 2)) ** 2
    margins = np.searchsorted(true, rng.uniform(size=PATIENTS[number]), side="right")
    checkout(folder)
    (folder / "images").mkdir()
    rows = []
    for n, margin in enumerate(margins):
        bright = n % 2
        mean = int(MIDDLE + 0.5) + margin if bright else int(MIDDLE) - margin
        Image.fromarray(picture(mean, rng)).save(folder / f"images/{n}.png")
        rows.append({"image": f"{n}.png", "patient": f"p{n}", "class": CLASSES[bright]})
    pd.DataFrame(rows).to_csv(folder / "images.csv", index=False)
    shapes = ({0: torch.export.Dim("images", min=1)},)
    example = torch.zeros(2, 3, SIDE, SIDE)
    program = torch.export.export(Brightness().eval(), (example,), dynamic_shapes=shapes)
    torch.export.save(program, folder / "model.pt2")
    (folder / "site.yaml").write_text(yaml.safe_dump(STUDY, sort_keys=False))
    return [int((margins < level).sum()) for level in GREY_LEVELS]


def finished(run: Run) -> Run:
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    return run


def test_an_atlas_finds_the_rates_that_were_put_in(tmp_path: Path) -> None:
    flipped, shares = {}, []
    for number in range(len(PATIENTS)):
        site = tmp_path / f"site-{number}"
        flipped[site.name] = make_site(site, number)
        finished(snakemake(site, study="site.yaml"))
        shares.append(tmp_path / "shares" / site.name)
        share(site / "results/site", shares[-1], site.name, 1, True)
    lines = pool(shares, tmp_path / "atlas")
    assert lines[0].startswith("In 6 studies with 590 attacked patients")

    rates = pd.read_csv(tmp_path / "atlas/tables/rates.csv")
    for site, counts in flipped.items():
        rows = rates[(rates["study"] == site) & rates["attack"].str.startswith("sign")]
        assert rows.sort_values("epsilon")["n_flipped"].tolist() == counts
    pooled = pd.read_csv(tmp_path / "atlas/tables/pooled_rates.csv")
    sign = pooled[pooled["attack"].str.startswith("sign")].sort_values("epsilon")
    true = np.sin(MEAN) ** 2
    assert len(sign) == 3 and (sign["n_studies"] == 6).all()
    for row, rate in zip(sign.to_dict("records"), true, strict=True):
        assert row["ci_low"] < rate < row["ci_high"]
        assert row["ci_high"] - row["ci_low"] < 0.25
        assert row["predicted_low"] < rate < row["predicted_high"]
    noise = pooled[pooled["attack"] == "noise"]
    assert (noise["estimate"] < 0.05).all()  # its mean is near 0
