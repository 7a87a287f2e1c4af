"""The jobs that make a run's network: trained, or imported from elsewhere."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.jobs import run_script
from safetensors.torch import save_file
from scipy.special import softmax
from torch import nn

from pgdose import tensor_files
from pgdose.analysis import network_tables, quality
from pgdose.cohort.images import load_members
from pgdose.images.stores import new_store
from pgdose.networks import input_defences, network_files
from pgdose.study.defended_networks import DefendedNetwork
from pgdose.study.networks import ExistingNetwork
from pgdose.study.training import Training
from pgdose.tables import clean_logits as clean_table
from pgdose.tables import parquet
from pgdose.training import evaluation

pytestmark = pytest.mark.usefixtures("one_thread")

SIZE = 75
SHAPE = {"size": SIZE, "channels": 1}
OUTPUT = {"network": "network.safetensors", "training": "training.csv", "clean": "clean.parquet"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A group of 40 patients, one image each, in the folder where the job runs."""
    rng = np.random.default_rng(0)
    with new_store(tmp_path / "0.npy", 40, SIZE, 1) as store:
        for row in range(40):
            noise = rng.normal(70 + 100 * (row // 20), 30, (SIZE, SIZE))
            store.put(row, np.clip(noise, 0, 255).astype(np.uint8))
    table = pd.DataFrame({"member": range(40), "row": range(40), "store": "0.npy", "copy": 0})
    table["record_id"] = [f"r{row}" for row in range(40)]
    table["patient"] = [f"p{row}" for row in range(40)]
    table["class_index"] = np.repeat([0, 1], 20)
    table["class"] = table["class_index"].map({0: "norm", 1: "ill"})
    table["part"] = np.where(np.arange(40) % 5 < 4, "training", "validation")
    parquet.write_table(table, tmp_path / "members.parquet")
    return tmp_path


def train(folder: Path, run: str = "full", size: int = 0, **changed: Any) -> pd.DataFrame:
    training = Training(width=0.0625, epochs=2, batch=8, **changed)
    run_script(
        "train",
        folder,
        input={"members": folder / "members.parquet"},
        output={name: folder / file for name, file in OUTPUT.items()},
        params={
            "results": folder,
            "seed": 3,
            "classes": 2,
            "shape": json.dumps(SHAPE),
            "size": size,
            "settings": json.dumps(training.settings()),
            "threads": 1,
        },
        wildcards={"group": "G", "run": run},
    )
    return pd.read_csv(folder / "training.csv")


def clean_logits(folder: Path) -> np.ndarray:
    members = parquet.read_table(folder / "clean.parquet")["member"]
    return clean_table.read(folder / "clean.parquet", members)


def test_a_training_writes_its_network_its_history_and_clean_logits(folder: Path) -> None:
    history = train(folder)
    assert history["epoch"].tolist() == [1, 2] and history["kept"].tolist() == [0, 1]
    validation = load_members(folder / "members.parquet", folder, **SHAPE)
    validation = validation.select(validation.table["part"] == "validation")
    network = network_files.load(folder / "network.safetensors")
    logits = evaluation.evaluate(network, validation, 8, torch.device("cpu"))
    assert np.allclose(clean_logits(folder), logits, atol=1e-5)
    table = parquet.read_table(folder / "clean.parquet")
    assert table["member"].tolist() == validation.table["member"].tolist()
    by_batches = parquet.read_metadata(folder / "clean.parquet")["accuracy_by_batches"]
    assert 0 <= float(by_batches) <= 1
    description = tensor_files.load(folder / "network.safetensors")[1]
    assert description["width"] == 0.0625 and description["made"]["device"] == "cpu"
    assert not list((folder / "work").glob("*"))


def test_a_run_s_settings_and_name_change_its_network(folder: Path) -> None:
    networks = []
    for run, size, changed in (("full", 0, {}), ("n16-r1", 16, {}), ("full", 0, {"keep": "best"})):
        history = train(folder, run, size, **changed)
        assert ("held_out_loss" in history) == bool(changed)
        networks.append((folder / "network.safetensors").read_bytes())
    assert len(set(networks)) == 3
    train(folder)
    assert (folder / "network.safetensors").read_bytes() == networks[0]


def import_network(folder: Path, **changed: Any) -> None:
    path = folder / "theirs.safetensors"
    existing = ExistingNetwork(file=str(path), classes=["ill", "norm"], **changed)
    run_script(
        "import_network",
        folder,
        input={"file": str(path), "members": folder / "members.parquet"},
        output={
            **{name: folder / file for name, file in OUTPUT.items()},
            "findings": folder / "probe.json",
        },
        params={
            "results": folder,
            "page": folder / "probe.html",
            "shape": json.dumps(SHAPE),
            "classes": json.dumps(["norm", "ill"]),
            "settings": json.dumps(existing.settings()),
            "batch": 8,
            "threads": 1,
            "runtime": 60,
        },
        resources={"batch_mb": 3000},
        wildcards={"group": "G", "run": "full"},
    )


def test_an_imported_network_has_clean_logits_in_the_group_s_order(folder: Path) -> None:
    from torchvision import models

    torch.manual_seed(2)
    theirs = models.resnet18(num_classes=2).eval()
    save_file(theirs.state_dict(), folder / "theirs.safetensors")
    import_network(folder, architecture="resnet18")
    assert pd.read_csv(folder / "training.csv").empty
    validation = np.arange(40) % 5 == 4
    pixels = torch.from_numpy(np.load(folder / "0.npy")[validation, None] / np.float32(255))
    mean, std = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (mean, std))
    with torch.no_grad():
        logits = theirs((pixels - mean) / std)[:, [1, 0]].numpy()
    assert np.allclose(clean_logits(folder), logits, rtol=1e-4, atol=1e-4)


def test_of_several_labels_one_is_imported_with_its_threshold(folder: Path) -> None:
    """Of a file of weights: the width of the architecture is the number of labels."""
    from torchvision import models

    torch.manual_seed(2)
    theirs = models.resnet18(num_classes=4).eval()
    save_file(theirs.state_dict(), folder / "theirs.safetensors")
    meaning = {"outputs": "multilabel", "labels": ["a", "b", "c", "d"], "label": "c"}
    import_network(folder, architecture="resnet18", threshold=0.3, **meaning)
    validation = np.arange(40) % 5 == 4
    pixels = torch.from_numpy(np.load(folder / "0.npy")[validation, None] / np.float32(255))
    mean, std = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (mean, std))
    with torch.no_grad():
        z = theirs((pixels - mean) / std)[:, 2].double().numpy()
    logits = clean_logits(folder)
    s = np.log(0.3 / 0.7)  # the group's classes are norm, ill; the network's ill, norm
    assert np.allclose(logits, np.stack([z - s, s - z], 1) / 2, rtol=1e-4, atol=1e-4)
    network = network_tables.read_network(
        {}, "resnet18", folder / "members.parquet", folder / "clean.parquet"
    )
    members = parquet.read_table(folder / "members.parquet")
    images = quality.clean_images(members, network.clean)
    p = 1 / (1 + np.exp(-z))
    assert np.allclose(images.probabilities, np.stack([p, 1 - p], 1), atol=1e-4)
    assert (images.predicted == np.where(p > 0.3, 0, 1)).all()


