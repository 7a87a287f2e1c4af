"""Networks as people in this field have them, small and quickly trained, for audit_table.py.

Each tells two textures apart on images of 64 pixels. `input`, `outputs` and the like are what its
owner would write into the study; `home` gives the probability-free decision as the owner computes
it, by the owner's own preprocessing.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torchvision import models

SIZE, EACH = 64, 16
CLASSES = ["negative", "positive"]
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def images(rows: int = SIZE, columns: int = SIZE) -> tuple[Tensor, Tensor]:
    """2 * EACH grey images in [0, 1], n x 1 x rows x columns, in 256 steps; labels 0 and 1.

    Stripes across (0) or along (1) under noise.
    """
    generator = torch.Generator().manual_seed(5)
    labels = torch.arange(2 * EACH) % 2
    down, across = torch.arange(rows)[:, None], torch.arange(columns)[None, :]
    shift = torch.rand(2 * EACH, 1, 1, generator=generator) * 8
    way = torch.where(labels[:, None, None] == 0, down + 0 * across, across + 0 * down)
    stripes = torch.sin((way + shift) * 0.9)
    noise = torch.randn(2 * EACH, rows, columns, generator=generator)
    grey = (0.5 + 0.06 * stripes + 0.08 * noise).clamp(0, 1)
    return (grey * 255).round().div(255)[:, None], labels


@dataclass
class Brought:
    """A network as its owner has it.

    build: an untrained network; outputs: as the study calls them; ways: the files its owner could
    write; preprocess: images in [0, 1], n x 1 x rows x columns, to what the network takes.
    """

    name: str
    build: Callable[[], nn.Module]
    preprocess: Callable[[Tensor], Tensor]
    declared: dict[str, Any]
    outputs: str = "logits"
    extra: dict[str, Any] = field(default_factory=dict)
    ways: tuple[str, ...] = ("pt2", "onnx", "old onnx", "torchscript")
    architecture: str | None = None
    shape: tuple[int, int] = (SIZE, SIZE)
    lr: float = 2e-3
    target: Callable[[Tensor], Tensor] | None = None  # labels to what training compares


def imagenet(x: Tensor) -> Tensor:
    mean, std = (torch.tensor(v, dtype=x.dtype)[:, None, None] for v in (MEAN, STD))
    return (x.expand(-1, 3, -1, -1) - mean) / std


IMAGENET = {"mean": MEAN, "std": STD}


def grey(x: Tensor) -> Tensor:
    return x


GREY = {"channels": 1, "mean": 0, "std": 1}


def minus_one(x: Tensor) -> Tensor:
    return (x * 2 - 1).expand(-1, 3, -1, -1)


MINUS_ONE = {"range": [-1, 1], "mean": 0, "std": 1}


def bytes_(x: Tensor) -> Tensor:
    return (x * 255).expand(-1, 3, -1, -1)


BYTES = {"range": [0, 255], "mean": 0, "std": 1}


def xrv(x: Tensor) -> Tensor:
    """The range of TorchXRayVision: -1024 to 1024, one channel."""
    return x * 2048 - 1024


XRV = {"channels": 1, "range": [-1024, 1024], "mean": 0, "std": 1}


def small(channels: int = 3, outputs: int = 2) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, 8, 5, 2, 2),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3, 2, 1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(4),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(128, outputs),
    )


def vision(name: str, **options: Any) -> nn.Module:
    return models.get_model(name, num_classes=2, **options)


def timm_model(name: str, **options: Any) -> nn.Module:
    import timm

    return timm.create_model(name, num_classes=2, **options)


class Scaled(nn.Module):
    """A network for [0, 1] whose owner feeds another range, so that its values stay tame."""

    def __init__(self, body: nn.Module, low: float, high: float) -> None:
        super().__init__()
        self.body, self.low, self.high = body, low, high

    def forward(self, x: Tensor) -> Tensor:
        return self.body((x - self.low) / (self.high - self.low))


class Ensemble(nn.Module):
    """The mean of the members' logits, or of their probabilities."""

    def __init__(self, members: list[nn.Module], *, probabilities: bool) -> None:
        super().__init__()
        self.members, self.probabilities = nn.ModuleList(members), probabilities

    def forward(self, x: Tensor) -> Tensor:
        logits = torch.stack([member(x) for member in self.members])
        return logits.softmax(dim=2).mean(dim=0) if self.probabilities else logits.mean(dim=0)


class FrozenEncoder(nn.Module):
    """Features of an encoder without gradients, and a head of one's own."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = models.resnet18(weights=None)
        self.encoder.fc = nn.Identity()
        self.encoder.requires_grad_(False)
        self.head = nn.Linear(512, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.encoder(x))


class Features(nn.Module):
    """What many write: the logits, and the features that they want to look at."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self.body, self.form = small(), form

    def forward(self, x: Tensor) -> Any:
        features = self.body[:7](x)
        logits = self.body[8](features)
        return {"logits": logits, "features": features} if self.form == "dict" else (logits,)


