"""What a network's files are is said before any job, and weights beside a model are an input."""

import json
from pathlib import Path

import pytest
import torch
from helpers.workflow import checkout, snakemake

STUDY = "resources/studies/audit.yaml"


def test_a_network_s_files_are_looked_at_before_any_job(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    folder = checkout(tmp_path)
    place = folder / "audit"
    (place / "images").mkdir(parents=True)
    (place / "images.csv").write_text("image,patient,label\na.png,1,negative\nb.png,2,positive\n")
    tensor = onnx.numpy_helper.from_array(torch.zeros(3).numpy(), "w")
    onnx.external_data_helper.set_external_data(tensor, "model.onnx.data")
    tensor.ClearField("raw_data")
    graph = onnx.helper.make_graph([], "g", [], [], [tensor])
    (place / "model.onnx").write_bytes(onnx.helper.make_model(graph).SerializeToString())
    network = {"file": "audit/model.onnx", "classes": ["negative", "positive"]}
    given = f"groups={json.dumps({'audit': {'network': network}})}"
    run = snakemake(folder, "--dry-run", "--config", given, study=STUDY)
    said = run.stdout + run.stderr
    assert run.returncode != 0
    assert "file: weights beside it: there is no file 'audit/model.onnx.data'" in said
    (place / "model.onnx.data").write_bytes(bytes(12))
    model = (place / "model.onnx").read_bytes()
    torch.save({"w": torch.zeros(3)}, place / "model.onnx")
    run = snakemake(folder, "--dry-run", "--config", given, study=STUDY)
    said = run.stdout + run.stderr
    assert "network.file: model.onnx is a file of torch.save (a pickle, which can run" in said
    (place / "model.onnx").write_bytes(model)
    run = snakemake(folder, "--dry-run", "--config", given, study=STUDY)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    assert "audit/model.onnx, audit/model.onnx.data" in run.stdout + run.stderr
