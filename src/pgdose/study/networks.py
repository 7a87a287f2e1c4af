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
from pgdose.study.base import (
    IS_PATH,
    JOB_ONLY,
    Count,
    InputPath,
    Model,
    Name,
    Share,
    mistake,
    nearest,
    one_of,
)

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


def _check_architecture(name: str) -> str:
    if name not in ARCHITECTURES and not re.fullmatch(r"timm/[A-Za-z0-9_.]{1,80}", name):
        raise mistake(
            "must be a classification network of torchvision, or timm/NAME for one of timm{near}",
            near=nearest(name, ARCHITECTURES),
        )
    return name


Architecture = Annotated[str, AfterValidator(_check_architecture)]

# By the suffix of a network's file. A file of weights needs an architecture beside it.
NETWORK_FORMATS = {
    **{".pt2": "exported program", ".onnx": "onnx", ".safetensors": "weights"},
    **{".pt": "torchscript", ".ts": "torchscript", ".torchscript": "torchscript"},
}


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


class Input(Model):
    """The input that a network from elsewhere expects."""

    size: Count | None = None  # pixels of a side; if given, `image.size` must be the same
    channels: Literal[1, 3] = 3
    range: tuple[float, float] = (0.0, 1.0)  # the values of black and of white
    # In that range, one for all channels or one each. null: those of the architecture's ImageNet
    # weights if there is one, else 0 and 1.
    mean: Annotated[list[float], BeforeValidator(_as_list)] | None = None
    std: Annotated[list[Annotated[float, Field(gt=0)]], BeforeValidator(_as_list)] | None = None
    layout: Literal["channels_first", "channels_last"] = "channels_first"

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.range[0] >= self.range[1]:
            raise mistake("must be [black, white] with black < white", field="range")
        for field in ("mean", "std"):
            values = getattr(self, field)
            if values is not None and len(values) not in (1, self.channels):
                raise mistake(
                    "must hold one number for all channels, or {channels} numbers",
                    field=field,
                    channels=self.channels,
                )
        return self


class ExistingNetwork(Model):
    """A network trained elsewhere; all images of its group are for validation."""

    file: Annotated[InputPath, JOB_ONLY]
    classes: Annotated[list[Name], Field(min_length=2)]  # in the order of the outputs
    architecture: Architecture | None = None  # for files of weights (.safetensors) alone
    # null: as the architecture's ImageNet weights, or Input's defaults without an architecture
    input: Input | None = None
    outputs: Literal["logits", "probabilities"] = "logits"
    trust: bool = False  # allows TorchScript, which runs as a program when it is read

    @property
    def format(self) -> str:
        """One of NETWORK_FORMATS' values."""
        return NETWORK_FORMATS[PurePath(self.file).suffix.lower()]

    @model_validator(mode="after")
    def _check(self) -> Self:
        suffix = PurePath(self.file).suffix.lower()
        if suffix not in NETWORK_FORMATS:
            raise mistake(
                "'{suffix}' is not a network format; {choices}",
                field="file",
                suffix=suffix,
                choices=one_of(NETWORK_FORMATS),
            )
        if self.format == "weights" and self.architecture is None:
            raise mistake("a .safetensors file holds only weights; give 'architecture' too")
        if self.format != "weights" and self.architecture is not None:
            raise mistake("'architecture' is only for .safetensors files; leave it out")
        if self.format == "torchscript" and not self.trust:
            raise mistake(
                "reading a TorchScript file can run code from it; give an exported program (.pt2), "
                "or set 'trust: true' if you know who made the file",
                field="file",
            )
        if len(set(self.classes)) < len(self.classes):
            raise mistake("must name each class once", field="classes")
        return self


class Training(Model):
    """How a group's network is trained."""

    architecture: Architecture = "inception_v3"
    width: Annotated[float, Field(gt=0, le=1)] = 1.0  # of inception_v3's channel counts
    weights: Annotated[str | None, IS_PATH] = None  # to start from: imagenet or a safetensors file
    dropout: Annotated[float, Field(ge=0, lt=1)] | None = None  # null: the architecture's own
    auxiliary: Share = 0.4  # weight of the auxiliary heads' loss
    optimizer: Literal["adam", "adamw"] = "adam"
    schedule: Literal["one_cycle", "cosine", "constant"] = "one_cycle"
    lr: Annotated[float, Field(gt=0)] = 1e-3
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    epochs: Count = 20
    batch: Annotated[int, Field(ge=2)] = 32
    augment: Augment | None = None  # anew in each epoch, beside the copies of `augment_to`
    keep: Literal["last", "best"] = "last"  # best: the epoch with the least loss on `held_out`
    patience: Count | None = None  # stop after so many epochs without a smaller loss
    held_out: Annotated[float, Field(gt=0, lt=0.5)] = 0.1  # of the training images, by patient
    precision: Literal["fp32", "tf32", "bf16", "fp16"] = "fp32"  # others on CUDA only
    deterministic: bool = False  # on CUDA; training on a CPU always is
    gpus: Annotated[int, Field(ge=1, le=16)] = 1  # that share each batch
    tensorboard: Annotated[bool, JOB_ONLY] = False
    threads: Annotated[Count, JOB_ONLY] = 2
    mem_mb: Annotated[Count, JOB_ONLY] = 3000
    runtime: Annotated[Count, JOB_ONLY] = 60  # minutes

    @field_validator("width")
    @classmethod
    def _check_width(cls, width: float) -> float:
        if (width * 16) % 1:
            raise mistake(
                "must be a multiple of 1/16, so that all channel counts are whole numbers"
            )
        return width

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.width != 1 and self.architecture != "inception_v3":
            raise mistake(
                "'width' is only for inception_v3; leave it out for {architecture}",
                architecture=self.architecture,
            )
        if self.batch < 2 * self.gpus:
            raise mistake(
                "must be at least {least}, two images for each of the {gpus} 'gpus'",
                field="batch",
                least=2 * self.gpus,
                gpus=self.gpus,
            )
        return self


# Keys that a further network does not take from section `training` if its architecture differs.
OF_ARCHITECTURE = ("width", "weights", "dropout")


def network_kind(raw: Any) -> Literal["existing", "trained"]:
    """Tells an entry of `networks` apart, before it is validated: one with a `file` exists."""
    exists = isinstance(raw, ExistingNetwork) or (isinstance(raw, dict) and "file" in raw)
    return "existing" if exists else "trained"


AnyNetwork = Annotated[
    Annotated[ExistingNetwork, Tag("existing")] | Annotated[Training, Tag("trained")],
    Discriminator(network_kind),
]
