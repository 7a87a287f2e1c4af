"""Networks behind defences, and ensembles: outputs, gradients, decisions, files."""

import math
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.attack import network, pictures
from helpers.networks import FILES, WRITERS, TwoClasses, saved, settled, small
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from pgdose import devices, tensor_files
from pgdose.attack.input_checks import check_network
from pgdose.errors import Damaged, UserError
from pgdose.networks import combined, folding, input_defences, network_files
from pgdose.networks.classifier import (
    Classifier,
    Network,
    Preprocessing,
    changed_labels,
    probability_offset,
)
from pgdose.networks.combined import DefendedClassifier, EnsembleClassifier
from pgdose.networks.cuda_graphs import CudaGraphs
from pgdose.study.defended_networks import DefendedNetwork, InputDefence
from pgdose.study.networks import ExistingNetwork, Input, Outputs

pytestmark = pytest.mark.usefixtures("one_thread")

JPEG: dict[str, Any] = {"jpeg": {"quality": 60}}
QUALITIES: dict[str, Any] = {"jpeg": {"quality": [20, 80], "draws": 3}}
SMOOTHING: dict[str, Any] = {"smoothing": {"sigma": 0.1, "draws": 5}}
ALL = [JPEG, QUALITIES, SMOOTHING, {"bit_depth": {"bits": 3}}, {"median": {"size": 3}}]


class Seeded(nn.Module):
    """Another network of the helper's shape for each seed, with one output or more."""

    def __init__(self, seed: int, outputs: int) -> None:
        super().__init__()
        self.body = network(outputs, gain=2.0)
        source = torch.Generator().manual_seed(seed)
        for weights in self.body.parameters():
            weights.data += 0.2 * torch.randn(weights.shape, generator=source, dtype=weights.dtype)
        if outputs == 1:
            self.body[-1].bias.data -= self.body(pictures(30)).median()

    def forward(self, images: Tensor) -> Tensor:
        return self.body(images)


def part(seed: int = 0, order: list[int] | None = None, **meaning: Any) -> Classifier:
    outputs = 1 if meaning else 3
    expected = Preprocessing.from_study(Input(channels=1), Outputs(**meaning), order)
    return Classifier(Seeded(seed, outputs), expected).double().frozen()


def with_threshold(threshold: float | None, seed: int = 0, order: Any = (0, 1)) -> Classifier:
    return part(seed, list(order), outputs="logit", threshold=threshold)


def defended(inner: Network, entry: dict[str, Any], gradient: str = "bpda") -> Network:
    made = input_defences.make(InputDefence.model_validate(entry), gradient, 5)
    return DefendedClassifier(inner, made).frozen()


def gradient(judge: nn.Module, images: Tensor) -> Tensor:
    images = images.clone().requires_grad_()
    (values,) = torch.autograd.grad(judge(images).softmax(dim=1)[:, 1].sum(), images)
    return values


@pytest.mark.parametrize("entry", [JPEG, {"bit_depth": {"bits": 3}}], ids=str)
def test_one_copy_is_the_network_at_the_defended_image(entry: dict[str, Any]) -> None:
    inner, images = part(), pictures(4)
    made = defended(inner, entry)
    assert torch.equal(made(images), inner(next(made.defence(images))))


def test_several_copies_are_averaged_by_probability() -> None:
    inner, images = part(), pictures(4)
    made = defended(inner, SMOOTHING)
    total = torch.zeros(4, 3, dtype=torch.float64)
    for pattern in made.defence.patterns(images):
        total += torch.stack([inner((image + pattern)[None])[0] for image in images]).softmax(dim=1)
    assert torch.allclose(made(images).softmax(dim=1), total / 5, rtol=0, atol=1e-12)


def test_the_gradient_over_qualities_is_eot_s() -> None:
    """The mean over qualities of the gradient at the JPEG-coded image, written out."""
    inner, images = part(), pictures(4)
    expected = torch.zeros_like(images)
    for quality in (20, 50, 80):
        stored = input_defences.coded(images, quality)
        expected += gradient(inner, stored) / 3
    made = gradient(defended(inner, QUALITIES), images)
    assert torch.allclose(made, expected, rtol=0, atol=1e-14) and expected.abs().max() > 1e-4


def test_the_gradient_through_noise_is_eot_s() -> None:
    inner, images = part(), pictures(4)
    made = defended(inner, SMOOTHING)
    gradients = [gradient(inner, images + p) for p in made.defence.patterns(images)]
    assert torch.allclose(gradient(made, images), sum(gradients) / 5, rtol=0, atol=1e-14)


