"""Passes that are replayed: the same logits and gradients, whatever the batch.

There is no GPU here, so a capture on the CPU stands in for CUDA's: like a graph it computes with
fixed buffers, and overwrites its results at each replay.
"""

import contextlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from helpers.networks import TwoClasses
from torch import Tensor, nn

from pgdose.attack.samples import Samples
from pgdose.attack.settings import make
from pgdose.attack.surface import surface
from pgdose.networks.cuda_graphs import CudaGraphs, GraphCapture, Passes, padded_rows
from pgdose.study.doses import Doses

pytestmark = pytest.mark.usefixtures("one_thread")


class CaptureOnCpu:
    def __init__(self) -> None:
        self.rows: list[int] = []

    def __call__(self, network: nn.Module, images: Tensor) -> Passes:
        self.rows.append(len(images))
        logits = network(images).detach()
        upstream, gradient = torch.zeros_like(logits), torch.zeros_like(images)
        newest: list[Tensor] = []

        def forward() -> None:
            newest[:] = [network(images)]
            logits.copy_(newest[0].detach())

        def forward_with_gradients() -> None:
            with torch.enable_grad():
                forward()

        def backward() -> None:
            gradient.copy_(torch.autograd.grad(newest[0], images, upstream)[0])

        return Passes(images, logits, upstream, gradient, forward_with_gradients, backward)


def network() -> nn.Module:
    return TwoClasses().double().eval().requires_grad_(False)


def batch(n: int, seed: int = 0) -> Tensor:
    source = torch.Generator().manual_seed(seed)
    return torch.rand(n, 1, 16, 16, generator=source, dtype=torch.float64)


