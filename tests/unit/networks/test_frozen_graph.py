"""A frozen graph gives the logits and gradients of the plain one, whatever its layers."""

import copy
from collections.abc import Callable, Iterator

import pytest
import torch
from helpers.networks import images, settled, small
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.fx.experimental import optimization
from torch.nn import functional
from torchvision import models

from pgdose import devices
from pgdose.networks import folding
from pgdose.networks.frozen_graph import FrozenGraph, lay_out
from pgdose.networks.graph_steps import Convolution


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def frozen(network: nn.Module) -> FrozenGraph:
    plain = optimization.fuse(network.eval().requires_grad_(False))
    graph = FrozenGraph(plain.to(memory_format=torch.channels_last))
    graph.steps = lay_out(plain)  # whether it is worth while or not
    return graph


def passes(network: nn.Module, batch: Tensor) -> tuple[Tensor, Tensor]:
    """Outputs, and the gradient by the images of a sum with uneven weights."""
    variable = batch.detach().clone(memory_format=torch.preserve_format).requires_grad_()
    output = network(variable)
    weights = torch.linspace(-1, 1.5, output.numel()).view_as(output)
    (gradient,) = torch.autograd.grad((output * weights).sum(), variable)
    return output.detach(), gradient


def assert_equal_passes(graph: FrozenGraph, batch: Tensor) -> None:
    before = batch.clone()
    ours, theirs = passes(graph, batch), passes(graph.plain, batch)
    with torch.no_grad():
        ours = (*ours, graph(batch))
        theirs = (*theirs, theirs[0])
    for a, b in zip(ours, theirs, strict=True):
        assert torch.allclose(a, b, rtol=1e-4, atol=1e-5 * float(b.abs().max()) + 1e-9)
    assert torch.equal(batch, before)


def test_a_folded_inception_is_laid_out_and_gives_the_same() -> None:
    folded = folding.fold(settled(small()))
    graph = folded.body
    assert isinstance(graph, FrozenGraph)
    convolutions = [s.operation for s in graph.steps if isinstance(s.operation, Convolution)]
    assert len(convolutions) == 94 and all(c.packed.relu for c in convolutions)
    assert_equal_passes(graph, images(3, channels=3))
    plain = copy.deepcopy(folded)
    plain.body = graph.plain
    for a, b in zip(passes(folded, images(3)), passes(plain, images(3)), strict=True):
        assert b.abs().max() > 0 and torch.allclose(
            a, b, rtol=1e-3, atol=1e-4 * float(b.abs().max())
        )


@pytest.mark.parametrize("name", ["resnet18", "squeezenet1_1"])
def test_other_networks_give_the_same(name: str) -> None:
    torch.manual_seed(0)
    graph = frozen(models.get_model(name, num_classes=3))
    assert graph.steps
    assert_equal_passes(graph, images(2, channels=3, size=64))


# --- graphs that are drawn ------------------------------------------------------------------------

Build = Callable[[Tensor], Tensor]


def relu_of(kind: str) -> Build:
    return {
        "function": functional.relu,
        "in place": lambda x: functional.relu(x, inplace=True),
        "torch": torch.relu,
        "method": lambda x: x.relu(),
        "method in place": lambda x: x.relu_(),
        "none": lambda x: x,
        "another": lambda x: functional.silu(x, inplace=True),
    }[kind]


def between(kind: str) -> Build:
    return {
        "nothing": lambda x: x,
        "max": lambda x: functional.max_pool2d(x, 3, 2, 1),
        "mean": lambda x: functional.avg_pool2d(x, 3, 1, 1),
        "scaled": lambda x: x * (x.shape[1] / 4),
        "in place": lambda x: functional.hardtanh(x + 0.5, inplace=True),
    }[kind]