def test_a_mean_that_is_nearly_1_keeps_its_gradient() -> None:
    """In float32 the mean of 1 - 1e-13 and 1 - 1e-17 is 1, and its logarithm has no gradient."""
    z = torch.tensor([[30.0, 40.0]], requires_grad=True)
    logits = torch.stack([-z / 2, z / 2], dim=2).permute(1, 0, 2)
    (values,) = torch.autograd.grad(combined.mean_of_probabilities(logits)[:, 1].sum(), z)
    # Of log(mean p2 / mean p1) / 2, in which the less certain network has all the weight.
    assert values[0, 0] == pytest.approx(0.5, abs=1e-3) and values[0, 1] < 1e-3


@pytest.mark.parametrize("entry", ALL, ids=str)
@settings(max_examples=6)
@given(n=st.integers(1, 40), seed=st.integers(0, 100))
def test_a_defended_network_is_a_function_of_the_image(
    entry: dict[str, Any], n: int, seed: int
) -> None:
    made, images = defended(part(), entry), pictures(n, seed=seed)
    assert torch.allclose(made(images)[-1], made(images[-1:])[0], rtol=0, atol=1e-12)


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.62])
@pytest.mark.parametrize("entry", [JPEG, SMOOTHING], ids=str)
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_threshold_holds_for_the_mean(
    entry: dict[str, Any], threshold: float, order: Any
) -> None:
    inner, images = with_threshold(threshold, order=order), pictures(30)
    made = defended(inner, entry)
    copies = [inner.body(copy)[:, 0].sigmoid() for copy in made.defence(images)]
    mean = torch.stack(copies).mean(dim=0)  # of the network's second class
    decided = made(images).argmax(dim=1) == order.index(1)
    assert decided.tolist() == (mean > threshold).tolist() and decided.any() and not decided.all()
    offset = probability_offset(made)
    logits = made(images) if offset is None else made(images) + offset
    assert torch.allclose(logits.softmax(dim=1)[:, order.index(1)], mean, rtol=0, atol=1e-6)
    assert (offset is None) == (threshold == 0.5)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize(
    "thresholds", [(0.3, 0.6), (0.3, None), (0.3, 0.3), (0.3, 0.7), (None,) * 2]
)
def test_an_ensemble_decides_by_the_mean_threshold(thresholds: Any, order: Any) -> None:
    parts = [with_threshold(t, seed, order) for seed, t in enumerate(thresholds)]
    images, made = pictures(30), EnsembleClassifier(parts).frozen()
    mean = torch.stack([p.body(images)[:, 0].sigmoid() for p in parts]).mean(dim=0)
    threshold = sum(t or 0.5 for t in thresholds) / 2
    decided = made(images).argmax(dim=1) == order.index(1)
    assert decided.tolist() == (mean > threshold).tolist() and decided.any() and not decided.all()
    offset = probability_offset(made)
    assert (offset is None) == (threshold == 0.5)
    if offset is not None:
        half = math.log(threshold / (1 - threshold)) / 2
        assert offset[order.index(1)].item() == pytest.approx(half, abs=1e-6)
    logits = made(images) if offset is None else made(images) + offset
    assert torch.allclose(logits.softmax(dim=1)[:, order.index(1)], mean, rtol=0, atol=1e-6)


def test_the_order_of_an_ensemble_does_not_matter() -> None:
    parts, images = [part(seed) for seed in range(3)], pictures(5)
    logits = [EnsembleClassifier(some).frozen()(images) for some in permutations(parts)]
    assert all(torch.allclose(some, logits[0], rtol=0, atol=1e-12) for some in logits)
    expected = torch.stack([p(images).softmax(dim=1) for p in parts]).mean(dim=0)
    assert torch.allclose(logits[0].softmax(dim=1), expected, rtol=0, atol=1e-12)
    assert not torch.allclose(logits[0], parts[0](images), atol=0.01)


