"""Networks to train: InceptionV3 at several widths, torchvision's and timm's others."""

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.networks import images, same, saved, settled, small
from torch import nn
from torchvision import models
from torchvision.models import inception

from pgdose.errors import UserError
from pgdose.networks import architectures, classifier, folding, network_files
from pgdose.study.training import ARCHITECTURES, Training
from pgdose.tables import keyed

pytestmark = pytest.mark.usefixtures("one_thread")


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


@torch.no_grad()
def test_full_width_is_torchvision_s_inception_v3_of_inputs_from_minus_one_to_one() -> None:
    theirs = inception.Inception3(
        num_classes=3, aux_logits=False, transform_input=False, init_weights=False
    ).eval()
    ours = architectures.build("inception_v3", 3, 75, 1.0, None).eval()
    assert count(ours) == count(theirs)
    theirs.load_state_dict(settled(ours).body.state_dict())
    colour = images(1, 3)
    expected = theirs(colour * 2 - 1)
    assert torch.allclose(ours(colour), expected, atol=1e-5)
    assert not torch.allclose(theirs(colour), expected, atol=1e-3)


@torch.no_grad()
def test_a_quarter_of_the_width_has_a_sixteenth_of_the_convolutions() -> None:
    quarter, full = (
        architectures.inception_v3(2, width).Mixed_6b.branch7x7_2.conv.weight
        for width in (0.25, 1.0)
    )
    assert quarter.numel() * 16 == full.numel()


@torch.no_grad()
@pytest.mark.parametrize("sixteenths", [1, 3, 4])
def test_narrow_networks_give_logits(sixteenths: int) -> None:
    network = architectures.build("inception_v3", 4, 75, sixteenths / 16, None).eval()
    assert network(images(2)).shape == (2, 4)
    assert network(images(1, 3, 96)).shape == (1, 4)


@torch.no_grad()
def test_a_grey_image_is_one_channel_shown_three_times() -> None:
    network = settled(small())
    grey = images(2, 1)
    assert torch.equal(network(grey), network(grey.repeat(1, 3, 1, 1)))


def test_the_gradient_of_a_grey_image_is_one_image() -> None:
    grey = images(2, 1).requires_grad_()
    logits = settled(small())(grey)
    (gradient,) = torch.autograd.grad(logits.sum(), grey)
    assert gradient.shape == grey.shape and gradient.abs().max() > 0


def test_weights_repeat_with_torch_s_seed() -> None:
    assert same(small(seed=3), small(seed=3))
    assert not same(small(seed=3), small(seed=4))


def test_a_training_s_first_weights_are_keyed_by_seed_and_name() -> None:
    settings = Training(width=0.0625)

    def initial(seed: int, name: str) -> classifier.Classifier:
        return architectures.initial_network(settings, 2, 75, seed=seed, name=name)

    first = initial(7, "G/full")
    torch.rand(3)  # somebody else's draw
    assert same(first, initial(7, "G/full"))
    assert not same(first, initial(8, "G/full"))
    assert not same(first, initial(7, "G/n10-r1"))
    torch.manual_seed(int(keyed.generator(7, "weights", "G/full").integers(2**63)))
    assert same(first, architectures.build("inception_v3", 2, 75, 0.0625))


def test_a_training_s_settings_shape_its_network() -> None:
    def initial(**settings: Any) -> classifier.Classifier:
        training = Training(architecture="googlenet", **settings)
        return architectures.initial_network(training, 2, 224, seed=1, name="G/full")

    with_heads, without = initial(dropout=0.4), initial(auxiliary=0)
    assert len(with_heads(images(2, 1, 224))) == 3  # the logits and those of two heads
    assert without(images(2, 1, 224)).shape == (2, 2)
    assert {m.p for m in with_heads.modules() if isinstance(m, nn.Dropout)} == {0.4}


OTHERS = ["resnet18", "mobilenet_v3_small", "squeezenet1_1", "googlenet", "efficientnet_b0"]


@pytest.mark.parametrize("architecture", [*OTHERS, "swin_t", "vit_b_32"])
@torch.no_grad()
def test_other_architectures_learn_are_folded_and_saved(architecture: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = architectures.build(architecture, 3, 96)
    assert network.train()(images(2, 1, 96)).shape == (2, 3)
    last = [m for m in network.modules() if isinstance(m, nn.Linear | nn.Conv2d)][-1]
    nn.init.normal_(last.weight)  # some begin with 0
    expected = settled(network)(images(2, 1, 96))
    assert expected.std() > 1e-6
    folded = folding.fold(network)
    assert torch.allclose(folded(images(2, 1, 96)), expected, rtol=1e-3, atol=1e-4)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in folded.modules())
    description = {"architecture": architecture, "classes": 3, "size": 96, "width": 1.0}
    network_files.save(network, tmp_path / "network.safetensors", description)
    loaded = network_files.load(tmp_path / "network.safetensors")
    assert torch.equal(loaded(images(2, 1, 96)), expected)


def test_the_study_knows_torchvision_s_networks() -> None:
    assert sorted(ARCHITECTURES) == models.list_models(module=models)


@pytest.mark.parametrize(("size", "outputs"), [(298, 1), (299, 2)])
def test_auxiliary_heads_are_there_where_the_size_allows(
    size: int, outputs: int, tmp_path: Path
) -> None:
    network = architectures.build("inception_v3", 2, size, 0.0625, auxiliary=True)
    answer = network(images(2, 1, size))
    assert (len(answer) if isinstance(answer, tuple) else 1) == outputs
    path = saved(tmp_path / "network.safetensors", network, size=size)
    assert not any("AuxLogits" in name for name in network_files.load(path).state_dict())


@pytest.mark.parametrize(
    ("architecture", "size"), [("vit_b_32", 100), ("alexnet", 32), ("vgg11", 16)]
)
def test_a_size_that_an_architecture_does_not_take_is_named(architecture: str, size: int) -> None:
    with pytest.raises(UserError, match=f"training.architecture: {architecture}"):
        architectures.build(architecture, 2, size)


def test_timm_s_networks_are_one_more_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(
        UserError, match=r"timm/resnet18 needs timm; run: pip install 'pgdose\[timm\]'"
    ):
        architectures.build("timm/resnet18", 2, 96)


@torch.no_grad()
def test_timm_s_networks_learn_are_folded_and_saved(tmp_path: Path) -> None:
    pytest.importorskip("timm")
    network = architectures.build("timm/resnet10t", 3, 96)
    expected = settled(network)(images(2, 1, 96))
    assert expected.std() > 1e-6
    assert torch.allclose(folding.fold(network)(images(2, 1, 96)), expected, rtol=1e-3, atol=1e-4)
    description = {"architecture": "timm/resnet10t", "classes": 3, "size": 96, "width": 1.0}
    network_files.save(network, tmp_path / "network.safetensors", description)
    assert torch.equal(
        network_files.load(tmp_path / "network.safetensors")(images(2, 1, 96)), expected
    )
    with pytest.raises(UserError, match="timm/none_such"):
        architectures.build("timm/none_such", 3, 96)


def test_dropout_is_set_where_there_is_some() -> None:
    network = architectures.build("mobilenet_v3_small", 2, 75, dropout=0.4)
    assert [m.p for m in network.modules() if isinstance(m, nn.Dropout)] == [0.4]
    with pytest.raises(UserError, match=r"training\.dropout: resnet18 has no dropout"):
        architectures.build("resnet18", 2, 75, dropout=0.4)
