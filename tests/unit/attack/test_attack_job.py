"""The job that attacks a shard: shards without images, and going on after a kill."""

import json
import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.workflow import PROJECT

from pgdose import checkpoints
from pgdose.images import stores
from pgdose.networks import architectures, network_files
from pgdose.tables import parquet

pytestmark = pytest.mark.usefixtures("one_thread")

SIZE, SEED = 75, 5
SETTINGS = {
    **{"kind": "gradient", "gradient_of": "cross_entropy", "step": "sign", "alpha": 0.01},
    **{"clip": "iterate", "start": "random", "restarts": 2, "epsilon": [0.02, 0.05], "max_iter": 2},
    **{"precision": "fp32", "batch": 2, "images": 5, "shortcuts": ["wrong"]},
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Six images and a network, in the folder where the job runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(PROJECT / "scripts"))
    source = np.random.default_rng(1)
    with stores.new_store(tmp_path / "0.npy", 6, SIZE, 1) as store:
        for row in range(6):
            store.put(row, source.integers(0, 256, (SIZE, SIZE), np.uint8))
    torch.manual_seed(4)
    network = architectures.build("inception_v3", 2, 75, 1 / 16)
    about = {"architecture": "inception_v3", "classes": 2, "size": 75, "width": 1 / 16}
    network_files.save(network, tmp_path / "network.safetensors", about)
    with torch.no_grad():
        pixels = torch.from_numpy(np.load(tmp_path / "0.npy")[:, None] / np.float32(255))
        seen = network.eval()(pixels).argmax(dim=1).numpy()
    members = pd.DataFrame(
        {"member": range(6), "record_id": [f"r{i}" for i in range(6)], "copy": 0}
    )
    members = members.assign(part="validation", class_index=seen, store="0.npy", row=range(6))
    parquet.write_table(members, tmp_path / "members.parquet")
    return tmp_path


class Inputs(SimpleNamespace):
    def __iter__(self) -> Any:
        return iter([self.members, self.network])


def run(folder: Path, shard: int, shards: int, **changes: Any) -> pd.DataFrame:
    """What `rule attack` does; its surface."""
    known = {
        "results": str(folder),
        "seed": SEED,
        "shape": json.dumps({"size": SIZE, "channels": 1}),
        "shards": shards,
        "settings": json.dumps(SETTINGS | changes),
        "threads": 1,
    }
    job = SimpleNamespace(
        input=Inputs(
            members=folder / "members.parquet", missing=[], network=folder / "network.safetensors"
        ),
        output=[str(folder / f"{shard}.parquet")],
        log=[str(folder / "log")],
        rule="attack",
        resources=type("R", (dict,), {"batch_mb": 3000})(gpu=0),
        wildcards=type("W", (dict,), {"group": "G", "run": "full", "attack": "a"})(
            group="G", run="full", attack="a", shard=str(shard)
        ),
        params=type("P", (SimpleNamespace,), {"items": lambda self: vars(self).items()})(**known),
    )
    job.wildcards.shard = str(shard)
    runpy.run_path(str(PROJECT / "scripts/attack.py"), {"snakemake": job})
    return parquet.read_table(folder / f"{shard}.parquet")


@pytest.mark.parametrize("batch", [2, None])
def test_a_shard_may_have_no_images(folder: Path, batch: int | None) -> None:
    """More shards than images: five images in seven shards."""
    found = [run(folder, shard, 7, batch=batch) for shard in range(7)]
    assert sorted({len(table) for table in found}) == [0, 2]  # one row for each epsilon
    assert sum(map(len, found)) == 10
    noise = run(folder, 0, 7, kind="noise", batch=batch)
    assert list(noise.columns) == list(found[1].columns)


def test_a_killed_job_goes_on_and_ends_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(folder, 0, 1)
    whole = (folder / "0.parquet").read_bytes()
    keep, kept = checkpoints.Checkpoints.save, []

    def dies(self: checkpoints.Checkpoints, part: checkpoints.Part) -> None:
        keep(self, part)
        kept.append(part)
        if len(kept) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(checkpoints.Checkpoints, "save", dies)
    (folder / "0.parquet").unlink()
    with pytest.raises(KeyboardInterrupt):
        run(folder, 0, 1)
    assert len(list(folder.glob("work/*/*"))) == 2
    run(folder, 0, 1)
    assert len(kept) == 3  # the last of three batches alone was left to do
    assert (folder / "0.parquet").read_bytes() == whole
    assert not list(folder.glob("work/*"))


def test_another_study_does_not_go_on_from_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        keep = checkpoints.Checkpoints.save

        def dies(self: checkpoints.Checkpoints, part: checkpoints.Part) -> None:
            keep(self, part)
            raise KeyboardInterrupt

        patch.setattr(checkpoints.Checkpoints, "save", dies)
        with pytest.raises(KeyboardInterrupt):
            run(folder, 0, 1)
    kept: list[checkpoints.Part] = []
    monkeypatch.setattr(checkpoints.Checkpoints, "save", lambda self, part: kept.append(part))
    run(folder, 0, 1, alpha=0.02)
    assert len(kept) == 3
