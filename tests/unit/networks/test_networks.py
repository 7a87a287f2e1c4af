"""The networks: InceptionV3 at several widths, folding, weights on disk."""

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.networks import images, settled, small
from PIL import Image
from safetensors.torch import save_file
from torch import nn
from torchvision import models
from torchvision.models import inception

from pgdose.errors import UserError
from pgdose.networks import architectures, classifier, folding, network_files, weights
from pgdose.study.networks import ARCHITECTURES, Training
from pgdose.tables import keyed

DESCRIPTION: dict[str, Any] = {
    "architecture": "inception_v3",
    "classes": 2,
    "size": 75,
    "width": 0.0625,
}


pytestmark = pytest.mark.usefixtures("one_thread")


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def same(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


# --- architecture -----------------------------------------------------------------------------


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


def test_offline_timm_s_weights_are_named_with_their_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    timm = pytest.importorskip("timm")
    create = timm.create_model

    def offline(name: str, pretrained: bool = False, **named: Any) -> nn.Module:
        if pretrained:
            raise OSError("no route to host")
        return create(name, **named)

    monkeypatch.setattr(timm, "create_model", offline)
    message = (
        r"needs model\.safetensors from huggingface\.co/timm/resnet10t.* into .*models--timm--"
    )
    with pytest.raises(UserError, match=message):
        architectures.build("timm/resnet10t", 2, 96, weights="imagenet")


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


# --- folding ----------------------------------------------------------------------------------


@torch.no_grad()
def test_folding_leaves_the_logits() -> None:
    network = settled(small()).double()
    folded = folding.fold(network)
    batch = images().double()
    assert torch.allclose(folded(batch), network(batch), rtol=0, atol=1e-10)
    assert network(batch).std() > 1e-6


def test_a_folded_network_is_frozen_and_has_no_batch_norm() -> None:
    network = small().train()
    folded = folding.fold(network)
    assert not folded.training
    assert not any(p.requires_grad for p in folded.parameters())
    assert not any(isinstance(m, nn.BatchNorm2d) for m in folded.modules())


def test_folding_leaves_the_network_itself() -> None:
    network, twin = small(), small()
    folding.fold(network)
    assert same(network, twin)
    assert network.training and all(p.requires_grad for p in network.parameters())


# --- on disk ----------------------------------------------------------------------------------


def saved(path: Path, network: classifier.Classifier, **description: Any) -> Path:
    network_files.save(network, path, DESCRIPTION | description)
    return path


@torch.no_grad()
def test_a_saved_network_is_loaded_as_it_was(tmp_path: Path) -> None:
    network = settled(small(3))
    loaded = network_files.load(saved(tmp_path / "network.safetensors", network, classes=3))
    assert same(loaded, network) and not loaded.training
    assert torch.equal(loaded(images()), network(images()))


def test_the_same_network_is_saved_as_the_same_bytes(tmp_path: Path) -> None:
    one, other = (saved(tmp_path / f"{i}.safetensors", small()) for i in range(2))
    assert one.read_bytes() == other.read_bytes()


def test_a_network_in_channels_last_is_saved_too(tmp_path: Path) -> None:
    network = small().to(memory_format=torch.channels_last)
    assert same(network_files.load(saved(tmp_path / "n.safetensors", network)), network)


def test_training_starts_from_a_file_of_weights(tmp_path: Path) -> None:
    network = small(seed=3)
    path = saved(tmp_path / "n.safetensors", network)
    assert same(architectures.build("inception_v3", 2, 75, 0.0625, str(path)), network)


def test_the_last_layer_for_other_classes_begins_anew(tmp_path: Path) -> None:
    network = small(2, seed=3)
    path = saved(tmp_path / "n.safetensors", network)
    built = architectures.build("inception_v3", 4, 75, 0.0625, str(path))
    assert built.body.fc.weight.shape == (4, 128)
    del built.body.fc, network.body.fc
    assert same(built, network)


def test_weights_of_another_width_do_not_fit(tmp_path: Path) -> None:
    path = saved(tmp_path / "narrow.safetensors", small())
    with pytest.raises(UserError, match=r"^training\.weights: narrow\.safetensors does not fit"):
        architectures.build("inception_v3", 2, 75, 0.125, str(path))


def test_weights_of_another_architecture_do_not_fit(tmp_path: Path) -> None:
    save_file({"layer1.weight": torch.zeros(3)}, tmp_path / "resnet.safetensors")
    with pytest.raises(UserError, match=r"resnet\.safetensors does not fit the architecture"):
        architectures.build("inception_v3", 2, 75, 0.0625, str(tmp_path / "resnet.safetensors"))


def test_weights_with_a_part_left_out_do_not_fit(tmp_path: Path) -> None:
    state = small().state_dict()
    del state["body.Conv2d_1a_3x3.conv.weight"]
    save_file(state, tmp_path / "part.safetensors")
    with pytest.raises(UserError, match=r"e\.g\. Conv2d_1a_3x3\.conv\.weight"):
        architectures.build("inception_v3", 2, 75, 0.0625, str(tmp_path / "part.safetensors"))


def test_a_file_of_weights_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"training\.weights: there is no file 'gone\.safetensors'"):
        architectures.build("inception_v3", 2, 75, 0.0625, "gone.safetensors")


