"""The file beside an ONNX model that holds its weights is an input of the rule that reads it."""

import json
from pathlib import Path

import pytest
import torch
from helpers.workflow import checkout, snakemake

STUDY = "resources/studies/audit.yaml"


def test_weights_beside_a_model_are_an_input(tmp_path: Path) -> None:
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
    run = snakemake(folder, "--dry-run", "--config", given, study=STUDY)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    assert "audit/model.onnx, audit/model.onnx.data" in run.stdout + run.stderr
