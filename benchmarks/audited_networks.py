"""Networks as people in this field have them, small and quickly trained, for audit_table.py.

Each tells two textures apart, mostly on images of 64 pixels. `Brought` has what its owner would
write into a study, and what the owner computes at home: preprocessing, decision and loss, written
without pgdose.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import timm
import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision import models

SIZE, EACH = 64, 16
OF_LIBRARIES = (32, 32)  # pixels of the images of libraries' networks, which are slow
GRAPHS = ("pt2", "onnx", "old onnx", "torchscript")
WEIGHTS_TOO = (*GRAPHS, "safetensors")
FINDINGS = [f"finding_{k}" for k in range(14)]
AUDITED = 3  # of the findings
CLASSES = ["negative", "positive"]
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def images(rows: int, columns: int) -> tuple[Tensor, Tensor]:
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


@dataclass(frozen=True, kw_only=True)
class Brought:
    """A network as its owner has it.

    build:        an untrained network
    preprocess:   images in [0, 1], n x 1 x rows x columns, to what the network takes
    input:        the same in the study's words, its key `input`
    outputs:      the study's key `outputs`
    extra:        further keys of the study that say what outputs mean
    bounded:      a sigmoid of one output stands at the end
    names:        of its outputs, if it has several; None: one
    files:        the kinds of file that its owner could write, some of audit_table.FILES
    terminal:     the kind that --terminal carries through `pgdose audit`; None: none
    architecture: of a file of weights
    shape:        rows and columns of its images
    lr, steps:    of its training
    target:       labels to what the training compares outputs with; None: class numbers
    """

    name: str
    build: Callable[[], nn.Module]
    preprocess: Callable[[Tensor], Tensor]
    input: dict[str, Any]
    outputs: str = "logits"
    extra: dict[str, Any] = field(default_factory=dict)
    bounded: bool = False
    names: list[str] | None = None
    files: tuple[str, ...] = GRAPHS
    terminal: str | None = None
    architecture: str | None = None
    shape: tuple[int, int] = (SIZE, SIZE)
    lr: float = 2e-3
    steps: int = 40
    target: Callable[[Tensor], Tensor] | None = None

    @property
    def threshold(self) -> float:
        return float(self.extra.get("threshold", 0.5))

    @property
    def column(self) -> int:
        """Of networks with one number for each label: the number that is audited."""
        return AUDITED if self.outputs == "multilabel" else 0

    @property
    def of_one_number(self) -> bool:
        return self.outputs in ("logit", "sigmoid", "multilabel")

    def output(self, network: nn.Module, pixels: Tensor) -> Tensor:
        """The tensor that the owner looks at, for images in [0, 1]."""
        output = network(self.preprocess(pixels))
        if isinstance(output, dict):
            output = output["logits"]
        tensor: Tensor = output[0] if isinstance(output, tuple) else output
        return tensor

    def decision(self, output: Tensor) -> Tensor:
        """The class, 0 or 1, that the owner reads from the outputs."""
        if not self.of_one_number:
            return output.argmax(dim=1)
        number = output[:, self.column]
        return ((number if self.bounded else number.sigmoid()) >= self.threshold).long()

    def loss(self, output: Tensor, labels: Tensor) -> Tensor:
        """The cross-entropy of each image, n, as the owner would write it."""
        if self.of_one_number:
            return self.entropy(output[:, self.column], labels.to(output.dtype), "none")
        if self.outputs == "probabilities":
            return functional.nll_loss(output.log(), labels, reduction="none")
        return functional.cross_entropy(output, labels, reduction="none")

    def entropy(self, numbers: Tensor, wanted: Tensor, reduction: str) -> Tensor:
        """The cross-entropy of numbers that each speak for one label."""
        if self.bounded:
            return functional.binary_cross_entropy(numbers, wanted, reduction=reduction)
        return functional.binary_cross_entropy_with_logits(numbers, wanted, reduction=reduction)


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


def one(labels: Tensor) -> Tensor:
    return labels[:, None].float()


def several(labels: Tensor) -> Tensor:
    """Of each finding: a third of them follow the class, as the audited one, the others do not."""
    columns = [labels if number % 3 == 0 else 1 - labels for number in range(len(FINDINGS))]
    return torch.stack(columns, dim=1).float()


LOW_RATE = ("convnext_tiny", "swin_t", "squeezenet1_1")  # what training with a larger one ruins


def _of_library(name: str, build: Callable[[], nn.Module], **more: Any) -> Brought:
    usual = {"preprocess": imagenet, "input": IMAGENET, "shape": OF_LIBRARIES, "steps": 12}
    return Brought(name=name, build=build, files=WEIGHTS_TOO, **(usual | more))


def _torchvision(name: str, **more: Any) -> Brought:
    more["lr"] = 3e-4 if name in LOW_RATE else 2e-3
    return _of_library(f"torchvision {name}", lambda: vision(name), architecture=name, **more)


def _timm(name: str, options: dict[str, Any], **more: Any) -> Brought:
    title = f"timm {name}" + ("" if "in_chans" not in options else ", one channel")
    architecture = f"timm/{name}"
    return _of_library(
        title, lambda: timm_model(name, **options), architecture=architecture, **more
    )


PLAIN = [
    Brought(name="plain CNN", build=small, preprocess=imagenet, input=IMAGENET, terminal="onnx"),
    Brought(
        name="plain CNN, one channel",
        build=lambda: small(1),
        preprocess=grey,
        input=GREY,
        terminal="torchscript",
    ),
    Brought(name="plain CNN, black is -1", build=small, preprocess=minus_one, input=MINUS_ONE),
    Brought(
        name="plain CNN, 0 to 255",
        build=lambda: Scaled(small(), 0, 255),
        preprocess=bytes_,
        input=BYTES,
        terminal="old onnx",
    ),
    Brought(
        name="plain CNN, 96 x 64 pixels",
        build=lambda: small(1),
        preprocess=grey,
        input=GREY,
        shape=(96, 64),
        terminal="pt2",
    ),
    Brought(
        name="multilayer perceptron",
        build=lambda: nn.Sequential(
            nn.Flatten(), nn.Linear(SIZE * SIZE, 32), nn.GELU(), nn.Linear(32, 2)
        ),
        preprocess=grey,
        input=GREY,
        lr=2e-4,
    ),
    Brought(
        name="MONAI-like, instance norm and PReLU",
        build=monai_like,
        preprocess=grey,
        input=GREY,
        terminal="onnx",
    ),
    Brought(
        name="channels last, as Keras",
        build=ChannelsLast,
        preprocess=lambda x: imagenet(x).permute(0, 2, 3, 1),
        input=IMAGENET | {"layout": "channels_last"},
        terminal="onnx",
    ),
    Brought(
        name="a dict with logits and features",
        build=lambda: Features("dict"),
        preprocess=imagenet,
        input=IMAGENET,
        names=["logits", "features"],
        terminal="pt2",
    ),
    Brought(
        name="a tuple with one tensor",
        build=lambda: Features("tuple"),
        preprocess=imagenet,
        input=IMAGENET,
    ),
    Brought(
        name="normalises by itself",
        build=Normalised,
        preprocess=lambda x: x.expand(-1, 3, -1, -1),
        input={"mean": 0, "std": 1},
        shape=OF_LIBRARIES,
        steps=12,
    ),
    Brought(
        name="frozen encoder with a head",
        build=FrozenEncoder,
        preprocess=imagenet,
        input=IMAGENET,
        shape=OF_LIBRARIES,
        terminal="pt2",
    ),
    Brought(
        name="ensemble, mean of logits",
        build=lambda: Ensemble([small(), small(), small()], probabilities=False),
        preprocess=imagenet,
        input=IMAGENET,
    ),
    Brought(name="mean over the mirror image", build=Mirrored, preprocess=imagenet, input=IMAGENET),
]
OUTPUTS = [
    Brought(
        name="softmax at the end",
        build=lambda: nn.Sequential(small(), nn.Softmax(dim=1)),
        preprocess=imagenet,
        input=IMAGENET,
        outputs="probabilities",
        terminal="onnx",
    ),
    Brought(
        name="log_softmax at the end",
        build=lambda: nn.Sequential(small(), nn.LogSoftmax(dim=1)),
        preprocess=imagenet,
        input=IMAGENET,
    ),
    Brought(
        name="ensemble, mean of probabilities",
        build=lambda: Ensemble([small(), small()], probabilities=True),
        preprocess=imagenet,
        input=IMAGENET,
        outputs="probabilities",
    ),
    Brought(
        name="one logit",
        build=lambda: small(3, 1),
        preprocess=imagenet,
        input=IMAGENET,
        outputs="logit",
        target=one,
    ),
    Brought(
        name="one logit, threshold 0.3",
        build=lambda: small(3, 1),
        preprocess=imagenet,
        input=IMAGENET,
        outputs="logit",
        extra={"threshold": 0.3},
        target=one,
        terminal="onnx",
    ),
    Brought(
        name="one sigmoid",
        build=lambda: nn.Sequential(small(3, 1), nn.Sigmoid()),
        preprocess=imagenet,
        input=IMAGENET,
        outputs="sigmoid",
        bounded=True,
        target=one,
        terminal="pt2",
    ),
    Brought(
        name="14 labels, logits (as TorchXRayVision)",
        build=lambda: Scaled(small(1, 14), -1024, 1024),
        preprocess=xrv,
        input=XRV,
        outputs="multilabel",
        extra={"label": AUDITED},
        target=several,
    ),
    Brought(
        name="14 labels, sigmoids (as CheXNet)",
        build=lambda: nn.Sequential(small(3, 14), nn.Sigmoid()),
        preprocess=imagenet,
        input=IMAGENET,
        outputs="multilabel",
        extra={"label": FINDINGS[AUDITED], "labels": FINDINGS, "activation": "sigmoid"},
        bounded=True,
        target=several,
        terminal="onnx",
    ),
]
LIBRARIES = [
    _torchvision("resnet18", terminal="safetensors"),
    *(
        _torchvision(name)
        for name in (
            "densenet121",
            "efficientnet_b0",
            "mobilenet_v3_small",
            "convnext_tiny",
            "shufflenet_v2_x1_0",
            "swin_t",
            "squeezenet1_1",
        )
    ),
    _timm("resnet18", {"in_chans": 1}, preprocess=grey, input=GREY, terminal="safetensors"),
    _timm("vit_tiny_patch16_224", {"img_size": OF_LIBRARIES[0]}, lr=3e-4),
    _timm("convnext_atto", {}),
    _timm("efficientnet_lite0", {}),
]
BROUGHT = [*PLAIN, *OUTPUTS, *LIBRARIES]


def trained(brought: Brought) -> nn.Module:
    """Some steps of Adam on all images: it need not be good, but must not be constant."""
    torch.manual_seed(0)
    network = brought.build()
    pixels, labels = images(*brought.shape)
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    optimiser = torch.optim.Adam(weights, lr=brought.lr)
    network.train()
    for _ in range(brought.steps):
        optimiser.zero_grad()
        output = brought.output(network, pixels)
        if brought.target is None:
            loss = brought.loss(output, labels).mean()
        else:
            loss = brought.entropy(output, brought.target(labels), "mean")
        loss.backward()
        optimiser.step()
    for module in network.modules():  # statistics of all images, as after a long training
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d):
            module.reset_running_stats()
            module.momentum = None
    with torch.no_grad():
        brought.output(network, pixels)
    for weight in network.parameters():
        weight.requires_grad_(True)
    return network.eval()
