"""The job of universal perturbations: what it learns on, what it shows to whom, kills."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.jobs import run_script
from helpers.networks import saved, small

from pgdose.attack import universal
from pgdose.checkpoints import Checkpoints
from pgdose.images import stores
from pgdose.networks import network_files
from pgdose.plots.universal import load_perturbations
from pgdose.study.controls import UniversalPerturbation
from pgdose.tables import parquet

pytestmark = pytest.mark.usefixtures("one_thread")

SIZE, TRAINING, VALIDATION = 75, 10, 6
CONTROLS = {
    "u": UniversalPerturbation(kind="universal", epsilon=[0.02, 0.1], epochs=2, batch=4),
    "few": UniversalPerturbation(kind="universal", epsilon=[0.05], epochs=1, images=3),
}


def store(folder: Path, **changed: int) -> None:
    """The images; of a part, "training" or "validation", their seed may change."""
    with stores.new_store(folder / "0.npy", TRAINING + VALIDATION, SIZE, 1) as images:
        for row in range(TRAINING + VALIDATION):
            part = "training" if row < TRAINING else "validation"
            source = np.random.default_rng([changed.get(part, 1), row])
            images.put(row, source.integers(0, 256, (SIZE, SIZE), np.uint8))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Images of both parts, and two networks."""
    store(tmp_path)
    numbers = range(TRAINING + VALIDATION)
    members = pd.DataFrame({"member": numbers, "record_id": [f"r{i}" for i in numbers], "copy": 0})
    part = ["training"] * TRAINING + ["validation"] * VALIDATION
    members = members.assign(part=part, class_index=np.arange(len(part)) % 2, store="0.npy")
    parquet.write_table(members.assign(row=numbers), tmp_path / "members.parquet")
    for seed, name in enumerate(("full", "other")):
        saved(tmp_path / f"{name}.safetensors", small(seed=seed))
    return tmp_path


def run(folder: Path, name: str = "full") -> tuple[pd.DataFrame, bytes]:
    """The table, and the content of the file of perturbations."""
    run_script(
        *("universal", folder),
        input={
            "members": str(folder / "members.parquet"),
            "networks": [str(folder / f"{judge}.safetensors") for judge in ("full", "other")],
        },
        output={"table": str(folder / "u.parquet"), "perturbations": str(folder / "u.npz")},
        params={
            **{"results": str(folder), "seed": 5, "threads": 1, "code": "c"},
            "shape": json.dumps({"size": SIZE, "channels": 1}),
            "judges": json.dumps(["full", "other"]),
            "settings": json.dumps({k: v.settings("universal") for k, v in CONTROLS.items()}),
        },
        wildcards={"group": "G", "run": name},
        resources={"gpu": 0, "batch_mb": 3000},
    )
    return parquet.read_table(folder / "u.parquet"), (folder / "u.npz").read_bytes()


def test_every_network_judges_the_validation_images_and_no_others(folder: Path) -> None:
    table, _ = run(folder)
    validation = set(range(TRAINING, TRAINING + VALIDATION))
    assert set(table["member"]) == validation
    counts = table.groupby(["control", "judge", "epsilon"])["member"].nunique()
    assert counts.to_dict() == {
        **{("u", judge, size): 6 for judge in ("full", "other") for size in (0.02, 0.1)},
        **{("few", judge, 0.05): 3 for judge in ("full", "other")},
    }
    delta = load_perturbations(folder / "u.npz")["u"].delta
    pixels = torch.from_numpy(np.load(folder / "0.npy")[TRAINING:, None] / np.float32(255))
    changed = (pixels + torch.from_numpy(delta[1])).clamp(0, 1)
    for judge in ("full", "other"):
        network = network_files.load(folder / f"{judge}.safetensors").eval()
        with torch.no_grad():
            logits = network(changed)
        rows = table[(table["judge"] == judge) & (table["epsilon"] == 0.1)]
        assert np.allclose(np.stack(rows["logits"].to_list()), logits, atol=1e-3)
    l_inf = table[table["control"] == "u"].groupby("epsilon")["l_inf"].max()
    assert np.allclose(l_inf, [0.02, 0.1], atol=1e-6)


def test_it_learns_on_the_training_images_of_its_own_network_alone(folder: Path) -> None:
    before = run(folder)[1]
    store(folder, validation=2)
    assert run(folder)[1] == before
    assert run(folder, "other")[1] != before
    store(folder, training=2)
    assert run(folder)[1] != before


@pytest.mark.parametrize("kills", [4, 7])
def test_after_a_kill_it_ends_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch, kills: int
) -> None:
    """Killed while it learns, and while it judges; the files are the same to the last byte."""
    run(folder)
    whole = [(folder / name).read_bytes() for name in ("u.parquet", "u.npz")]
    monkeypatch.setattr(universal, "KEEP_SECONDS", 0.0)
    steps: list[int] = []
    step, judged = universal._loss_gradient, Checkpoints.save

    def dies(of: Any) -> Any:
        def counted(*arguments: Any) -> Any:
            steps.append(1)
            if len(steps) == kills:
                raise KeyboardInterrupt
            return of(*arguments)

        return counted

    with monkeypatch.context() as patch:
        patch.setattr(universal, "_loss_gradient", dies(step))
        patch.setattr(Checkpoints, "save", dies(judged))
        with pytest.raises(KeyboardInterrupt):
            run(folder)
    done = len(steps) - 1
    assert list(folder.glob("work/*/*/*"))
    monkeypatch.setattr(universal, "_loss_gradient", dies(step))
    run(folder)
    assert [(folder / name).read_bytes() for name in ("u.parquet", "u.npz")] == whole
    # Six and one steps of learning; what was kept is not made again.
    assert len(steps) - 1 - done == 7 - min(done, 6)
    assert not list(folder.glob("work/*"))
