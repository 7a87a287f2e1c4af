"""Networks as lists of calls: what they give, what they keep, what they may cost."""

import copy
import weakref

import pytest
import torch
from torch import Tensor, nn

from pgdose.networks.graph import Call, Device, GraphNetwork, Numbers, Refused, Value, limited

pytestmark = pytest.mark.usefixtures("one_thread")

IMAGES, WEIGHT, SHAPE, FLAT, LOGITS, OTHER = range(6)


def network(*more: Call, outputs: tuple[int, ...] = (LOGITS,)) -> GraphNetwork:
    """A linear layer; `more` calls come before it."""
    calls = [
        *more,
        Call("reshape", torch.reshape, [Value(IMAGES), [2, -1]], {}, (FLAT,)),
        Call("linear", nn.functional.linear, [Value(FLAT), Value(WEIGHT)], {}, (LOGITS,)),
    ]
    weight = torch.linspace(-1, 1, 8).view(2, 4)
    return GraphNetwork(calls, {WEIGHT: weight}, IMAGES, outputs, [None, 1, 2, 2])


def test_values_go_from_call_to_call() -> None:
    graph, images = network(), torch.rand(2, 1, 2, 2)
    expected = images.flatten(1) @ graph.get_buffer("weight_1").T
    for same in (graph, copy.deepcopy(graph), graph.eval(), graph.train()):
        assert torch.equal(same(images), expected)
    assert torch.allclose(graph.double()(images.double()), expected.double())


def test_shapes_are_numbers_and_devices_those_of_the_images() -> None:
    seen: list[object] = []

    def note(*arguments: object) -> Tensor:
        seen.extend(arguments)
        return torch.zeros(1)

    shape = torch.tensor([2, 4])
    calls = [Call("note", note, [Numbers(SHAPE), Device(), [Value(IMAGES), None]], {}, (OTHER,))]
    graph = GraphNetwork(calls, {}, IMAGES, [OTHER], constants={SHAPE: shape})
    images = torch.rand(1)
    graph(images)
    assert seen[:2] == [[2, 4], torch.device("cpu")]
    assert seen[2] == [images, None]


def test_a_value_is_kept_until_its_last_use() -> None:
    class Large:
        pass

    made: list[weakref.ref[Large]] = []

    def make() -> Large:
        large = Large()
        made.append(weakref.ref(large))
        return large

    calls = [
        Call("make", make, [], {}, (SHAPE,)),
        Call("use", lambda large: made[0]() is large, [Value(SHAPE)], {}, (FLAT,)),
        Call("later", lambda: made[0]() is None, [], {}, (OTHER,)),
    ]
    assert GraphNetwork(calls, {}, IMAGES, [FLAT, OTHER])(torch.rand(1)) == (True, True)


def test_several_outputs_are_a_tuple() -> None:
    logits, flat = network(outputs=(LOGITS, FLAT))(torch.rand(2, 1, 2, 2))
    assert logits.shape == (2, 2) and flat.shape == (2, 4)


@pytest.mark.parametrize("shape", [(2, 1, 2, 3), (2, 3, 2, 2), (1, 2, 2)])
def test_images_have_the_declared_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="it takes any x 1 x 2 x 2"):
        network()(torch.rand(shape))


def test_a_pass_costs_what_it_makes() -> None:
    """The logits, two by two: the reshaped images share the memory of the images."""
    graph = network()
    with limited(graph, memory=1e6) as cost:
        graph(torch.rand(2, 1, 2, 2))
    assert cost.memory == 4 * 4
    assert cost.operations == 2 * 2 * 2 * 4


EXPENSIVE = {
    "a size that overflows": Call(
        "pad",
        lambda x: nn.functional.conv2d(x, x[:1], padding=2**31 - 1),
        [Value(IMAGES)],
        {},
        (OTHER,),
    ),
    "memory": Call("ones", lambda: torch.ones(100_000, 100_000), [], {}, (OTHER,)),
    "views that are copied": Call(
        "repeat", lambda x: x[:1].expand(10**10, -1, -1, -1).clone(), [Value(IMAGES)], {}, (OTHER,)
    ),
    "operations": Call("mm", lambda: torch.ones(1, 2**27) @ torch.ones(2**27, 1), [], {}, (OTHER,)),
}


@pytest.mark.parametrize("name", EXPENSIVE)
def test_what_is_too_expensive_is_not_carried_out(name: str) -> None:
    graph = network(EXPENSIVE[name])
    fault = "takes more|Storage size calculation overflowed"  # the latter is torch's
    with (
        limited(graph, memory=2e9, operations=2**27),
        pytest.raises((Refused, RuntimeError), match=fault),
    ):
        graph(torch.rand(2, 1, 2, 2))
    assert graph.cost is None


def test_a_view_costs_nothing() -> None:
    view = Call("expand", lambda x: x[:1].expand(10**9, 1, 2, 2), [Value(IMAGES)], {}, (OTHER,))
    graph = network(view)
    with limited(graph, memory=1000):
        graph(torch.rand(2, 1, 2, 2))


def test_many_calls_and_long_shapes_are_refused() -> None:
    call = Call("relu", torch.relu, [Value(IMAGES)], {}, (OTHER,))
    with pytest.raises(Refused, match="60000 operations"):
        GraphNetwork([call] * 60_000, {}, IMAGES, [OTHER])
    long = Call("reshape", torch.reshape, [Value(IMAGES), Numbers(SHAPE)], {}, (OTHER,))
    graph = GraphNetwork([long], {}, IMAGES, [OTHER], constants={SHAPE: torch.ones(10_000)})
    with pytest.raises(Refused, match="a shape of too many numbers"):
        graph(torch.rand(1))
