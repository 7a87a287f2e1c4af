"""Sections `training` and `networks`: networks to train, and networks that exist already."""

import re
from pathlib import PurePath
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    field_validator,
    model_validator,
)

from pgdose.study.augmentation import Augment
from pgdose.study.base import IS_PATH, Count, FilePath, Model, Name, mistake, nearest

# torchvision's classification networks.
ARCHITECTURES = (
    *("alexnet", "convnext_base", "convnext_large", "convnext_small", "convnext_tiny"),
    *("densenet121", "densenet161", "densenet169", "densenet201"),
    *(f"efficientnet_b{n}" for n in range(8)),
    *("efficientnet_v2_l", "efficientnet_v2_m", "efficientnet_v2_s"),
    *("googlenet", "inception_v3", "maxvit_t"),
    *("mnasnet0_5", "mnasnet0_75", "mnasnet1_0", "mnasnet1_3"),
    *("mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small"),
    *(f"regnet_x_{n}" for n in ("16gf", "1_6gf", "32gf", "3_2gf", "400mf", "800mf", "8gf")),
    *(f"regnet_y_{n}" for n in ("128gf", "16gf", "1_6gf", "32gf", "3_2gf", "400mf", "800mf")),
    *("regnet_y_8gf", "resnet101", "resnet152", "resnet18", "resnet34", "resnet50"),
    *("resnext101_32x8d", "resnext101_64x4d", "resnext50_32x4d"),
    *(f"shufflenet_v2_x{n}" for n in ("0_5", "1_0", "1_5", "2_0")),
    *("squeezenet1_0", "squeezenet1_1"),
    *("swin_b", "swin_s", "swin_t", "swin_v2_b", "swin_v2_s", "swin_v2_t"),
    *(f"vgg{n}" for n in ("11", "11_bn", "13", "13_bn", "16", "16_bn", "19", "19_bn")),
    *("vit_b_16", "vit_b_32", "vit_h_14", "vit_l_16", "vit_l_32"),
    *("wide_resnet101_2", "wide_resnet50_2"),
)


def _architecture(name: str) -> str:
    if name not in ARCHITECTURES and not re.fullmatch(r"timm/[A-Za-z0-9_.]{1,80}", name):
        near = nearest(name, ARCHITECTURES)
        raise mistake(
            "no network of torchvision's{near}; a name of its classification networks, or "
            "timm/NAME for one of timm's",
            near=near,
        )
    return name


Architecture = Annotated[str, AfterValidator(_architecture)]


# By a file's suffix; safetensors hold weights alone and want an architecture beside them.
NETWORK_FORMATS = {
    **{".pt2": "exported program", ".onnx": "onnx", ".safetensors": "weights"},
    **{".pt": "torchscript", ".ts": "torchscript", ".torchscript": "torchscript"},
}