def test_undeclared_sigmoids_stop_the_import(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from torchvision import models

    theirs = models.resnet18(num_classes=2).eval()
    with torch.no_grad():  # outputs from 0.1 to 0.9, as of sigmoids
        features = nn.Sequential(*list(theirs.children())[:-1])
        pixels = torch.from_numpy(np.load(folder / "0.npy")[4::5, None] / np.float32(255))
        first = features(((pixels - 0.45) / 0.225).expand(-1, 3, -1, -1)).flatten(1)[:, 0]
        scale = 0.5 / (first.max() - first.min())
        theirs.fc.weight.zero_()[:, 0] = scale * torch.tensor([1.2, 0.8])
        theirs.fc.bias.copy_(0.25 - theirs.fc.weight[:, 0] * first.min())
    save_file(theirs.state_dict(), folder / "theirs.safetensors")
    grey = {"mean": 0.45, "std": 0.225}
    with pytest.raises(SystemExit):
        import_network(folder, architecture="resnet18", input=grey)
    assert "all lie in [0, 1], so they seem to be probabilities" in caplog.text
    assert not (folder / "clean.parquet").exists()
    import_network(folder, architecture="resnet18", input=grey, activation="none")
    assert (folder / "clean.parquet").exists()


def test_what_an_import_decides_is_noted(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    from torchvision import models

    state = models.resnet18(num_classes=2).state_dict()
    save_file({f"model.{name}": t for name, t in state.items()}, folder / "theirs.safetensors")
    import_network(folder, architecture="resnet18")
    note = "the names of its weights have 'model' in front, which is left out"
    assert f"theirs.safetensors: {note}" in caplog.text
    read = network_tables.read_network(
        {}, "resnet18", folder / "members.parquet", folder / "clean.parquet"
    )
    assert read.notes == [note]


def test_a_network_that_is_refused_is_named_in_the_log(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    save_file({"a": torch.zeros(1)}, folder / "theirs.safetensors")
    with pytest.raises(SystemExit):
        import_network(folder, architecture="resnet18")
    assert "theirs.safetensors: does not fit resnet18 for 2 classes" in caplog.text
    assert not (folder / "clean.parquet").exists()
    assert f"{folder}/probe.html says what else was found" in caplog.text
    page = (folder / "probe.html").read_text()
    assert "does not fit resnet18 for 2 classes" in page and "input.range" in page


def test_other_preprocessings_are_tried_where_an_imported_network_is_often_wrong(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from torchvision import models

    torch.manual_seed(2)
    network = models.resnet18(num_classes=2)
    network.fc.weight.data *= 0
    network.fc.bias.data = torch.tensor([1.0, 0.0])  # always the same class
    save_file(network.state_dict(), folder / "theirs.safetensors")
    with pytest.raises(SystemExit):  # it has no gradient
        import_network(folder, architecture="resnet18")
    network.fc.weight.data += 1e-6
    network.fc.weight.data[0] *= 2
    save_file(network.state_dict(), folder / "theirs.safetensors")
    import_network(folder, architecture="resnet18")
    found = json.loads((folder / "probe.json").read_text())
    assert (found["run"], found["size"]) == ("G/full", [SIZE, SIZE])
    assert np.sum(found["confusion"]) == 8 == found["grid"]["images"]
    assert found["grid"]["rows"][0]["name"] == "as declared" and len(found["grid"]["rows"]) > 8
    assert f"right on 50 % of its images; see {folder}/probe.html" in caplog.text


def defend(folder: Path, parts: list[str], settings: dict[str, Any], run: str) -> None:
    """Make the network of a run from those of others, in a folder of its name."""
    (folder / run).mkdir()
    run_script(
        "defend",
        folder,
        input={
            "networks": [str(folder / part) for part in parts],
            "members": folder / "members.parquet",
        },
        output={name: folder / run / file for name, file in OUTPUT.items()},
        params={
            "results": folder,
            "trust": False,
            "shape": json.dumps(SHAPE),
            "settings": json.dumps(settings),
            "batch": 3,
            "threads": 1,
        },
        wildcards={"group": "G", "run": run},
    )


def test_networks_are_put_behind_defences_and_together(folder: Path) -> None:
    train(folder)
    entry = DefendedNetwork.model_validate({"defence": {"jpeg": {"quality": 5}}})
    defend(folder, ["network.safetensors"], {**entry.settings(), "seed": 3}, "jpeg")
    assert pd.read_csv(folder / "jpeg/training.csv").empty
    validation = load_members(folder / "members.parquet", folder, **SHAPE)
    validation = validation.select(validation.table["part"] == "validation")
    pixels = torch.from_numpy(validation.read(range(8)) / np.float32(255))
    network = network_files.load(folder / "network.safetensors")
    with torch.no_grad():
        expected = network(input_defences.coded(pixels, 5)).numpy()
    assert np.allclose(clean_logits(folder / "jpeg"), expected, atol=1e-5)
    assert not np.allclose(expected, clean_logits(folder), atol=1e-3)
    assert clean_table.computed_in(folder / "jpeg/clean.parquet") == "fp32"
    parts = ["network.safetensors", "jpeg/network.safetensors"]
    defend(folder, parts, {}, "both")
    mean = (softmax(clean_logits(folder), axis=1) + softmax(expected, axis=1)) / 2
    assert np.allclose(softmax(clean_logits(folder / "both"), axis=1), mean, atol=1e-5)


def test_a_threshold_is_that_of_the_network_behind_a_defence(folder: Path) -> None:
    from torchvision import models

    torch.manual_seed(2)
    theirs = models.resnet18(num_classes=1).eval()
    save_file(theirs.state_dict(), folder / "theirs.safetensors")
    import_network(folder, architecture="resnet18", outputs="logit", threshold=0.3)
    before = clean_table.offset_of(parquet.read_metadata(folder / "clean.parquet"))
    settings = {"defence": {"bit_depth": {"bits": 3}}, "gradient": "bpda", "seed": 3}
    defend(folder, ["network.safetensors"], settings, "bits")
    after = clean_table.offset_of(parquet.read_metadata(folder / "bits/clean.parquet"))
    assert before is not None and after is not None and after.tolist() == before.tolist()
