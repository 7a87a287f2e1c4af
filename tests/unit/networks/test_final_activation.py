"""The softmax or sigmoid at the end of a graph is left out, and the note says so."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.networks import EXPECTED, TwoClasses, as_onnx, as_program, as_script, images
from torch import Tensor, nn

from pgdose.errors import UserError
from pgdose.networks import graph_file, network_files, onnx_file, probe, pt2
from pgdose.networks.final_activation import AS_LOGITS, HIDDEN, logits_of
from pgdose.study.networks import ExistingNetwork

pytestmark = pytest.mark.usefixtures("one_thread")
STEEP = 3000.0  # a factor that saturates probabilities


class Last(nn.Module):
    """Some operations behind the logits, made so steep that probabilities are 0 and 1."""

    def __init__(self, *operations: Any, factor: float = STEEP) -> None:
        super().__init__()
        self.operations, self.factor = operations, factor

    def forward(self, y: Tensor) -> Any:
        y = (y - y.mean(dim=1, keepdim=True)) * self.factor
        for operation in self.operations:
            y = operation(y)
        return y


def softmax(y: Tensor) -> Tensor:
    return y.softmax(dim=1)


def one(y: Tensor) -> Tensor:
    return y[:, :1]


def read(last: nn.Module, kind: str, **meaning: Any) -> tuple[Any, Any, list[str]]:
    body = pt2.read(as_program(TwoClasses(last=last)), "n")
    expected = replace(EXPECTED, outputs=kind, **meaning)
    return (body, *logits_of(body, expected, (16, 16)))[1:]


@pytest.mark.parametrize(
    ("operations", "kind", "then"),
    [
        ([softmax], "probabilities", "logits"),
        ([softmax, lambda y: y.clamp(1e-7, 1 - 1e-7)], "probabilities", "logits"),
        (
            [softmax, lambda y: y.reshape(-1, 2, 1), lambda y: y.squeeze(2)],
            "probabilities",
            "logits",
        ),
        ([lambda y: y[:, :, None, None].softmax(dim=1).flatten(1)], "probabilities", "logits"),
        ([softmax, lambda y: y.clamp(min=1e-9), lambda y: y.double()], "probabilities", "logits"),
        ([lambda y: y.log_softmax(dim=1)], "logits", "logits"),
        ([one, torch.sigmoid], "sigmoid", "logit"),
        ([one, torch.sigmoid, lambda y: y.squeeze(1)], "sigmoid", "logit"),
        ([torch.sigmoid], "multilabel", "multilabel"),
    ],
)
def test_a_final_activation_is_left_out(operations: list[Any], kind: str, then: str) -> None:
    body, expected, notes = read(Last(*operations), kind)
    assert (expected.outputs, expected.activated, expected.logits_insisted) == (then, False, True)
    assert len(notes) == 1 and "is left out: the numbers before it are used as logits" in notes[0]
    some = images(5, 1, 16)
    whole = TwoClasses(last=Last()).eval()
    logits = body(some)
    assert logits.reshape(5, -1)[:, 0].tolist() == pytest.approx(
        whole(some)[:, 0].tolist(), rel=1e-4
    )
    tensors, description = graph_file.written(body)
    assert torch.equal(graph_file.read(tensors, description)(some), logits)
    assert not any("softmax" in call.operator or "sigmoid" in call.operator for call in body.calls)


@pytest.mark.parametrize(
    ("operations", "kind", "note"),
    [
        ([softmax, lambda y: y.clamp(0.1, 0.9)], "probabilities", HIDDEN),
        ([lambda y: y.softmax(dim=0)], "probabilities", HIDDEN),
        ([lambda y: y[:, None].softmax(dim=1)[:, 0]], "probabilities", HIDDEN),
        ([softmax, lambda y: y * 1.0 + 0.0], "probabilities", HIDDEN),
        ([lambda y: y / y.sum(dim=1, keepdim=True)], "probabilities", HIDDEN),
        ([one, torch.sigmoid, lambda y: 1 - y], "sigmoid", HIDDEN),
        ([torch.tanh], "multilabel", AS_LOGITS),
        ([softmax], "multilabel", AS_LOGITS),
    ],
)
def test_what_is_no_final_activation_stays(operations: list[Any], kind: str, note: str) -> None:
    last = Last(*operations, factor=0.5)
    body, expected, notes = read(last, kind)
    assert (expected.outputs, notes) == (kind, [note])
    some = images(5, 1, 16)
    assert torch.allclose(body(some), TwoClasses(last=last).eval()(some), atol=1e-6)


@pytest.mark.parametrize(
    ("operations", "kind", "meaning"),
    [
        ([softmax], "logits", {}),  # refused by the probe
        ([], "logits", {}),
        ([one, torch.sigmoid], "logit", {}),
        ([torch.sigmoid], "multilabel", {"logits_insisted": True}),
        ([lambda y: y.log_softmax(dim=1)], "logits", {"logits_insisted": True}),
    ],
)
def test_what_is_declared_otherwise_stays_without_a_note(
    operations: list[Any], kind: str, meaning: dict[str, Any]
) -> None:
    _, expected, notes = read(Last(*operations), kind, **meaning)
    assert (expected.outputs, notes) == (kind, [])


@pytest.mark.parametrize("opset", [7, 11, 13, 21])
@pytest.mark.parametrize("clipped", [False, True])
def test_a_final_softmax_of_onnx(opset: int, clipped: bool) -> None:
    onnx = pytest.importorskip("onnx")
    model = onnx.ModelProto()
    model.ParseFromString(as_onnx(TwoClasses().eval()))
    model.opset_import[0].version = opset
    model.graph.node[-1].output[0] = "result"
    node = onnx.helper.make_node
    # Before opset 13 the axis is 1 by default, and later the last one.
    nodes = [node("Softmax", ["result"], ["p"])]
    if clipped and opset >= 11:
        for name, value in (("low", 1e-7), ("high", 1 - 1e-7)):
            model.graph.initializer.append(onnx.helper.make_tensor(name, 1, [], [value]))
        nodes.append(node("Clip", ["p", "low", "high"], ["cut"]))
    elif clipped:
        nodes.append(node("Clip", ["p"], ["cut"], min=1e-7, max=1.0))
    nodes.append(node("Identity", ["cut" if clipped else "p"], ["logits"]))
    model.graph.node.extend(nodes)
    body = onnx_file.read(model.SerializeToString(), "n")
    expected = replace(EXPECTED, outputs="probabilities")
    before, expected, notes = logits_of(body, expected, (16, 16))
    some = images(5, 1, 16)
    assert expected.outputs == "logits" and "softmax, is left out" in notes[0]
    assert torch.allclose(before(some), TwoClasses().eval()(some), atol=1e-6)


@pytest.mark.parametrize(
    ("operations", "outputs", "message"),
    [
        ([torch.sigmoid], "logits", "set 'outputs: multilabel' with the 'label' to be audited, or"),
        ([one, torch.sigmoid], "logit", "set 'outputs: sigmoid', or 'activation: none' if its"),
    ],
)
def test_a_sigmoid_that_the_file_shows_must_be_declared(
    operations: list[Any], outputs: str, message: str, tmp_path: Path
) -> None:
    content = as_program(TwoClasses(last=Last(*operations)))
    with pytest.raises(UserError, match=rf"n\.pt2: its last operation is a sigmoid.*{message}"):
        imported(tmp_path / "n.pt2", content, outputs=outputs)
    network = imported(tmp_path / "n.pt2", content, outputs=outputs, activation="none")
    assert not any("left out" in note for note in network.notes)


def imported(path: Path, content: bytes, **fields: Any) -> Any:
    path.write_bytes(content)
    about = {"input": {"channels": 1, "mean": 0.5, "std": 0.25}, "trust": True, **fields}
    existing = ExistingNetwork.model_validate({"file": str(path), "classes": ["a", "b"], **about})
    return network_files.import_network(existing, path.parent / "out", ["b", "a"], 16)


@pytest.mark.parametrize(
    ("operations", "fields"),
    [
        ([softmax], {"outputs": "probabilities"}),
        ([one, torch.sigmoid], {"outputs": "sigmoid", "threshold": 0.2}),
        ([torch.sigmoid], {"outputs": "multilabel", "label": 0}),
        ([torch.sigmoid], {"outputs": "multilabel", "label": 0, "activation": "sigmoid"}),
    ],
)
def test_saturated_probabilities_have_gradients_where_the_file_shows_their_logits(
    operations: list[Any], fields: dict[str, Any], tmp_path: Path
) -> None:
    network = TwoClasses(last=Last(*operations))
    shown = imported(tmp_path / "n.pt2", as_program(network), **fields)
    some = images(8, 1, 16)
    probe.check(shown, some, 2, "n")
    assert any("is left out" in note for note in shown.notes)
    hidden = imported(tmp_path / "n.pt", as_script(network), **fields)
    if fields.get("activation") or fields["outputs"] != "multilabel":
        assert HIDDEN in hidden.notes
        assert (hidden(some).argmax(1) == shown(some).argmax(1)).all()
    else:  # undeclared sigmoids that no graph shows
        (note,) = probe.check_scale(hidden(some).numpy(), hidden, "n")  # 8 images are few
        assert "set 'activation: sigmoid' if a sigmoid made them" in note


def test_a_threshold_decides_before_and_after_the_sigmoid_is_left_out(tmp_path: Path) -> None:
    network = TwoClasses(last=Last(one, torch.sigmoid, factor=1.0)).eval()
    some = images(40, 1, 16)
    p = network((some - 0.5) / 0.25)[:, 0]
    threshold = round(float(p.median()), 4)
    fields = {"outputs": "sigmoid", "threshold": threshold}
    for path, content in (("n.pt2", as_program(network)), ("n.pt", as_script(network))):
        read = imported(tmp_path / path, content, **fields)
        decided = read(some).argmax(dim=1) == 0  # the group's classes stand the other way round
        assert decided.tolist() == (p > threshold).tolist() and 0 < decided.sum() < 40
        assert (read(some) + read.offset).softmax(dim=1)[:, 0].tolist() == pytest.approx(
            p.tolist(), abs=1e-5
        )


class Attention(nn.Module):
    """A small transformer, whose export has the forms of operators of opset 18 and later."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.patches, self.norm = nn.Conv2d(1, 16, 8, 8), nn.LayerNorm(16)
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True)
        self.mixing, self.head = nn.Sequential(nn.Linear(16, 16), nn.GELU()), nn.Linear(16, 1)

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        y = self.norm(self.patches(pixels).flatten(2).transpose(1, 2))
        y = y + self.attention(y, y, y, need_weights=False)[0]
        number = self.head((y + self.mixing(y)).mean(dim=1))
        return {"features": y, "out": (100 * number).sigmoid()}


@pytest.mark.parametrize("opset", [18, 21])
def test_the_sigmoid_of_today_s_default_export_is_left_out(opset: int, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    network, path = Attention().eval(), tmp_path / "f.onnx"
    some = images(5, 1, 16)
    names = {"output_names": ["features", "out"], "opset_version": opset}
    torch.onnx.export(network, (torch.rand(1, 1, 16, 16),), str(path), verbose=False, **names)
    fields = {"outputs": "sigmoid", "input": {"channels": 1}, "classes": ["a", "b"]}
    existing = ExistingNetwork.model_validate({"file": str(path), **fields})
    read = network_files.import_network(existing, tmp_path / "out", ["a", "b"], 16)
    probe.check(read, some, 2, "f.onnx")
    assert any("'out' is taken" in note for note in read.notes)
    assert any("is left out" in note for note in read.notes)
    with torch.no_grad():
        p = network(some)["out"][:, 0]
    assert read(some).softmax(dim=1)[:, 1].tolist() == pytest.approx(p.tolist(), abs=1e-4)
