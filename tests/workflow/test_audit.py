"""A classifier that was trained outside pgdose, audited in one command."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.workflow import checkout, snakemake
from PIL import Image
from torch import nn
from torchvision import transforms

STUDY = "resources/studies/audit.yaml"
FILM, SIZE, SHORT = (300, 250), (128, 96), 136  # height, width; resized and cropped at home
IMAGE = {"size": SIZE, "fit": "crop", "resize": SHORT}
PATIENTS, EACH = 16, 2
CLASSES = ["negative", "positive"]
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
# The other one's outputs and pixels stand the other way round, and black is -1 to it.
OTHER = {"file": "audit/other.onnx", "classes": CLASSES[::-1]}
OTHER["input"] = {"range": [-1, 1], "mean": 0, "std": 1}
FEW = {name: {"images": 12, "max_iter": 4, "epsilon": [0.004, 0.1]} for name in ("sign", "apgd")}
FEW["sign"]["alpha"] = 0.03
FEW["noise"] = {"images": 12, "epsilon": [0.004, 0.1]}


def film(positive: bool, rng: np.random.Generator) -> np.ndarray:
    """A grey slope with a soft light spot, or with none."""
    y, x = np.mgrid[: FILM[0], : FILM[1]]
    image = 40 + 0.4 * x + 0.2 * y + rng.normal(0, 12, FILM)
    if positive:
        at = rng.uniform(90, FILM[1] - 90, 2)
        image += 70 * np.exp(-((y - at[0]) ** 2 + (x - at[1]) ** 2) / 500)
    return image.clip(0, 255).astype(np.uint8)


class Seeing(nn.Module):
    """What somebody may have written: three channels, a few convolutions, two logits."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.AvgPool2d(2),
            nn.Conv2d(3, 8, 5, 2, 2),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Conv2d(8, 8, 3, 2, 1),
            nn.ReLU(),
            nn.AdaptiveMaxPool2d(1),
            nn.Flatten(),
            nn.Dropout(0.2),
            nn.Linear(8, 2),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