def test_a_file_that_holds_no_weights_is_a_mistake_of_the_user(tmp_path: Path) -> None:
    (tmp_path / "text.safetensors").write_text("no weights")
    with pytest.raises(UserError, match=r"training\.weights: text\.safetensors is not a saf"):
        architectures.build("inception_v3", 2, 75, 0.0625, str(tmp_path / "text.safetensors"))


def test_imagenet_without_a_network_names_the_file_and_where_to_put_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(*arguments: Any, **named: Any) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", fail)
    with pytest.raises(UserError) as caught:
        architectures.build("inception_v3", 2, 75, 0.0625, "imagenet")
    message = str(caught.value)
    for part in ("training.weights: imagenet", "inception_v3_google-0cc3c7bd.pth", "OSError"):
        assert part in message
    assert str(tmp_path / "checkpoints") in message


@pytest.mark.parametrize(
    ("architecture", "file"),
    [
        ("resnet18", "resnet18-f37072fd.pth"),
        ("efficientnet_v2_l", "efficientnet_v2_l-59c71312.pth"),
        ("inception_v3", "inception_v3_google-0cc3c7bd.pth"),
    ],
)
@torch.no_grad()
def test_imagenet_weights_get_the_images_that_they_were_trained_on(
    architecture: str, file: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """torchvision's network with its preprocessing gives the same logits for a coloured image.

    In float64: random weights give logits so large that float32 rounds differently on each CPU.
    """
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    torch.manual_seed(1)
    theirs = models.get_model(architecture, **TORCHVISION_OPTIONS.get(architecture, {}))
    (tmp_path / "checkpoints").mkdir()
    torch.save(theirs.state_dict(), tmp_path / "checkpoints" / file)
    preprocess = models.get_model_weights(architecture)["DEFAULT"].transforms(
        crop_size=128, resize_size=128
    )
    pixels = (images(1, 3, 128) * torch.tensor([1.0, 0.6, 0.2]).view(3, 1, 1) * 255).byte()
    picture = Image.fromarray(pixels[0].permute(1, 2, 0).numpy())
    ours = architectures.build(architecture, 1000, 128, weights="imagenet").eval().double()
    logits = ours(pixels.double() / 255)
    expected = theirs.eval().double()(preprocess(picture)[None].double())
    assert torch.allclose(logits, expected, rtol=1e-3, atol=1e-5)
    assert not torch.allclose(ours(pixels.flip(1).double() / 255), expected, rtol=1e-2)


# How torchvision builds a network for its ImageNet weights.
TORCHVISION_OPTIONS = {"inception_v3": {"transform_input": True, "init_weights": True}}


@torch.no_grad()
def test_imagenet_weights_are_taken_but_for_their_last_layer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    theirs = inception.Inception3(num_classes=1000, aux_logits=True, init_weights=False)
    state = theirs.state_dict()
    monkeypatch.setattr(weights, "download_imagenet", lambda name: dict(state))
    built = architectures.build("inception_v3", 2, 75, 1.0, "imagenet")
    assert built.body.fc.weight.shape == (2, 2048)
    name = "Mixed_7c.branch_pool.conv.weight"
    assert torch.equal(built.body.state_dict()[name], state[name])