class ChannelsLast(nn.Module):
    """As Keras has images: n x rows x columns x channels."""

    def __init__(self) -> None:
        super().__init__()
        self.body = small()

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x.permute(0, 3, 1, 2))


class Normalised(nn.Module):
    """Takes [0, 1] and normalises by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.body = vision("resnet18")

    def forward(self, x: Tensor) -> Tensor:
        return self.body(imagenet(x[:, :1]))


class Mirrored(nn.Module):
    """Test-time augmentation: the mean over an image and its mirror image."""

    def __init__(self) -> None:
        super().__init__()
        self.body = small()

    def forward(self, x: Tensor) -> Tensor:
        return (self.body(x) + self.body(x.flip(3))) / 2


class Residual(nn.Module):
    """A block in MONAI's manner: instance norm, PReLU, a convolution beside it."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.unit = nn.Sequential()
        self.unit.add_module("conv", nn.Conv2d(inside, outside, 3, 2, 1))
        self.unit.add_module("norm", nn.InstanceNorm2d(outside))
        self.unit.add_module("act", nn.PReLU())
        self.residual = nn.Conv2d(inside, outside, 3, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.unit(x) + self.residual(x)


def monai_like() -> nn.Module:
    return nn.Sequential(
        Residual(1, 8), Residual(8, 16), nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(256, 2)
    )


def with_end(body: nn.Module, end: nn.Module) -> nn.Module:
    return nn.Sequential(body, end)


def one(labels: Tensor) -> Tensor:
    return labels[:, None].float()


def several(labels: Tensor) -> Tensor:
    """14 findings; the audited one is number 3, the others follow it or not."""
    return torch.stack([labels if k % 3 == 0 else 1 - labels for k in range(14)], dim=1).float()


FINDINGS = [f"finding_{k}" for k in range(14)]

BROUGHT = [
    Brought("plain CNN", small, imagenet, IMAGENET),
    Brought("plain CNN, one channel", lambda: small(1), grey, GREY),
    Brought("plain CNN, black is -1", small, minus_one, MINUS_ONE),
    Brought("plain CNN, 0 to 255", lambda: Scaled(small(), 0, 255), bytes_, BYTES),
    Brought("plain CNN, 96 x 64 pixels", lambda: small(1), grey, GREY, shape=(96, 64)),
    Brought(
        "multilayer perceptron",
        lambda: nn.Sequential(
            nn.Flatten(), nn.Linear(SIZE * SIZE, 32), nn.GELU(), nn.Linear(32, 2)
        ),
        grey,
        GREY,
    ),
    *(
        Brought(
            f"torchvision {name}",
            lambda n=name: vision(n),
            imagenet,
            IMAGENET,
            architecture=name,
            lr=3e-4 if name in ("convnext_tiny", "swin_t", "squeezenet1_1") else 2e-3,
            ways=("pt2", "onnx", "old onnx", "torchscript", "safetensors"),
        )
        for name in (
            "resnet18",
            "densenet121",
            "efficientnet_b0",
            "mobilenet_v3_small",
            "convnext_tiny",
            "shufflenet_v2_x1_0",
            "swin_t",
            "squeezenet1_1",
        )
    ),
    Brought(
        "torchvision vit_b_16 for 64 pixels",
        lambda: vision("vit_b_16", image_size=SIZE),
        imagenet,
        IMAGENET,
        lr=3e-4,
    ),
    Brought("timm resnet18, one channel", lambda: timm_model("resnet18", in_chans=1), grey, GREY),
    Brought(
        "timm vit_tiny for 64 pixels",
        lambda: timm_model("vit_tiny_patch16_224", img_size=SIZE),
        imagenet,
        IMAGENET,
        lr=3e-4,
    ),
    Brought(
        "timm convnext_atto",
        lambda: timm_model("convnext_atto"),
        imagenet,
        IMAGENET,
        architecture="timm/convnext_atto",
        ways=("pt2", "onnx", "old onnx", "torchscript", "safetensors"),
    ),
    Brought(
        "timm efficientnet_lite0", lambda: timm_model("efficientnet_lite0"), imagenet, IMAGENET
    ),
    Brought("MONAI-like, instance norm and PReLU", monai_like, grey, GREY),
    Brought(
        "normalises by itself", Normalised, lambda x: x.expand(-1, 3, -1, -1), {"mean": 0, "std": 1}
    ),
    Brought("frozen encoder with a head", FrozenEncoder, imagenet, IMAGENET),
    Brought(
        "ensemble, mean of logits",
        lambda: Ensemble([small(), small(), small()], probabilities=False),
        imagenet,
        IMAGENET,
    ),
    Brought(
        "ensemble, mean of probabilities",
        lambda: Ensemble([small(), small()], probabilities=True),
        imagenet,
        IMAGENET,
        outputs="probabilities",
    ),
    Brought("mean over the mirror image", Mirrored, imagenet, IMAGENET),
    Brought(
        "softmax at the end",
        lambda: with_end(small(), nn.Softmax(dim=1)),
        imagenet,
        IMAGENET,
        outputs="probabilities",
    ),
    Brought(
        "log_softmax at the end",
        lambda: with_end(small(), nn.LogSoftmax(dim=1)),
        imagenet,
        IMAGENET,
    ),
    Brought("one logit", lambda: small(3, 1), imagenet, IMAGENET, outputs="logit", target=one),
    Brought(
        "one logit, threshold 0.3",
        lambda: small(3, 1),
        imagenet,
        IMAGENET,
        outputs="logit",
        extra={"threshold": 0.3},
        target=one,
    ),
    Brought(
        "one sigmoid",
        lambda: with_end(small(3, 1), nn.Sigmoid()),
        imagenet,
        IMAGENET,
        outputs="sigmoid",
        target=one,
    ),
    Brought(
        "14 labels, logits (as TorchXRayVision)",
        lambda: Scaled(small(1, 14), -1024, 1024),
        xrv,
        XRV,
        outputs="multilabel",
        extra={"label": 3},
        target=several,
    ),
    Brought(
        "14 labels, sigmoids (as CheXNet)",
        lambda: with_end(small(3, 14), nn.Sigmoid()),
        imagenet,
        IMAGENET,
        outputs="multilabel",
        extra={"label": "finding_3", "labels": FINDINGS, "activation": "sigmoid"},
        target=several,
    ),
    Brought("a dict with logits and features", lambda: Features("dict"), imagenet, IMAGENET),
    Brought("a tuple with one tensor", lambda: Features("tuple"), imagenet, IMAGENET),
    Brought(
        "channels last, as Keras",
        ChannelsLast,
        lambda x: imagenet(x).permute(0, 2, 3, 1),
        IMAGENET | {"layout": "channels_last"},
    ),
]


def first_tensor(output: Any) -> Tensor:
    """The logits as their owner would pick them."""
    if isinstance(output, dict):
        return output["logits"]
    return output[0] if isinstance(output, tuple) else output


def decision(brought: Brought, output: Tensor) -> Tensor:
    """The class, 0 or 1, that the owner reads from the outputs."""
    threshold = brought.extra.get("threshold", 0.5)
    if brought.outputs == "logit":
        return (output[:, 0].sigmoid() >= threshold).long()
    if brought.outputs == "sigmoid":
        return (output[:, 0] >= threshold).long()
    if brought.outputs == "multilabel":
        bounded = "sigmoids" in brought.name
        score = output[:, 3] if bounded else output[:, 3].sigmoid()
        return (score >= threshold).long()
    return output.argmax(dim=1)


def loss(brought: Brought, output: Tensor, labels: Tensor) -> Tensor:
    """The cross-entropy of each image, n, as the owner would write it."""
    functional = nn.functional
    if brought.outputs in ("logit", "sigmoid", "multilabel"):
        column = 3 if brought.outputs == "multilabel" else 0
        bounded = brought.outputs == "sigmoid" or "sigmoids" in brought.name
        wanted = labels.to(output.dtype)
        entropy = (
            functional.binary_cross_entropy
            if bounded
            else (functional.binary_cross_entropy_with_logits)
        )
        return entropy(output[:, column], wanted, reduction="none")
    if brought.outputs == "probabilities":
        return functional.nll_loss(output.log(), labels, reduction="none")
    return functional.cross_entropy(output, labels, reduction="none")


def trained(brought: Brought) -> nn.Module:
    """A few steps of Adam on all images: it need not be good, but must not be constant."""
    torch.manual_seed(0)
    network = brought.build()
    steps = 40 if sum(p.numel() for p in network.parameters()) < 1e6 else 12
    pixels, labels = images(*brought.shape)
    weights = [p for p in network.parameters() if p.requires_grad]
    optimiser = torch.optim.Adam(weights, lr=brought.lr)
    network.train()
    for _ in range(steps):
        optimiser.zero_grad()
        output = first_tensor(network(brought.preprocess(pixels)))
        if brought.target is None:
            value = loss(brought, output, labels).mean()
        else:
            bounded = brought.outputs == "sigmoid" or "sigmoids" in brought.name
            entropy = (
                nn.functional.binary_cross_entropy
                if bounded
                else (nn.functional.binary_cross_entropy_with_logits)
            )
            value = entropy(output, brought.target(labels))
        value.backward()
        optimiser.step()
    for module in network.modules():  # statistics of all images, as after a long training
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d):
            module.reset_running_stats()
            module.momentum = None
    with torch.no_grad():
        network(brought.preprocess(pixels))
    for parameter in network.parameters():
        parameter.requires_grad_(True)
    return network.eval()
