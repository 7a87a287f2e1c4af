"""Networks of torchvision and timm, exported by both of torch's exporters, give the same here."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torchvision import models

from pgdose.networks import onnx_file
from pgdose.study.onnx_locations import data_files

pytest.importorskip("onnx")

TORCHVISION = [
    *("alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "efficientnet_v2_s"),
    *("googlenet", "inception_v3", "maxvit_t", "mnasnet1_0", "mobilenet_v2"),
    *("mobilenet_v3_large", "regnet_y_400mf", "resnet18", "resnet50", "resnext50_32x4d"),
    *("shufflenet_v2_x1_0", "squeezenet1_1", "swin_t", "swin_v2_t", "vgg11_bn", "vit_b_16"),
]
TIMM = [
    *("coat_lite_tiny", "convnext_atto", "convnextv2_atto", "deit_tiny_patch16_224"),
    *("edgenext_xx_small", "ghostnet_100", "levit_128s", "mixer_s32_224", "mobilevit_xxs"),
    *("mobilenetv3_small_100", "pit_ti_224", "poolformer_s12", "regnety_002", "resnet10t"),
    *("swin_tiny_patch4_window7_224", "vit_tiny_patch16_224", "xcit_nano_12_p16_224"),
]


def built(name: str) -> nn.Module:
    """With statistics and last layers that do something; some are zero when they are new."""
    torch.manual_seed(0)
    if name.startswith("timm/"):
        timm = pytest.importorskip("timm")
        network: nn.Module = timm.create_model(name.removeprefix("timm/"), num_classes=3)
    else:
        heads = {"aux_logits": False, "init_weights": False}
        options = heads if name in ("googlenet", "inception_v3") else {}
        network = models.get_model(name, num_classes=3, **options)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d) and module.running_mean is not None:
            assert module.running_var is not None
            module.running_mean.uniform_(-0.3, 0.3)
            module.running_var.uniform_(0.5, 2)
    for parameter in network.parameters():
        if not parameter.any():
            nn.init.normal_(parameter, std=0.1)
    return network.eval()


@pytest.mark.parametrize("dynamo", [False, True])
@pytest.mark.parametrize("name", [*TORCHVISION, *(f"timm/{name}" for name in TIMM)])
def test_an_exported_network_gives_its_outputs_and_gradients(
    name: str, dynamo: bool, tmp_path: Path
) -> None:
    """The older exporter with any number of images, the newer one as it writes by default: one."""
    if dynamo:
        pytest.importorskip("onnxscript")
    network, path = built(name), tmp_path / "f.onnx"
    side = 299 if name == "inception_v3" else 224
    images = torch.rand(2, 3, side, side)
    options: dict[str, Any] = {"verbose": False}
    if not dynamo:
        options = {"dynamo": False, "input_names": ["x"], "dynamic_axes": {"x": {0: "n"}}}
    torch.onnx.export(network, (images[:1],), str(path), **options)
    # In float64: in float32 a ReLU near 0 may fall on either side, whose gradients differ.
    read = onnx_file.read(path.read_bytes(), path.name, data_files(path)).double()
    results = []
    for module in (network.double(), read):
        pixels = images.double().requires_grad_()
        logits = module(pixels)
        (gradient,) = torch.autograd.grad(logits[:, 0].sum(), pixels)
        results.append((logits.detach(), gradient))
    (logits, gradient), (ours, our_gradient) = results
    assert torch.allclose(ours, logits, rtol=1e-4, atol=1e-4)
    assert (our_gradient - gradient).norm() <= 1e-3 * gradient.norm()
