"""`dose_response` gives the surface that a study's attack job writes, for the same network."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.jobs import run_script
from torch import nn

import pgdose
from pgdose.attack.settings import attack_entry
from pgdose.attack.surface_table import SurfaceTable, read_surface
from pgdose.cohort import image_draws
from pgdose.images import stores
from pgdose.networks import architectures, network_files
from pgdose.tables import clean_logits, parquet

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore:dose_response"),
]

SIZE, SEED, IMAGES = 75, 5, 6
DOSES = {"epsilon": [0.01, 0.03], "max_iter": 3}
ATTACKS: dict[str, dict[str, Any]] = {
    "sign": {"gradient_of": "cross_entropy", "step": "sign", "alpha": 0.01},
    "paper": {"gradient_of": "probability", "step": "raw", "lr": 0.003},
    "pgd": {"form": "pgd", "alpha": 0.01, "restarts": 2},
    "noise": {"kind": "noise"},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The inputs of an attack job: images, members, a network and its clean logits."""
    folder = tmp_path_factory.mktemp("job")
    source = np.random.default_rng(1)
    with stores.new_store(folder / "0.npy", IMAGES, SIZE, 1) as store:
        for row in range(IMAGES):
            store.put(row, source.integers(0, 60 + 38 * row, (SIZE, SIZE), np.uint8))
    torch.manual_seed(4)
    network = architectures.build("inception_v3", 2, SIZE, 1 / 16)
    inputs = torch.from_numpy(pixels(folder)[:, None] / np.float32(255))
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = 1.0
    with torch.no_grad():
        network.train()(inputs)  # batch norm learns these images, so that outputs differ
        network.eval()
        network.body.fc.bias -= network(inputs).mean(dim=0)  # both classes occur
        logits = network(inputs).numpy()
    about = {"architecture": "inception_v3", "classes": 2, "size": SIZE, "width": 1 / 16}
    network_files.save(network, folder / "network.safetensors", about)
    labels = logits.argmax(axis=1)
    labels[2] = 1 - labels[2]
    members = pd.DataFrame(
        {"member": range(IMAGES), "record_id": [f"r{i}" for i in range(IMAGES)], "copy": 0}
    ).assign(part="validation", class_index=labels, store="0.npy", row=range(IMAGES))
    parquet.write_table(members, folder / "members.parquet")
    clean_logits.write(folder / "clean.parquet", range(IMAGES), logits, "fp32")
    return folder


def pixels(folder: Path) -> np.ndarray:
    return np.asarray(np.load(folder / "0.npy")).reshape(IMAGES, SIZE, SIZE)


def surface_of_job(folder: Path, name: str) -> SurfaceTable:
    """What the rule `attack` writes; the settings are those that the rules give the job."""
    path = folder / f"{name}/surface/0.parquet"
    if path.exists():
        return read_surface([path], folder / "network.safetensors")
    fields = attack_entry(ATTACKS[name] | DOSES).settings() | {"target": None}
    run_script(
        "attack",
        folder,
        input={name: str(folder / f"{name}.{end}") for name, end in INPUTS},
        output={"surface": str(path)},
        wildcards={"group": "G", "run": "full", "shard": "0"},
        params={
            "settings": json.dumps({name: fields}),
            "shape": json.dumps({"size": SIZE, "channels": 1}),
            **{"results": str(folder), "seed": SEED, "threads": 1, "shards": 1, "code": "c"},
        },
        resources={"gpu": 0, "batch_mb": 3000},
    )
    return read_surface([path], folder / "network.safetensors")


INPUTS = (("members", "parquet"), ("network", "safetensors"), ("clean", "parquet"))


@pytest.mark.parametrize(
    ("name", "plain"), [*((name, False) for name in ATTACKS), ("sign", True), ("pgd", True)]
)
def test_the_surface_is_that_of_the_job(folder: Path, name: str, plain: bool) -> None:
    """Of a network that pgdose read, and of the same network as a plain module."""
    job = surface_of_job(folder, name)
    members = parquet.read_table(folder / "members.parquet")
    network: nn.Module = network_files.load(folder / "network.safetensors")
    preprocessing = None
    if plain:
        preprocessing = {"mean": network.mean.tolist()[0][0], "std": network.std.tolist()[0][0]}
        preprocessing |= {"channels": network.channels}
        network = network.body
    measured = pgdose.dose_response(
        network,
        pixels(folder),
        members["class_index"],
        attack=ATTACKS[name] | DOSES,
        preprocessing=preprocessing,
        keys=image_draws.image_keys(members, SEED),
        progress=False,
    )
    assert measured.surface.doses == job.doses
    assert measured.surface.members.tolist() == job.members.tolist() == [0, 1, 3, 4, 5]
    true = members["class_index"].to_numpy()[job.members]
    assert np.array_equal(measured.surface.flipped(true), job.flipped(true))
    assert job.flipped(true).any() or name == "noise"
    # Iteration 0 of the job is what the network gave after its training, before it was folded.
    ours, theirs = measured.surface.logits, job.logits
    assert np.allclose(ours[:, :, 0], theirs[:, :, 0], rtol=0, atol=1e-3)
    assert np.array_equal(ours[:, :, 1:], theirs[:, :, 1:])
    assert np.array_equal(measured.surface.change, job.change)