def passes(module: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    images = images.clone().requires_grad_()
    logits = module(images)
    (gradient,) = torch.autograd.grad(logits.log_softmax(dim=1)[:, 0].sum(), images)
    return logits.detach(), gradient


def test_batches_of_any_size_give_what_the_network_gives() -> None:
    plain, capture = network(), CaptureOnCpu()
    graphs = CudaGraphs(plain, capture=capture)
    results = []
    for n in (8, 5, 8, 1, 7, 3, 8, 9, 6):
        images = batch(n, seed=n)
        results.append((passes(graphs, images), passes(plain, images)))
    for replayed, expected in results:  # at the end, to see that no later replay changes one
        for tensor, other in zip(replayed, expected, strict=True):
            torch.testing.assert_close(tensor, other, rtol=0, atol=1e-12)
    assert capture.rows == [8, 6, 1, 3, 9] and graphs.rows == [1, 3, 6, 8, 9]
    assert graphs.replays == 9


@pytest.mark.parametrize(("rows", "padded"), [(1, 1), (2, 2), (3, 3), (5, 6), (7, 8), (33, 48)])
def test_padding_goes_to_powers_of_two_and_three_quarters_of_them(rows: int, padded: int) -> None:
    assert padded_rows(rows) == padded


def test_padding_adds_less_than_half() -> None:
    assert all(n <= padded_rows(n) <= 1.5 * n for n in range(2, 1000))


def test_the_number_of_graphs_is_bounded() -> None:
    plain, capture = network(), CaptureOnCpu()
    graphs = CudaGraphs(plain, most=2, capture=capture)
    for n in (8, 4, 5, 2, 1, 20, 3):
        images = batch(n, seed=n)
        for tensor, other in zip(passes(graphs, images), passes(plain, images), strict=True):
            torch.testing.assert_close(tensor, other, rtol=0, atol=1e-12)
    # 5 goes with 8, 2 and 3 with 4; 1 and 20 have none that fits.
    assert capture.rows == [8, 4] and graphs.replays == 5


def test_batches_of_another_type_or_layout_have_graphs_of_their_own() -> None:
    capture = CaptureOnCpu()
    plain = TwoClasses(channels=3).eval().requires_grad_(False)
    graphs = CudaGraphs(plain, capture=capture)
    images = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    for each in (images, images.contiguous(memory_format=torch.channels_last)):
        torch.testing.assert_close(passes(graphs, each)[1], passes(plain, each)[1])
        (found,) = [p for p in graphs._passes.values() if p.images.stride() == each.stride()]
        assert found.images.dtype == torch.float32
    assert capture.rows == [4, 4]


def test_without_gradients_or_cuda_the_network_computes_itself() -> None:
    capture = CaptureOnCpu()
    graphs = CudaGraphs(network(), capture=capture)
    with torch.no_grad():
        graphs(batch(2))
    graphs(batch(2))
    graphs(batch(0).requires_grad_())
    assert not capture.rows
    on_cpu = CudaGraphs(network())
    passes(on_cpu, batch(2))
    assert not on_cpu.replays and on_cpu.fault is None


def test_after_a_failed_capture_the_network_computes_itself(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(network: nn.Module, images: Tensor) -> Passes:
        raise RuntimeError("operation not permitted when stream is capturing\nCUDA's long advice")

    plain = network()
    graphs = CudaGraphs(plain, capture=fail)
    for _ in range(2):
        for tensor, other in zip(passes(graphs, batch(3)), passes(plain, batch(3)), strict=True):
            assert torch.equal(tensor, other)
    (record,) = caplog.records
    assert "capturing a batch of 3 failed (RuntimeError: operation not permitted" in record.message
    assert "advice" not in record.message and graphs.fault and not graphs.replays


def test_a_late_gradient_is_refused_and_never_that_of_other_images() -> None:
    graphs = CudaGraphs(network(), capture=CaptureOnCpu())
    first, second = (batch(2, seed).requires_grad_() for seed in (0, 1))
    logits = graphs(first)
    graphs(second)
    with pytest.raises(RuntimeError, match="directly after the forward pass"):
        logits.sum().backward()
    logits = graphs(first).sum()
    torch.autograd.grad(logits, first, retain_graph=True)
    with pytest.raises(RuntimeError, match="and once"):
        torch.autograd.grad(logits, first)


class FakeCuda:
    """What `GraphCapture` uses of torch.cuda, on the CPU; notes what is done in which order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.notes: list[Any] = []
        for name in ("CUDAGraph", "Stream", "current_stream", "device", "graph", "stream"):
            monkeypatch.setattr(torch.cuda, name, getattr(self, name))
        monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: "pool")

    def CUDAGraph(self) -> Any:  # noqa: N802
        graph = SimpleNamespace()
        graph.replay = lambda: self.notes.append(("replay", id(graph)))
        return graph

    def Stream(self) -> Any:  # noqa: N802
        return SimpleNamespace(wait_stream=lambda other: self.notes.append("side waits"))

    def current_stream(self) -> Any:
        return SimpleNamespace(wait_stream=lambda other: self.notes.append("main waits"))

    @contextlib.contextmanager
    def device(self, device: torch.device) -> Iterator[None]:
        yield

    @contextlib.contextmanager
    def stream(self, stream: object) -> Iterator[None]:
        self.notes.append("side begins")
        yield
        self.notes.append("side ends")

    @contextlib.contextmanager
    def graph(self, graph: object, **how: object) -> Iterator[None]:
        self.notes.append(("capture", id(graph), how["stream"], how["pool"]))
        yield


def test_a_capture_warms_up_beside_and_shares_pool_and_stream(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake, capture = FakeCuda(monkeypatch), GraphCapture()
    plain, images = network(), batch(3).requires_grad_()
    plain.register_forward_hook(lambda *_: fake.notes.append("pass"))
    made = capture(plain, images)
    warm_up = ["side waits", "side begins", *["pass"] * 3, "side ends", "main waits"]
    assert fake.notes[:7] == warm_up
    forward, again, backward = fake.notes[7:]
    assert again == "pass" and forward[2:] == backward[2:] and forward[1] != backward[1]
    made.forward()
    made.backward()
    assert fake.notes[10:] == [("replay", forward[1]), ("replay", backward[1])]
    assert made.images is images and made.gradient.shape == images.shape
    assert made.upstream.shape == made.logits.shape and not made.logits.requires_grad
    capture(plain, batch(2).requires_grad_())
    assert fake.notes[-1][2:] == forward[2:]  # of another size


ATTACKS = [
    {"step": "raw", "lr": 0.3},
    {"step": "sign", "alpha": 0.02, "gradient_of": "cross_entropy", "momentum": 0.9},
    {"form": "pgd", "alpha": 0.03, "restarts": 2},
    {"form": "apgd-ce", "gradient_of": "margin", "target": "least_likely"},
    {"step": "l2", "alpha": 0.1, "clip": "l2", "gradient_of": "logit"},
    {"kind": "noise"},
]


@pytest.mark.parametrize("entry", ATTACKS, ids=str)
def test_attacks_give_the_same_surface(entry: dict[str, object]) -> None:
    if entry.get("form") == "apgd-ce":
        entry = {"schedule": "apgd", "start": "random"} | {
            key: value for key, value in entry.items() if key != "form"
        }
    plain = network()
    images = batch(11)
    classes = plain(images).argmax(dim=1)
    samples = Samples(images, classes, torch.arange(11))
    graphs = CudaGraphs(plain, capture=CaptureOnCpu())
    doses = Doses((0.02, 0.1, 0.3), 6)
    replayed, expected = (
        surface(module, samples, make(entry), doses) for module in (graphs, plain)
    )
    assert replayed.steps == expected.steps
    torch.testing.assert_close(replayed.logits, expected.logits, rtol=0, atol=1e-9)
    assert bool(graphs.replays) == (entry.get("kind") != "noise")