def _several(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


class Input(Model):
    """What a network from elsewhere is used to see."""

    size: Count | None = None  # pixels; if given, `image.size` must be the same
    channels: Literal[1, 3] = 3
    range: tuple[float, float] = (0.0, 1.0)  # the values of black and of white
    # In that range, one for all channels or one each; null: the architecture's, or else 0 and 1.
    mean: Annotated[list[float], BeforeValidator(_several)] | None = None
    std: Annotated[list[Annotated[float, Field(gt=0)]], BeforeValidator(_several)] | None = None
    layout: Literal["channels_first", "channels_last"] = "channels_first"

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.range[0] >= self.range[1]:
            raise mistake("'range' is [black, white], and black is less")
        given = [values for values in (self.mean, self.std) if values is not None]
        if any(len(values) not in (1, self.channels) for values in given):
            raise mistake("'mean' and 'std' have one number for all channels, or one each")
        return self


class ExistingNetwork(Model):
    """A network that was trained elsewhere; the group's images are all for validation then."""

    file: FilePath
    classes: Annotated[list[Name], Field(min_length=2)]  # in the order of its outputs
    architecture: Architecture | None = None  # of weights alone (safetensors)
    input: Input | None = None  # null: as the architecture's ImageNet weights; else Input's own
    outputs: Literal["logits", "probabilities"] = "logits"
    trust: bool = False  # TorchScript is a program of its own: whoever says true, runs it

    @model_validator(mode="after")
    def _fits(self) -> Self:
        suffix = PurePath(self.file).suffix.lower()
        kind = NETWORK_FORMATS.get(suffix)
        if kind is None:
            raise mistake(
                "file: '{suffix}' is no kind of network; one of {known}",
                suffix=suffix,
                known=", ".join(NETWORK_FORMATS),
            )
        if (kind == "weights") != (self.architecture is not None):
            raise mistake(
                "'architecture' goes with a file of weights (.safetensors), and only with one"
            )
        if kind == "torchscript" and not self.trust:
            raise mistake(
                "file: TorchScript is a program that reading it would run; give an exported "
                "program (.pt2), or say 'trust: true' if you know who made it"
            )
        if len(set(self.classes)) < len(self.classes):
            raise mistake("'classes' names one twice")
        return self


class Training(Model):
    """How a group's network is made. What stands here but for the last part decides its weights."""

    architecture: Architecture = "inception_v3"
    width: Annotated[float, Field(gt=0, le=1)] = 1.0  # of inception_v3's channel counts
    weights: Annotated[str | None, IS_PATH] = None  # imagenet, or a safetensors file
    dropout: Annotated[float, Field(ge=0, lt=1)] | None = None  # null: the architecture's own
    auxiliary: Annotated[float, Field(ge=0, le=1)] = 0.4  # weight of auxiliary heads' loss
    optimizer: Literal["adam", "adamw"] = "adam"
    schedule: Literal["one_cycle", "cosine", "constant"] = "one_cycle"
    lr: Annotated[float, Field(gt=0)] = 1e-3
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    epochs: Count = 20
    batch: Annotated[int, Field(ge=2)] = 32
    augment: Augment | None = None  # anew in each epoch; copies made before are a class's matter
    keep: Literal["last", "best"] = "last"  # best: the epoch with the least loss on `held_out`
    patience: Count | None = None  # epochs without a smaller one, after which training ends
    held_out: Annotated[float, Field(gt=0, lt=0.5)] = 0.1  # of the training images, by patient
    precision: Literal["fp32", "tf32", "bf16", "fp16"] = "fp32"  # others on CUDA only
    deterministic: bool = False  # on CUDA; on a CPU it always is
    gpus: Annotated[int, Field(ge=1, le=16)] = 1  # that share each batch
    tensorboard: bool = False
    threads: Count = 2
    mem_mb: Count = 3000
    runtime: Count = 60  # minutes

    @field_validator("width")
    @classmethod
    def _sixteenths(cls, width: float) -> float:
        if (width * 16) % 1:
            raise mistake("a multiple of 1/16, so that all channel counts stay whole")
        return width

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        if self.width != 1 and self.architecture != "inception_v3":
            raise mistake(
                "'width: {width}' is of inception_v3; leave it out for {architecture}",
                width=self.width,
                architecture=self.architecture,
            )
        if self.batch < 2 * self.gpus:
            raise mistake("'batch' must be at least 2 images for each of 'gpus'")
        return self


ONE_WIDTH = "'imagenet' fits 'width: 1' only; give null or a file"


def network_kind(raw: Any) -> str:
    """A file makes it a network that exists already."""
    there = isinstance(raw, ExistingNetwork) or (isinstance(raw, dict) and "file" in raw)
    return "brought" if there else "trained"


AnyNetwork = Annotated[
    Annotated[ExistingNetwork, Tag("brought")] | Annotated[Training, Tag("trained")],
    Discriminator(network_kind),
]


OF_ARCHITECTURE = ("width", "weights", "dropout")  # what another one does not take over