class Drawn(nn.Module):
    """Blocks of two branches and a join; each block's channels are those of `channels`."""

    def __init__(self, draw: Callable[[st.SearchStrategy], object], channels: int = 4) -> None:
        super().__init__()
        self.layers, self.blocks = nn.ModuleList(), []
        for _ in range(draw(st.integers(1, 3))):
            layers = []
            for _ in range(2):
                kernel = (draw(st.sampled_from([1, 3, 5])), draw(st.sampled_from([1, 3])))
                dilation = draw(st.sampled_from([1, 2]))
                padding = [dilation * (k - 1) // 2 for k in kernel]
                bias = draw(st.booleans())
                layers.append(
                    nn.Conv2d(channels, channels, kernel, 1, padding, dilation, bias=bias)
                )
                self.layers.append(layers[-1])
            join = draw(st.sampled_from(["cat", "cat by name", "add", "sum", "itself"]))
            last = nn.Conv2d(
                channels if join == "sum" else 2 * channels,
                channels,
                draw(st.sampled_from([1, 2, 3])),
                draw(st.sampled_from([1, 2, (2, 1)])),
                draw(st.sampled_from([0, 1, (1, 0)])),
            )
            self.layers.append(last)
            kinds = list(
                map(relu_of, draw(st.lists(st.sampled_from(RELUS), min_size=3, max_size=3)))
            )
            middle = between(
                draw(st.sampled_from(["nothing", "max", "mean", "scaled", "in place"]))
            )
            self.blocks.append((*layers, last, kinds, join, middle))
        self.head = nn.Linear(channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        for first, second, last, relus, join, middle in self.blocks:
            x = middle(x)
            a, b = relus[0](first(x)), relus[1](second(x))
            if join == "add":
                a = a + b
            elif join == "itself":
                a = a + a
            if join == "sum":
                a += b
                x = relus[2](last(a))
            else:
                by_name = join == "cat by name"
                x = torch.cat([a, b], dim=1) if by_name else torch.cat((a, b), 1)
                x = relus[2](last(x))
        return self.head(functional.adaptive_avg_pool2d(x, 1).flatten(1))


RELUS = ["function", "in place", "torch", "method", "method in place", "none", "another"]


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(1, 3), st.integers(11, 17), st.integers(11, 17), st.booleans())
def test_drawn_graphs_give_the_same(
    data: st.DataObject, n: int, rows: int, columns: int, last: bool
) -> None:
    torch.manual_seed(0)
    graph = frozen(Drawn(data.draw))
    assert graph.steps
    batch = torch.rand(n, 4, rows, columns, generator=torch.Generator().manual_seed(n))
    if last:
        batch = batch.contiguous(memory_format=torch.channels_last)
    assert_equal_passes(graph, batch)
    assert_equal_passes(graph, batch[:, :, 1:])  # of other sides, with the same packed weights


class Crossed(nn.Module):
    """A sum gives both operands its gradient; one gets another before the first is used."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second, self.third = (nn.Conv2d(3, 3, 3, padding=1) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        a, b = self.first(x), self.second(x)
        c = self.third(a)
        return torch.cat([a + b, c], dim=1)


def test_no_gradient_is_added_to_a_tensor_that_another_step_has() -> None:
    assert_equal_passes(frozen(Crossed()), torch.rand(2, 3, 8, 8))


# --- what must not be laid out --------------------------------------------------------------------


class OfOne(nn.Module):
    """A convolution and something after it."""

    def __init__(self, after: Build, layers: int = 1) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.convolutions = nn.ModuleList(nn.Conv2d(3, 3, 3, padding=1) for _ in range(layers))
        self.after = after

    def forward(self, x: Tensor) -> Tensor:
        for convolution in self.convolutions:
            x = convolution(x)
        return self.after(x)


def overwritten(x: Tensor) -> Tensor:
    return functional.relu(x, inplace=True) + x


def overwritten_through_a_view(x: Tensor) -> Tensor:
    functional.relu_(x.flatten(1))
    return x


def multiplied_in_place(x: Tensor) -> Tensor:
    return x.mul_(2) + x


def parts(x: Tensor) -> Tensor:
    return torch.cat(x.chunk(3, dim=1)[::-1], dim=1)


@pytest.mark.parametrize(
    "after",
    [overwritten, overwritten_through_a_view, multiplied_in_place, parts, lambda x: x.exp_()],
)
def test_what_cannot_be_laid_out_stays_as_it_is(after: Build) -> None:
    graph = frozen(OfOne(after, layers=4))
    assert_equal_passes(graph, torch.rand(2, 3, 8, 8))
    assert not graph.steps


def test_sums_of_different_shapes_stay_as_they_are() -> None:
    graph = frozen(OfOne(lambda x: x + x.mean(dim=1, keepdim=True), layers=4))
    assert graph.steps
    assert_equal_passes(graph, torch.rand(2, 3, 8, 8))


def test_few_convolutions_among_other_layers_stay_as_they_are() -> None:
    plain = optimization.fuse(OfOne(lambda x: x.exp().sin().cos()).eval())
    assert lay_out(plain) and not FrozenGraph(plain).steps


def test_several_gradients_of_one_forward_pass() -> None:
    """As attacks of other libraries take them, one for each class."""
    network = folding.fold(settled(small(3)))
    assert network.body.steps
    batch = images(2).requires_grad_()
    logits = network(batch)
    several = [torch.autograd.grad(logits[:, k].sum(), batch, retain_graph=True) for k in range(3)]
    for k, (gradient,) in enumerate(several):
        (alone,) = torch.autograd.grad(network(batch)[:, k].sum(), batch)
        assert torch.equal(gradient, alone) and gradient.abs().max() > 0


# --- the state of a graph -------------------------------------------------------------------------


def test_weights_that_change_are_packed_again() -> None:
    graph = frozen(OfOne(torch.relu, layers=2))
    batch = torch.rand(2, 3, 8, 8)
    passes(graph, batch)
    graph.plain.get_submodule("convolutions.1").weight.mul_(2)
    assert_equal_passes(graph, batch)
    graph.load_state_dict({k: v + 0.1 for k, v in graph.state_dict().items()})
    assert_equal_passes(graph, batch)


def test_a_copy_has_its_own_weights() -> None:
    graph = frozen(OfOne(torch.relu, layers=2))
    batch = torch.rand(2, 3, 8, 8)
    before = passes(graph, batch)[0]
    twin = copy.deepcopy(graph)
    twin.plain.get_submodule("convolutions.0").weight.mul_(2)
    assert_equal_passes(twin, batch)
    assert torch.equal(passes(graph, batch)[0], before)
    assert not torch.allclose(passes(twin, batch)[0], before)


def test_with_one_thread_the_plain_graph_computes() -> None:
    """Steps that lack the last one give something else."""
    graph = frozen(OfOne(torch.relu, layers=2))
    batch = torch.rand(2, 3, 8, 8)
    expected = passes(graph.plain, batch)[0]
    graph.steps = graph.steps[:1]
    assert passes(graph, batch)[0].shape == expected.shape
    assert not torch.allclose(passes(graph, batch)[0], expected)
    torch.set_num_threads(1)
    assert torch.allclose(passes(graph, batch)[0], expected)


def test_in_float64_the_plain_graph_computes() -> None:
    graph = frozen(OfOne(torch.relu, layers=2))
    passes(graph, torch.rand(2, 3, 8, 8))
    graph.double()
    batch = torch.rand(2, 3, 8, 8, dtype=torch.float64)
    for a, b in zip(passes(graph, batch), passes(graph.plain, batch), strict=True):
        assert a.dtype == torch.float64 and torch.equal(a, b)
    assert_equal_passes(graph.float(), batch.float())


def test_memory_is_counted_as_that_of_the_plain_graph() -> None:
    folded = folding.fold(settled(small()))
    batch = images(2)
    ours = devices.backward_bytes(folded, batch)
    folded.body = folded.body.plain
    assert 0.3 < ours / devices.backward_bytes(folded, batch) <= 1.05