def test_other_labels_are_those_of_most_copies() -> None:
    class Given(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return images.flatten(1)[:, :3] - 0.45

    meaning = Outputs(outputs="multilabel", label=0, labels=["a", "b", "c"], activation="none")
    inner = Classifier(Given(), Preprocessing.from_study(Input(channels=1), meaning)).frozen()
    before, after = torch.full((1, 1, 8, 8), 0.3), torch.full((1, 1, 8, 8), 0.8)
    for entry in (JPEG, SMOOTHING):
        made = defended(inner, entry)
        changed = changed_labels(made, before, after)
        assert changed is not None and changed.tolist() == [2]
    assert changed_labels(EnsembleClassifier([inner, inner]), before, after) is None


# --- files, folding, precision ----------------------------------------------------------------


def written(path: Path, parts: list[Path], entry: dict[str, Any] | None = None) -> Path:
    """The file of a defended network, or of an ensemble without `entry`."""
    entry = DefendedNetwork.model_validate(entry).settings() | {"seed": 5} if entry else {}
    network_files.save_combined(parts, path, entry)
    return path


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a trained network."""
    return saved(tmp_path_factory.mktemp("n") / "n.safetensors", settled(small()))


@torch.no_grad()
@pytest.mark.parametrize("entry", [JPEG, SMOOTHING], ids=str)
def test_a_defended_network_is_loaded_as_it_was(
    entry: dict[str, Any], file: Path, tmp_path: Path
) -> None:
    inner = network_files.load(file)
    path = written(tmp_path / "d.safetensors", [file], {"defence": entry})
    images = torch.rand(2, 1, 75, 75, generator=torch.Generator().manual_seed(2))
    made = input_defences.make(InputDefence.model_validate(entry), "bpda", 5)
    expected = DefendedClassifier(inner, made)(images)
    loaded = network_files.load(path)
    check_network(loaded)
    assert torch.equal(loaded(images), expected)
    folded, precision = network_files.load_to_attack(path, "bf16", torch.device("cpu"))
    assert precision == "fp32" and torch.allclose(folded(images), expected, rtol=1e-3, atol=1e-4)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in folded.modules())
    check_network(devices.Autocast(folded, torch.bfloat16).eval())


@torch.no_grad()
@pytest.mark.parametrize("format", WRITERS)
def test_imported_networks_are_defended_and_join_ensembles(format: Any, tmp_path: Path) -> None:
    body, images = TwoClasses().eval(), torch.rand(3, 1, 16, 16)
    source, file = tmp_path / FILES[format], tmp_path / "n.safetensors"
    source.write_bytes(WRITERS[format](body))
    trust = format == "torchscript"
    existing = ExistingNetwork(
        file=str(source), classes=["a", "b"], trust=trust, input=Input(channels=1)
    )
    network_files.import_network(existing, file, ["b", "a"], 16)
    path = written(tmp_path / "d.safetensors", [file], {"defence": {"bit_depth": {"bits": 3}}})
    both = written(tmp_path / "both.safetensors", [file, path])
    if trust:  # also where it is a part of a part
        with pytest.raises(UserError, match="runs as a program, which 'trust: true'"):
            network_files.load(both)
    rounded = (images * 7).round() / 7
    expected = body(rounded)[:, [1, 0]]
    assert torch.allclose(network_files.load(path, trust=trust)(images), expected, atol=1e-5)
    mean = (body(images).softmax(dim=1) + body(rounded).softmax(dim=1))[:, [1, 0]] / 2
    together = folding.fold(network_files.load(both, trust=trust))(images)
    assert torch.allclose(together.softmax(dim=1), mean, atol=1e-5)


@pytest.mark.parametrize(
    "change",
    [
        {"parts": []},
        {"parts": [{}]},
        {"parts": ["x"]},
        {"defence": {"jpeg": {"quality": 0}}},
        {"defence": {"jpeg": {"quality": 5}, "median": {"size": 3}}},
        {"defence": {"seed": 1}},
        {"seed": None},
        {"gradient": "none"},
    ],
    ids=str,
)
def test_a_file_of_which_no_network_can_be_built_is_damaged(
    change: dict[str, Any], file: Path, tmp_path: Path
) -> None:
    path = written(tmp_path / "d.safetensors", [file], {"defence": SMOOTHING})
    tensors, metadata = tensor_files.load(path)
    tensor_files.save(tensors, path, metadata | change)
    with pytest.raises(Damaged):
        network_files.load(path)


def test_a_changed_byte_is_noticed(file: Path, tmp_path: Path) -> None:
    path = written(tmp_path / "d.safetensors", [file], {"defence": JPEG})
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    with pytest.raises(Damaged, match="checksum"):
        network_files.load(path)


def test_the_same_parts_give_the_same_bytes_and_another_defence_others(
    file: Path, tmp_path: Path
) -> None:
    entries = [
        {"defence": SMOOTHING},
        {"defence": {"smoothing": SMOOTHING["smoothing"] | {"samples": 500, "alpha": 0.01}}},
        {"defence": {"smoothing": {"sigma": 0.1, "draws": 6}}},
    ]
    same, certificate, other = (
        written(tmp_path / f"{n}.safetensors", [file], entry).read_bytes()
        for n, entry in enumerate(entries)
    )
    assert same == certificate != other  # no network depends on its certificate


def test_a_batch_fits_into_memory_with_all_its_copies() -> None:
    inner = part()
    made = defended(inner, {"smoothing": {"sigma": 0.1, "draws": 20}})
    one, many = (
        devices.backward_bytes(judge, pictures(2)) - devices.backward_bytes(judge, pictures(1))
        for judge in (inner, made)
    )
    assert 20 * one <= many <= 30 * one


def test_no_cuda_graph_is_tried_with_a_codec_on_the_cpu() -> None:
    class Capture:
        def __call__(self, network: nn.Module, images: Tensor) -> Any:
            raise AssertionError

    images = pictures(2).requires_grad_()
    graphs = CudaGraphs(defended(part(), JPEG), capture=Capture())
    assert graphs.fault == "Jpeg is computed on the CPU"
    assert torch.equal(graphs(images), graphs.network(images))
    assert CudaGraphs(defended(part(), {"bit_depth": {"bits": 3}})).fault is None