class Turned(nn.Module):
    """The same network behind other habits."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None])
        self.register_buffer("std", torch.tensor(STD)[:, None, None])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.network(((x + 1) / 2 - self.mean) / self.std)[:, [1, 0]]


def exported(network: nn.Module, path: Path) -> None:
    """As docs/tutorials/your-network.md says."""
    example = torch.zeros(2, 3, *SIZE)
    batch = {0: torch.export.Dim("batch", min=1)}
    program = torch.export.export(network.eval(), (example,), dynamic_shapes=(batch,))
    torch.export.save(program, path)


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkout of somebody who trained a network and audited it."""
    folder = checkout(tmp_path_factory.mktemp("audit"))
    place, rng = folder / "audit", np.random.default_rng(3)
    (place / "images").mkdir(parents=True)
    rows, pictures = [], []
    for patient in range(PATIENTS):
        for image in range(EACH):
            positive = patient % 2 == 1
            name = f"{patient}-{image}.png"
            pictures.append(film(positive, rng))
            Image.fromarray(pictures[-1]).save(place / "images" / name)
            rows.append({"image": name, "patient": patient, "label": CLASSES[positive]})
    pd.DataFrame(rows).to_csv(place / "images.csv", index=False)

    torch.manual_seed(1)
    own = transforms.Compose(
        [
            transforms.Resize(SHORT),
            transforms.CenterCrop(SIZE),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )
    images = torch.stack([own(Image.fromarray(p).convert("RGB")) for p in pictures])
    labels = torch.tensor([CLASSES.index(row["label"]) for row in rows])
    network = Seeing()
    optimiser = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(30):
        optimiser.zero_grad()
        nn.functional.cross_entropy(network(images), labels).backward()
        optimiser.step()
    with torch.no_grad():
        right = int((network.eval()(images).argmax(dim=1) == labels).sum())
    assert right > 0.8 * len(labels), "the test's own network has learnt nothing"
    exported(network, place / "model.pt2")
    torch.save(right, folder / "right.pt")

    pytest.importorskip("onnx")
    torch.onnx.export(
        Turned(network).eval(),
        (torch.zeros(2, 3, *SIZE),),
        place / "other.onnx",
        dynamic_axes={"x": {0: "n"}},
        input_names=["x"],
        dynamo=False,
    )
    group = {"image": IMAGE, "networks": {"other": OTHER}}
    given = [f"groups={json.dumps({'audit': group})}"]
    given += [f"attacks={json.dumps(FEW)}", "checks={images: 2, queries: 5}"]
    run = snakemake(folder, "--config", *given, study=STUDY)
    assert run.returncode == 0, run.stdout[-5000:] + run.stderr[-5000:]
    return folder


def table(audited: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(audited / f"results/audit/tables/{name}.csv")


def test_it_is_as_right_here_as_it_was_at_home(audited: Path) -> None:
    """Wrong mean, range, channels or order of classes would show."""
    networks = table(audited, "networks")
    right = torch.load(audited / "right.pt", weights_only=True) / (PATIENTS * EACH)
    assert networks["run"].tolist() == ["full", "other"]
    assert networks["network"].tolist() == [".pt2", ".onnx"]
    assert networks["accuracy"].tolist() == pytest.approx([right, right])
    assert (networks["n_images"] == PATIENTS * EACH).all()
    assert (networks["n_patients"] == PATIENTS).all()
    table1 = table(audited, "table1").iloc[0]
    assert (table1["n_training"], table1["n_validation"]) == (0, PATIENTS * EACH)


def test_attacks_find_more_than_noise(audited: Path) -> None:
    asr = table(audited, "asr")
    last = asr[(asr["epsilon"] == 0.1) & (asr["run"] == "full")].groupby("attack")["asr"].last()
    assert min(last["apgd"], last["sign"]) > last["noise"]


def test_the_same_network_in_two_files_is_one_network(audited: Path) -> None:
    """Images of either flip the other just as often, though one is converted from ONNX."""
    found = table(audited, "transfer").set_index(["attack", "epsilon", "run", "judge"])["asr"]
    for attack, epsilon in {(a, e) for a, e, *_ in found.index}:
        rates = found.loc[attack, epsilon]
        assert rates["full", "other"] == pytest.approx(rates["full", "full"], abs=0.1)
        assert rates["other", "full"] == pytest.approx(rates["other", "other"], abs=0.1)
    assert found.max() > 0.5


def test_the_page_is_there_and_nothing_was_trained(audited: Path) -> None:
    page = (audited / "results/audit/report.html").read_text()
    assert "Networks of audit" in page and ".onnx" in page
    for run in ("full", "other"):
        assert f'href="groups/audit/{run}/probe.html"' in page
        probe = (audited / f"results/audit/groups/audit/{run}/probe.html").read_text()
        assert "128 × 96 pixels (height × width)" in probe and "so no others were tried" in probe
    assert not (audited / "results/audit/benchmarks/train").exists()


def test_a_network_for_other_classes_stops_before_the_attacks(
    audited: Path, tmp_path: Path
) -> None:
    folder = checkout(tmp_path / "other")
    (folder / "audit").symlink_to(audited / "audit")
    exported(nn.Sequential(nn.AvgPool2d(32), nn.Flatten(), nn.Linear(36, 5)), tmp_path / "5.pt2")
    group = {"audit": {"image": IMAGE, "network": {"file": str(tmp_path / "5.pt2")}}}
    run = snakemake(folder, "--config", f"groups={json.dumps(group)}", study=STUDY)
    told = run.stdout + run.stderr
    assert run.returncode != 0
    assert "5.pt2: gives [2, 5] for 2 images instead of [2, 2]" in told
    # Snakemake deletes the outputs of a job that failed.
    assert "results/audit/groups/audit/full/probe.html says what else was found" in told
    page = (folder / "results/audit/groups/audit/full/probe.html").read_text()
    assert "gives [2, 5] for 2 images" in page and "Refused" in page
    assert not list((folder / "results").rglob("probe.json"))
    assert not list((folder / "results").rglob("surface"))
