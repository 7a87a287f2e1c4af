"""Section `training`: how a network is trained."""

import re
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    field_validator,
    model_validator,
)

from pgdose.study.adversarial_training import AdversarialTraining
from pgdose.study.augmentation import Augment
from pgdose.study.base import (
    IS_PATH,
    JOB_ONLY,
    Count,
    Integer,
    Megabytes,
    Minutes,
    Model,
    Real,
    Share,
    Threads,
    mistake,
)
from pgdose.study.field_types import InputFile
from pgdose.study.suggestions import nearest

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


class Training(Model):
    """How a group's network is trained."""

    architecture: Architecture = "inception_v3"
    """Network: any of torchvision's classification networks by its name, or `timm/NAME` (`pip
    install 'pgdose[timm]'`).
    """
    width: Annotated[Real, Field(gt=0, le=1)] = 1.0
    """Factor of every channel count, a multiple of 1/16; 1 is the paper's network.

    Unit: none
    Only: with `architecture: inception_v3`
    """
    weights: Annotated[InputFile | None, IS_PATH] = None
    """What training begins with: `imagenet` (torchvision's weights), or the path of a
    `.safetensors` file. Left out: random weights.

    In such a file the last layer may have other classes, all names one prefix (`module.`), numbers
    16 bits, and the first layer one channel, which is spread over three; what was done is noted.
    """
    dropout: Annotated[Real, Field(ge=0, lt=1)] | None = None
    """Probability of all dropouts. Left out: the architecture's own.

    Unit: share
    """
    auxiliary: Share = 0.4
    """Weight of the loss of auxiliary heads, which `inception_v3` has from 299 pixels on and
    `googlenet` from 224; 0: none.

    Unit: none
    """
    optimizer: Literal["adam", "adamw"] = "adam"
    """Optimizer."""
    schedule: Literal["one_cycle", "cosine", "constant"] = "one_cycle"
    """How the learning rate changes, step by step."""
    lr: Annotated[Real, Field(gt=0)] = 1e-3
    """Learning rate; of a schedule, the largest one.

    Unit: none
    """
    weight_decay: Annotated[Real, Field(ge=0)] = 0.0
    """Weight decay.

    Unit: none
    """
    label_smoothing: Annotated[Real, Field(ge=0, lt=1)] = 0.0
    """Share of each label that is spread over all classes.

    Unit: share
    """
    epochs: Annotated[Integer, Field(ge=1, le=100_000)] = 20
    """Passes over the training images.

    Unit: epochs
    """
    batch: Annotated[Integer, Field(ge=2, le=1_000_000)] = 32
    """Images of a step. A batch that memory does not hold is computed in parts whose gradients add
    up. At least two for each of the `gpus`.

    Unit: images
    """
    augment: Augment | None = None
    """Vary images anew in each epoch, up to these limits; `{}` for the usual ones. Left out: not at
    all.
    """
    keep: Literal["last", "best"] = "last"
    """The epoch whose weights count: the `last`, or the `best`, with the least loss on `held_out`.
    Validation images are never used for it.
    """
    patience: Count | None = None
    """Epochs without a smaller loss on `held_out` after which training ends. Left out: it does not
    end early.

    Unit: epochs
    """
    held_out: Annotated[Real, Field(gt=0, lt=0.5)] = 0.1
    """Share of the training images, by patient, that is kept out of training for `keep` and
    `patience`.

    Unit: share
    Only: used with `keep: best` or `patience`
    """
    adversarial: AdversarialTraining | None = None
    """Train on attacked images. Left out: on clean images alone."""
    precision: Literal["fp32", "tf32", "bf16", "fp16"] = "fp32"
    """Precision of the arithmetic on CUDA; on a CPU it is `fp32`."""
    deterministic: bool = False
    """Give the same bits each time on CUDA, slower. A CPU always does."""
    gpus: Annotated[Integer, Field(ge=1, le=16)] = 1
    """GPUs of one machine that share each batch, with a process each. Results do not depend on how
    many, but for rounding and dropout.

    Unit: GPUs
    """
    tensorboard: Annotated[bool, JOB_ONLY] = False
    """Write event files to `groups/<group>/<run>/tensorboard/` (`pip install
    'pgdose[tensorboard]'`). Set in `training`; their names hold the machine's name.

    Reruns: the network, when it is switched on
    """
    threads: Annotated[Threads, JOB_ONLY] = 2
    """CPU threads of the job. They are a setting, not left to `--cores`, because sums in another
    order give other weights.

    Unit: threads
    """
    mem_mb: Annotated[Megabytes, JOB_ONLY] = 3000
    """Memory that the job asks a cluster for, for the processes of all `gpus` together.

    Unit: MB
    Reruns: the page
    """
    runtime: Annotated[Minutes, JOB_ONLY] = 60
    """Time that the job asks a cluster for.

    Unit: minutes
    Reruns: the page; networks from files are imported again
    """

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
        if self.adversarial and self.adversarial.warmup >= self.epochs:
            raise mistake(
                "{warmup} epochs would leave none at the full epsilon; use fewer than 'epochs', "
                "{epochs}",
                field="adversarial.warmup",
                warmup=self.adversarial.warmup,
                epochs=self.epochs,
            )
        if self.adversarial:
            self._check_uses(self.adversarial)
        if self.batch < 2 * self.gpus:
            raise mistake(
                "must be at least {least}, two images for each of the {gpus} 'gpus'",
                field="batch",
                least=2 * self.gpus,
                gpus=self.gpus,
            )
        return self

    def _check_uses(self, adversarial: AdversarialTraining) -> None:
        """An epoch of `free` takes 1/steps of the images, so it needs `steps` epochs for all."""
        if adversarial.method == "free" and adversarial.steps > self.epochs:
            raise mistake(
                "{steps} uses of each batch in {epochs} epochs leave some images that are never "
                "trained on; use at most 'epochs', {epochs}",
                field="adversarial.steps",
                steps=adversarial.steps,
                epochs=self.epochs,
            )


# Keys that a further network does not take from section `training` if its architecture differs.
OF_ARCHITECTURE = ("width", "weights", "dropout")
