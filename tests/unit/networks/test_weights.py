"""Weights to start from: files, ImageNet's, and weights that do not fit."""

from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.networks import images, same, saved, small
from PIL import Image
from safetensors.torch import save_file
from torch import nn
from torchvision import models
from torchvision.models import inception

from pgdose.errors import UserError
from pgdose.networks import architectures, weights

pytestmark = pytest.mark.usefixtures("one_thread")


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
    with pytest.raises(UserError, match=r"first misfit: Conv2d_1a_3x3\.conv\.weight"):
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


@pytest.mark.parametrize("prefix", ["module.", "model.", "net.", "model.backbone.", "_orig_mod."])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_names_with_a_prefix_start_a_training_too(
    prefix: str, dtype: torch.dtype, tmp_path: Path
) -> None:
    """With another last layer, without counters, and beside what a tool of training leaves."""
    theirs = {
        name.removeprefix("body."): tensor
        for name, tensor in small(3, seed=3).state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    path = tmp_path / "n.safetensors"
    state = {prefix + n: t.to(dtype) for n, t in theirs.items()}
    save_file(state, path)
    built = architectures.build("inception_v3", 2, 75, 0.0625, str(path))
    name = "Mixed_7c.branch_pool.conv.weight"
    assert torch.equal(built.body.state_dict()[name], theirs[name].to(dtype).float())
    assert f"{prefix.rstrip('.')!r} in front" in built.notes[0]
    assert any("float16" in note for note in built.notes) == (dtype == torch.float16)
    save_file(state | {"ema." + n: t.clone() for n, t in theirs.items()}, path)
    with pytest.raises(
        UserError, match=r"training\.weights: n\.safetensors holds the weights of 2"
    ):
        architectures.build("inception_v3", 2, 75, 0.0625, str(path))


@torch.no_grad()
def test_a_first_layer_of_grey_images_is_spread_over_three_channels(tmp_path: Path) -> None:
    theirs = models.resnet18(num_classes=2).eval()
    theirs.conv1 = nn.Conv2d(1, 64, 7, stride=2, padding=3, bias=False)
    save_file(theirs.state_dict(), tmp_path / "n.safetensors")
    body = models.resnet18(num_classes=2).eval()
    notes = weights.start_from(body, str(tmp_path / "n.safetensors"), "resnet18")
    grey = images(2, 1, 64)
    assert torch.allclose(body(grey.expand(-1, 3, -1, -1)), theirs(grey), atol=1e-4)
    assert "spread over three channels" in notes[0]
