"""The networks: InceptionV3 at several widths, folding, weights on disk."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torchvision.models import inception

from pgdose import networks
from pgdose.attack.engine import check_network
from pgdose.errors import UserError

KNOWN: dict[str, Any] = {"architecture": "inception_v3", "classes": 2, "width": 0.0625}


pytestmark = pytest.mark.usefixtures("one_thread")


def small(classes: int = 2, seed: int = 0) -> networks.Classifier:
    torch.manual_seed(seed)
    return networks.build("inception_v3", classes, 0.0625, None)


def settled(network: networks.Classifier) -> networks.Classifier:
    """With batch norms that do something: random statistics, gains and offsets."""
    source = torch.Generator().manual_seed(1)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor, low, high in (
                (module.running_mean, -0.3, 0.3),
                (module.running_var, 0.5, 2.0),
                (module.weight, 0.5, 1.5),
                (module.bias, -0.3, 0.3),
            ):
                assert tensor is not None
                tensor.data.uniform_(low, high, generator=source)
    return network.eval()


def images(n: int = 2, channels: int = 1, size: int = 75) -> Tensor:
    return torch.rand(n, channels, size, size, generator=torch.Generator().manual_seed(2))


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
    ours = networks.build("inception_v3", 3, 1.0, None).eval()
    assert count(ours) == count(theirs)
    theirs.load_state_dict(settled(ours).body.state_dict())
    colour = images(1, 3)
    expected = theirs(colour * 2 - 1)
    assert torch.allclose(ours(colour), expected, atol=1e-5)
    assert not torch.allclose(theirs(colour), expected, atol=1e-3)


@torch.no_grad()
def test_a_quarter_of_the_width_has_a_sixteenth_of_the_convolutions() -> None:
    quarter, full = (
        networks.inception_v3(2, width).body.Mixed_6b.branch7x7_2.conv.weight
        for width in (0.25, 1.0)
    )
    assert quarter.numel() * 16 == full.numel()


@torch.no_grad()
@pytest.mark.parametrize("sixteenths", [1, 3, 4])
def test_narrow_networks_give_logits(sixteenths: int) -> None:
    network = networks.build("inception_v3", 4, sixteenths / 16, None).eval()
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


# --- folding ----------------------------------------------------------------------------------


@torch.no_grad()
def test_folding_leaves_the_logits() -> None:
    network = settled(small()).double()
    folded = networks.fold(network)
    batch = images().double()
    assert torch.allclose(folded(batch), network(batch), rtol=0, atol=1e-10)
    assert network(batch).std() > 1e-6


def test_a_folded_network_is_frozen_and_has_no_batch_norm() -> None:
    network = small().train()
    folded = networks.fold(network)
    assert not folded.training
    assert not any(p.requires_grad for p in folded.parameters())
    assert not any(isinstance(m, nn.BatchNorm2d) for m in folded.modules())


def test_folding_leaves_the_network_itself() -> None:
    network, twin = small(), small()
    networks.fold(network)
    assert same(network, twin)
    assert network.training and all(p.requires_grad for p in network.parameters())


# --- on disk ----------------------------------------------------------------------------------


def saved(path: Path, network: networks.Classifier, **description: Any) -> Path:
    networks.save(network, path, KNOWN | description)
    return path


@torch.no_grad()
def test_a_saved_network_is_loaded_as_it_was(tmp_path: Path) -> None:
    network = settled(small(3))
    loaded = networks.load(saved(tmp_path / "network.safetensors", network, classes=3))
    assert same(loaded, network) and not loaded.training
    assert torch.equal(loaded(images()), network(images()))


def test_the_same_network_is_saved_as_the_same_bytes(tmp_path: Path) -> None:
    one, other = (saved(tmp_path / f"{i}.safetensors", small()) for i in range(2))
    assert one.read_bytes() == other.read_bytes()


def test_a_network_in_channels_last_is_saved_too(tmp_path: Path) -> None:
    network = small().to(memory_format=torch.channels_last)
    assert same(networks.load(saved(tmp_path / "n.safetensors", network)), network)


def test_training_starts_from_a_file_of_weights(tmp_path: Path) -> None:
    network = small(seed=3)
    path = saved(tmp_path / "n.safetensors", network)
    assert same(networks.build("inception_v3", 2, 0.0625, str(path)), network)


def test_the_last_layer_for_other_classes_begins_anew(tmp_path: Path) -> None:
    network = small(2, seed=3)
    path = saved(tmp_path / "n.safetensors", network)
    built = networks.build("inception_v3", 4, 0.0625, str(path))
    assert built.body.fc.weight.shape == (4, 128)
    del built.body.fc, network.body.fc
    assert same(built, network)


def test_weights_of_another_width_do_not_fit(tmp_path: Path) -> None:
    path = saved(tmp_path / "narrow.safetensors", small())
    with pytest.raises(UserError, match=r"^training\.weights: narrow\.safetensors does not fit"):
        networks.build("inception_v3", 2, 0.125, str(path))


def test_weights_of_another_architecture_do_not_fit(tmp_path: Path) -> None:
    save_file({"layer1.weight": torch.zeros(3)}, tmp_path / "resnet.safetensors")
    with pytest.raises(UserError, match=r"resnet\.safetensors does not fit the architecture"):
        networks.build("inception_v3", 2, 0.0625, str(tmp_path / "resnet.safetensors"))


def test_weights_with_a_part_left_out_do_not_fit(tmp_path: Path) -> None:
    state = small().state_dict()
    del state["body.Conv2d_1a_3x3.conv.weight"]
    save_file(state, tmp_path / "part.safetensors")
    with pytest.raises(UserError, match=r"e\.g\. body\.Conv2d_1a_3x3\.conv\.weight"):
        networks.build("inception_v3", 2, 0.0625, str(tmp_path / "part.safetensors"))


def test_a_file_of_weights_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"training\.weights: no file 'gone\.safetensors'"):
        networks.build("inception_v3", 2, 0.0625, "gone.safetensors")


def test_a_file_that_holds_no_weights_is_a_mistake_of_the_user(tmp_path: Path) -> None:
    (tmp_path / "text.safetensors").write_text("no weights")
    with pytest.raises(UserError, match=r"training\.weights: .*text\.safetensors"):
        networks.build("inception_v3", 2, 0.0625, str(tmp_path / "text.safetensors"))


def test_imagenet_without_a_network_names_the_file_and_where_to_put_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(*arguments: Any, **named: Any) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", fail)
    with pytest.raises(UserError) as caught:
        networks.build("inception_v3", 2, 0.0625, "imagenet")
    message = str(caught.value)
    for part in ("training.weights: imagenet", "inception_v3_google-0cc3c7bd.pth", "OSError"):
        assert part in message
    assert str(tmp_path / "checkpoints") in message


@torch.no_grad()
def test_imagenet_weights_are_taken_but_for_their_last_layer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    theirs = inception.Inception3(num_classes=1000, aux_logits=True, init_weights=False)
    state = theirs.state_dict()
    monkeypatch.setattr(networks, "_imagenet", lambda: dict(state))
    built = networks.build("inception_v3", 2, 1.0, "imagenet")
    assert built.body.fc.weight.shape == (2, 2048)
    name = "Mixed_7c.branch_pool.conv.weight"
    assert torch.equal(built.body.state_dict()[name], state[name])


def test_a_job_without_a_gpu_runs_on_the_cpu() -> None:
    assert networks.device_of(0) == torch.device("cpu")


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[int]]:
    """Two GPUs as torch would tell of them; the numbers that were made the current one."""
    chosen: list[int] = []
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(
        torch.cuda, "get_device_properties", lambda i: SimpleNamespace(uuid=f"GPU-{'ab'[i]}")
    )
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    before = len(networks._locks)
    yield chosen
    for lock in networks._locks[before:]:
        os.close(lock)
    del networks._locks[before:]


def test_jobs_side_by_side_take_different_gpus(two_gpus: list[int]) -> None:
    assert [networks.device_of(1) for _ in range(2)] == [
        torch.device("cuda", 0),
        torch.device("cuda", 1),
    ]
    assert networks.device_of(1) == torch.device("cuda")  # none is left: they share
    assert two_gpus == [0, 1] and networks.device_of(0) == torch.device("cpu")


HOLDS = """
import sys, time
from pgdose import networks
assert networks._taken("GPU-a")
print("held", flush=True)
time.sleep(60)
"""


def test_another_user_can_ask_for_the_lock_too(two_gpus: list[int], tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        networks.device_of(1)
    finally:
        os.umask(before)
    (lock,) = tmp_path.glob("pgdose-gpu-*")
    assert lock.stat().st_mode & 0o777 == 0o644


def test_a_link_is_no_lock(two_gpus: list[int], tmp_path: Path) -> None:
    (tmp_path / "pgdose-gpu-GPU-a").symlink_to(tmp_path / "planted")
    assert networks.device_of(1) == torch.device("cuda", 1)
    assert not (tmp_path / "planted").exists()


def test_a_killed_job_gives_its_gpu_back(two_gpus: list[int], tmp_path: Path) -> None:
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    other = subprocess.Popen(
        [sys.executable, "-c", HOLDS], stdout=subprocess.PIPE, env=environment, text=True
    )
    assert other.stdout and other.stdout.readline() == "held\n"
    assert networks.device_of(1) == torch.device("cuda", 1)
    other.kill()
    other.wait()
    assert networks.device_of(1) == torch.device("cuda", 0)


# --- precision and memory ---------------------------------------------------------------------


CPU = torch.device("cpu")


def test_only_a_gpu_has_other_precisions_than_fp32() -> None:
    network = networks.fold(small())
    for wanted in ("fp32", "tf32", "bf16"):
        assert networks.with_precision(network, wanted, CPU) == (network, "fp32")


def test_a_network_of_any_precision_can_be_attacked() -> None:
    check_network(networks.Precise(networks.fold(small()), "bf16"))
    with pytest.raises(ValueError, match="evaluation mode"):
        check_network(networks.Precise(small(), "bf16").train())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_precisions_of_a_gpu_agree_with_the_cpu() -> None:
    device = torch.device("cuda")
    network, own = networks.fold(settled(small())), images(4)
    expected = network(own)
    for precision, within in (("fp32", 1e-4), ("tf32", 0.02), ("bf16", 0.1)):
        there, used = networks.with_precision(network.to(device), precision, device)
        logits = there(own.to(device)).cpu()
        assert used == precision and logits.dtype == torch.float32
        assert (logits - expected).abs().max() < within
        network.cpu()


def test_more_memory_or_smaller_images_are_more_at_a_time() -> None:
    network = networks.fold(small())

    def batch(size: int, mem_mb: int) -> int:
        return networks.fitting_batch(network, torch.zeros(1, 1, size, size), CPU, mem_mb)

    assert batch(75, 100_000) == networks.MOST_AT_ONCE["cpu"]
    assert 1 < batch(299, 1200) < batch(299, 1400) < batch(150, 1400)
    assert batch(299, 500) == 1  # the smallest there is; memory that runs out halves it no more


def test_the_bytes_of_the_backward_pass_are_counted_once() -> None:
    class Two(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return (images.exp() * images).flatten(1)[:, :2]  # keeps exp(x) twice, and x

    counted = [networks._saved_bytes(Two(), torch.rand(n, 1, 10, 10)) for n in (1, 2)]
    assert counted[1] - counted[0] == 2 * 100 * 4
